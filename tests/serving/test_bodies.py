"""Bodies of requests: whole, in chunks, too large, broken off, and no bodies at all."""

import http.client
import io
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.serving.bodies import Body, Buffer
from pipeline.serving.replies import RefusedError

LIMIT = 1000


def head(**fields: str) -> Message:
    message = Message()
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    return message


CHUNKED = head(Transfer_Encoding="chunked")


def read(headers: Message, data: bytes, limit: int = LIMIT) -> bytes:
    return bytes(Body(headers, limit).read(io.BufferedReader(io.BytesIO(data)), Buffer()))  # type: ignore[arg-type]


def in_chunks(pieces: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"


@given(data=st.binary(max_size=LIMIT), behind=st.binary(max_size=10))
def test_a_body_has_as_many_bytes_as_its_head_says(data: bytes, behind: bytes) -> None:
    assert read(head(Content_Length=str(len(data))), data + behind) == data


@given(pieces=st.lists(st.binary(max_size=100), max_size=10))
def test_a_body_in_chunks_is_the_chunks_together(pieces: list[bytes]) -> None:
    assert read(CHUNKED, in_chunks(pieces)) == b"".join(pieces)


@pytest.mark.parametrize(
    "data",
    [
        b"3;name=value\r\nabc\r\n0\r\n\r\n",
        b"3 \r\nabc\r\n0\r\n\r\n",
        b"003\r\nabc\r\n0\r\nTrailer: value\r\nAnother: one\r\n\r\n",
        b"3\nabc\n0\n\n",
    ],
    ids=["an extension", "a space", "trailers", "bare line feeds"],
)
def test_what_may_stand_beside_the_chunks_is_passed_over(data: bytes) -> None:
    assert read(CHUNKED, data) == b"abc"


@given(data=st.binary(max_size=60) | st.text("0123456789abcdef\r\n;", max_size=60).map(str.encode))
def test_chunks_that_are_accepted_are_read_as_the_standard_librarys_client_reads_them(data: bytes) -> None:
    try:
        ours = read(CHUNKED, data)
    except (RefusedError, ConnectionResetError):
        return
    response = http.client.HTTPResponse(_Socket(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data))  # type: ignore[arg-type]
    response.begin()
    assert response.read() == ours


class _Socket:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


@pytest.mark.parametrize(
    "data", [b"xyz\r\n", b"\r\n", b"-1\r\n", b"0x3\r\nabc\r\n", b"3\r\nabcd\r\n0\r\n\r\n", b"1" * 5000]
)
def test_chunks_that_do_not_read_are_refused(data: bytes) -> None:
    with pytest.raises(RefusedError, match="chunk"):
        read(CHUNKED, data)


def test_endless_trailers_are_refused() -> None:
    with pytest.raises(RefusedError, match="more than 100 trailers"):
        read(CHUNKED, b"0\r\n" + b"a: b\r\n" * 101)


def test_a_body_of_exactly_the_limit_is_taken() -> None:
    data = bytes(LIMIT)
    assert read(head(Content_Length=str(LIMIT)), data) == read(CHUNKED, in_chunks([data[:600], data[600:]])) == data


def test_a_body_over_the_limit_is_refused_by_its_head() -> None:
    with pytest.raises(RefusedError, match="the body is 1001 bytes; at most 1000 bytes") as refused:
        Body(head(Content_Length="1001"), LIMIT)
    assert refused.value.status == 413


def test_chunks_over_the_limit_are_refused_before_they_are_read() -> None:
    with pytest.raises(RefusedError, match="at most 1000 bytes") as refused:
        read(CHUNKED, b"ffffffffffff\r\n")
    assert refused.value.status == 413


@given(pieces=st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=5), data=st.data())
def test_a_body_that_breaks_off_is_a_lost_connection(pieces: list[bytes], data: st.DataObject) -> None:
    whole = in_chunks(pieces)
    cut = data.draw(st.integers(0, len(whole) - 3))  # what is missing at the end is more than the last line's end
    with pytest.raises(ConnectionResetError):
        read(CHUNKED, whole[:cut])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (head(), 411),
        (head(Content_Length="many"), 400),
        (head(Content_Length="-1"), 400),
        (head(Content_Length="+1"), 400),
        (head(Content_Length="²"), 400),
        (head(Content_Length="1" * 5000), 400),
        (head(Content_Length="1", Transfer_Encoding="chunked"), 400),
        (head(Transfer_Encoding="gzip"), 501),
        (head(Transfer_Encoding="gzip, chunked"), 501),
    ],
    ids=str,
)
def test_a_head_that_announces_no_body_is_refused(headers: Message, status: int) -> None:
    with pytest.raises(RefusedError) as refused:
        Body(headers, LIMIT)
    assert refused.value.status == status


def test_two_different_lengths_are_refused() -> None:
    headers = head(Content_Length="1")
    headers["Content-Length"] = "2"
    with pytest.raises(RefusedError, match="no number of bytes"):
        Body(headers, LIMIT)


def test_the_memory_of_one_body_is_used_again_for_the_next() -> None:
    buffer = Buffer()
    first, second = buffer.room(100), buffer.room(50)
    first[0] = 7
    assert second[0] == 7
