"""Several buffers read as one file: whatever is read, in whatever pieces, is what the joined bytes would give."""

import io
import zlib

from hypothesis import given
from hypothesis import strategies as st

from pipeline.shards.joined_buffers import JoinedBuffers

buffers = st.lists(st.binary(max_size=20), max_size=4)


def read_pieces(file: io.IOBase, size: int) -> list[bytes]:
    return list(iter(lambda: file.read(size), b""))  # type: ignore[attr-defined]


@given(buffers, st.integers(1, 30))
def test_pieces_make_the_whole(parts: list[bytes], size: int) -> None:
    assert b"".join(read_pieces(JoinedBuffers(*parts), size)) == b"".join(parts)


@given(buffers)
def test_all_of_it_is_read_at_once(parts: list[bytes]) -> None:
    assert JoinedBuffers(*parts).read() == b"".join(parts)


@given(buffers, st.integers(0, 90), st.sampled_from([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END]), st.integers(0, 20))
def test_it_is_read_from_anywhere_as_any_file(parts: list[bytes], offset: int, whence: int, already: int) -> None:
    joined, plain = JoinedBuffers(*parts), io.BytesIO(b"".join(parts))
    for file in (joined, plain):
        file.seek(min(already, len(joined)))
    distance = -min(offset, len(joined)) if whence == io.SEEK_END else offset
    assert joined.seek(distance, whence) == plain.seek(distance, whence)
    assert joined.read() == plain.read()


@given(buffers)
def test_its_checksum_is_that_of_the_joined_bytes(parts: list[bytes]) -> None:
    assert JoinedBuffers(*parts).crc32() == zlib.crc32(b"".join(parts))


@given(buffers)
def test_its_length_is_where_it_ends(parts: list[bytes]) -> None:
    joined = JoinedBuffers(*parts)
    assert len(joined) == joined.seek(0, io.SEEK_END) == sum(map(len, parts))


def test_an_array_is_not_copied() -> None:
    array = bytearray(b"pixels")
    joined = JoinedBuffers(b"header ", memoryview(array))
    array[0:1] = b"P"
    assert joined.read() == b"header Pixels"
