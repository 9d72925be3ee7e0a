"""Ranges of an object, read as a file, against a file in memory."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract.ranged_file import open_ranges

DATA = bytes(range(256)) * 1000

moves = st.tuples(st.integers(0, len(DATA) + 9), st.sampled_from([io.SEEK_SET, io.SEEK_END]), st.integers(0, 100_000))


@given(st.lists(moves, max_size=8))
def test_whatever_is_read_wherever_is_what_a_file_gives(moves: list[tuple[int, int, int]]) -> None:
    ranges, file = open_ranges(lambda offset, length: DATA[offset : offset + length], len(DATA)), io.BytesIO(DATA)
    for offset, whence, length in moves:
        offset = -min(offset, len(DATA)) if whence == io.SEEK_END else offset
        assert ranges.seek(offset, whence) == file.seek(offset, whence)
        assert ranges.read(length) == file.read(length)
        assert ranges.tell() == file.tell()


def test_nothing_is_asked_for_behind_the_end() -> None:
    asked = []

    def read_at(offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return DATA[offset : offset + length]

    ranges = open_ranges(read_at, len(DATA))
    ranges.seek(-10, io.SEEK_END)
    assert ranges.read() == DATA[-10:]
    assert all(length > 0 and offset + length <= len(DATA) for offset, length in asked)


def test_there_is_nothing_before_the_start() -> None:
    with pytest.raises(OSError, match="before the start"):
        open_ranges(lambda offset, length: b"", 5).seek(-6, io.SEEK_END)
