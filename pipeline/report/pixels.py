"""Single rows of packed shards: the pixels of an image, where they lie, without the rest of the shard."""

import json
import struct
from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.report.thumbnails import Pixels
from pipeline.runs.files import RunFiles
from pipeline.shards import SUFFIX

_HEADER_AT_ONCE = 65_536
"""Bytes: the header of 160 images with keys of a usual length."""


def rows(files: RunFiles, shard: str, wanted: Sequence[int]) -> Iterator[Pixels]:
    """The images of some rows of a shard, uint8 [H, W, C], in the order given.

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
        yield from np.frombuffer(data, np.uint8).reshape(count, height, width, channels)


def stretches(wanted: Sequence[int]) -> list[tuple[int, int]]:
    """Rows that follow one another, in the order given, as (first, how many): one request each."""
    found: list[tuple[int, int]] = []
    for row in wanted:
        if found and row == sum(found[-1]):
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((row, 1))
    return found
