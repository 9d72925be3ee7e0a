"""Single rows of packed shards: the pixels of an image, where they lie, without the rest of the shard."""

import json
import struct
from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.report.thumbnails import Pixels
from pipeline.runs.files import RunFiles
from pipeline.shards import SUFFIX

_HEADER_AT_ONCE = 65_536
"""Bytes: the header of 160 images with keys of a usual length."""

_ROWS_NEAR = 8
"""Rows that are read along with others, and not looked at: a request costs more than a megabyte."""


def rows(files: RunFiles, shard: str, wanted: Sequence[int]) -> Iterator[Pixels]:
    """The images of some rows of a shard, in ascending order, uint8 [H, W, C].

    Raises FileNotFoundError where the shard is there no more, ValueError where it is none.
    """
    name = f"shards/{shard}{SUFFIX}"
    beginning = files.read(name, 0, _HEADER_AT_ONCE)
    try:
        (length,) = struct.unpack_from("<Q", beginning)
        start = 8 + length
        if len(beginning) < start:
            beginning += files.read(name, len(beginning), start - len(beginning))
        _, height, width, channels = json.loads(beginning[8:start])["images"]["shape"]
    except (struct.error, KeyError, TypeError) as error:
        raise ValueError(f"{name} is no shard: {error!r}") from error
    size = height * width * channels
    for first, count in stretches(wanted):
        data = files.read(name, start + first * size, count * size)
        images = np.frombuffer(data, np.uint8).reshape(count, height, width, channels)
        for row in wanted[bisect_left(wanted, first) : bisect_left(wanted, first + count)]:
            yield images[row - first]


def stretches(wanted: Sequence[int]) -> list[tuple[int, int]]:
    """Rows near one another, of those in ascending order, as (first, how many): one request each."""
    found: list[tuple[int, int]] = []
    for row in wanted:
        if found and row <= sum(found[-1]) + _ROWS_NEAR:
            found[-1] = (found[-1][0], row - found[-1][0] + 1)
        else:
            found.append((row, 1))
    return found
