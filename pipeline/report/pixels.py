"""Single rows of packed shards: the pixels of an image, where they lie, without the rest of the shard."""

import json
import struct
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np

from pipeline.report.thumbnails import Pixels
from pipeline.runs.files import RunFiles
from pipeline.shards import MEBIBYTE, SUFFIX

_HEADER_AT_ONCE = 65_536
"""Bytes: the header of 160 images with keys of a usual length."""

_ROWS_NEAR = 8
"""Rows that are read along with others, and not looked at: a request costs more than a megabyte."""

PIXELS_AT_ONCE = MEBIBYTE
"""Bytes: they are still in the processor's cache when they are worked on, and no shard needs its memory all at once."""


def rows(files: RunFiles, shard: str, wanted: Sequence[int]) -> Iterator[Pixels]:
    """The images of some rows of a shard, in ascending order, uint8 [N, H, W, C]: as they come, some at a time.

    Raises FileNotFoundError where the shard is there no more, ValueError where it is none, and what botocore raises for
    a body that breaks off.
    """
    name = f"shards/{shard}{SUFFIX}"
    start, shape = _read_header(files, name)
    size = shape[0] * shape[1] * shape[2]
    at_once = max(PIXELS_AT_ONCE // size, 1)
    for first, count in stretches(wanted):
        with files.stream(name, start + first * size, count * size) as body:
            for begin in range(first, first + count, at_once):
                end = min(begin + at_once, first + count)
                data = _read(body, (end - begin) * size)
                if len(data) < (end - begin) * size:
                    raise ValueError(f"{name} is no shard: it ends within row {begin + len(data) // size}")
                images = np.frombuffer(data, np.uint8).reshape(-1, *shape)
                found = [row - begin for row in wanted[bisect_left(wanted, begin) : bisect_left(wanted, end)]]
                if found:
                    yield images if len(found) == len(images) else images[found]


def _read(body: IO[bytes], length: int) -> bytes:
    data = body.read(length)
    # A connection that is closed too early only ends what comes: botocore says so to who reads on.
    while len(data) < length and (more := body.read(length - len(data))):
        data += more
    return data


def _read_header(files: RunFiles, name: str) -> tuple[int, tuple[int, int, int]]:
    """Where the pixels begin, and [H, W, C] of an image."""
    beginning = files.read(name, 0, _HEADER_AT_ONCE)
    try:
        (length,) = struct.unpack_from("<Q", beginning)
        start = 8 + length
        if len(beginning) < start:
            beginning += files.read(name, len(beginning), start - len(beginning))
        _, height, width, channels = json.loads(beginning[8:start])["images"]["shape"]
    except (struct.error, KeyError, TypeError) as error:
        raise ValueError(f"{name} is no shard: {error!r}") from error
    return start, (height, width, channels)


def stretches(wanted: Sequence[int]) -> list[tuple[int, int]]:
    """Rows near one another, of those in ascending order, as (first, how many): one request each."""
    found: list[tuple[int, int]] = []
    for row in wanted:
        if found and row <= sum(found[-1]) + _ROWS_NEAR:
            found[-1] = (found[-1][0], row - found[-1][0] + 1)
        else:
            found.append((row, 1))
    return found
