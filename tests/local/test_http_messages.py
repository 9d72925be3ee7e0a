"""Bodies as streams: they end where the body ends, and leave the next request where it is."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.http_messages import BadRequestError, Body, ChunkedBody


@given(st.binary(max_size=2000), st.integers(1, 300))
def test_a_body_ends_where_it_ends_however_it_is_read(content: bytes, size: int) -> None:
    body = io.BufferedReader(Body(io.BytesIO(content + b"next request"), len(content)))
    assert b"".join(iter(lambda: body.read(size), b"")) == content


@given(st.lists(st.binary(min_size=1, max_size=300)), st.integers(1, 300))
def test_chunks_are_joined_however_they_are_read(chunks: list[bytes], size: int) -> None:
    wire = b"".join(b"%X;note\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\ntrailer: 1\r\n\r\nnext"
    source = io.BytesIO(wire)
    body = ChunkedBody(source)
    reader = io.BufferedReader(body, buffer_size=size)
    assert reader.read() == b"".join(chunks)
    assert body.finished
    assert source.read() == b"next"


def test_a_body_that_breaks_off_is_told() -> None:
    with pytest.raises(ConnectionResetError):
        Body(io.BytesIO(b"abc"), 4).readall()


@pytest.mark.parametrize("length", [b"xyz", b"", b"-5", b"+5", b"0x5", b"1_0"])
def test_a_chunk_without_a_length_is_refused(length: bytes) -> None:
    with pytest.raises(BadRequestError, match="not the length of a chunk"):
        ChunkedBody(io.BytesIO(length + b"\r\nhello\r\n0\r\n\r\n")).readall()


def test_a_chunk_that_is_longer_than_it_says_is_refused() -> None:
    with pytest.raises(BadRequestError, match="longer than it says"):
        ChunkedBody(io.BytesIO(b"3\r\nhello\r\n0\r\n\r\n")).readall()


def test_the_client_is_told_to_continue_at_the_first_read_and_once() -> None:
    told: list[str] = []
    body = Body(io.BytesIO(b"abc"), 3, before_first_read=lambda: told.append("continue"))
    assert body.awaited
    assert not told
    assert body.read(1) + body.readall() == b"abc"
    assert told == ["continue"]
    assert not body.awaited
