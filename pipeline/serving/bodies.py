"""The body of a request, read into memory that is used again, and never more of it than is allowed.

A body over the limit is refused before it is read where its Content-Length says so, and as soon as it is over where it
comes in chunks (RFC 9112, "Message Body Length" and "Chunked Transfer Coding").
"""

import re
from email.message import Message
from http import HTTPStatus
from io import BufferedIOBase

from pipeline.serving.replies import RefusedError
from pipeline.serving.settings import MEBIBYTE

_LONGEST_LINE = 4096  # of a chunk's size, with extensions that nobody uses, or of a trailer
_MOST_TRAILERS = 100
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?\r?\n", re.DOTALL)


class Buffer:
    """The memory of one body after another: as large as the largest of them yet.

    A fresh 24 MB for every shard would cost more than receiving it, page by page.
    """

    def __init__(self) -> None:
        self._memory = bytearray()

    def room(self, size: int, kept: int = 0) -> memoryview:
        """Memory for `size` bytes, with the first `kept` of what was there. Valid until the next call."""
        if len(self._memory) < size:
            memory = bytearray(size)
            memory[:kept] = memoryview(self._memory)[:kept]
            self._memory = memory
        return memoryview(self._memory)[:size]


class Body:
    """A body that a head has announced. Raises RefusedError where the head announces none that is taken."""

    def __init__(self, headers: Message, limit: int) -> None:
        self.received = 0
        """How many bytes of it have been read: into the beginning of the buffer."""
        self._limit = limit
        codings, lengths = headers.get_all("Transfer-Encoding", []), headers.get_all("Content-Length", [])
        self._is_chunked = bool(codings)
        if codings and lengths:
            raise _malformed("a request has a Content-Length or a Transfer-Encoding, not both")
        if codings and [coding.strip().lower() for coding in codings] != ["chunked"]:
            detail = f"Transfer-Encoding {', '.join(codings)!r:.80} is not understood; send the body as chunked"
            raise RefusedError(HTTPStatus.NOT_IMPLEMENTED, "UnknownTransferEncoding", detail)
        self._length = 0 if codings else _length(lengths)
        if self._length > limit:
            raise _too_large(f"the body is {self._length} bytes", limit)

    def read(self, file: BufferedIOBase, buffer: Buffer) -> memoryview:
        """All of it. Raises RefusedError where it is broken, or grows over the limit; ConnectionError where it ends."""
        if self._is_chunked:
            return self._read_chunks(file, buffer)
        target = buffer.room(self._length)
        self._fill(file, target)
        return target

    def _read_chunks(self, file: BufferedIOBase, buffer: Buffer) -> memoryview:
        length = capacity = 0
        while size := _chunk_size(_line(file)):
            end = length + size
            if end > self._limit:
                raise _too_large(f"the body has more than {length} bytes", self._limit)
            if end > capacity:
                capacity = min(max(end, 2 * capacity), self._limit)
            self._fill(file, buffer.room(capacity, kept=length)[length:end])
            length = end
            if _line(file).strip(b"\r\n"):
                raise _malformed("a chunk is longer than it says")
        for _ in range(_MOST_TRAILERS):
            if not _line(file).strip(b"\r\n"):
                return buffer.room(length)
        raise _malformed(f"the body has more than {_MOST_TRAILERS} trailers")

    def _fill(self, file: BufferedIOBase, target: memoryview) -> None:
        while target:
            got = file.readinto1(target)
            if not got:
                raise ConnectionResetError(f"the client stopped in the middle of the body, {len(target)} bytes short")
            self.received += got
            target = target[got:]


def _length(lengths: list[str]) -> int:
    if not lengths:
        detail = "a request says how long its body is: with Content-Length, or with Transfer-Encoding: chunked"
        raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "LengthRequired", detail)
    (length, *others) = {text.strip() for text in lengths}
    if others or not (length.isascii() and length.isdecimal() and len(length) <= 18):
        raise _malformed(f"Content-Length {', '.join(lengths)!r:.80} is no number of bytes")
    return int(length)


def _chunk_size(line: bytes) -> int:
    match = _CHUNK_SIZE.fullmatch(line)
    if match is None:
        raise _malformed(f"a chunk begins with {line[:40]!r}, which is no size")
    return int(match[1], 16)


def _line(file: BufferedIOBase) -> bytes:
    line = file.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        if len(line) < _LONGEST_LINE:
            raise ConnectionResetError("the client stopped in the middle of the body")
        raise _malformed(f"a chunk begins with more than {_LONGEST_LINE} bytes that are no size")
    return line


def _malformed(detail: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, "MalformedRequest", detail)


def _too_large(what: str, limit: int) -> RefusedError:
    detail = f"{what}; at most {limit} bytes ({limit // MEBIBYTE} MB) are taken"
    return RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "BodyTooLarge", detail)
