"""Requests and responses of HTTP, and the bodies of requests as streams that end where the body ends."""

import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import BinaryIO

MAX_LINE = 65_536
_SCRAP = 65_536
_CHUNK_LENGTH = re.compile(rb"[0-9a-fA-F]{1,16}")


@dataclass(slots=True)
class Request:
    """One request. `target` is path and query exactly as they came; header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: "Body"

    @property
    def path(self) -> str:
        """The path as it was sent, still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query string as it was sent, still percent-encoded."""
        return self.target.partition("?")[2]


@dataclass(slots=True)
class FilePart:
    """`length` bytes of an open file from `offset`, read only when they are sent. The server closes the file.

    `stays` says that nobody will ever write to the file again.
    """

    file: BinaryIO
    offset: int
    length: int
    stays: bool = False


@dataclass(slots=True)
class Response:
    """One answer. Chunked encoding is used for an iterable body without a `Content-Length` header."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | FilePart | Iterable[bytes] = b""

    def content(self) -> bytes:
        """All of a body that is no file, for who reads the answer instead of sending it."""
        if isinstance(self.body, FilePart):
            raise TypeError("a file is sent, not read")
        if isinstance(self.body, bytes):
            return self.body
        try:
            return b"".join(self.body)
        finally:
            if close := getattr(self.body, "close", None):
                close()


class BadRequestError(ValueError):
    """What came over the connection is not HTTP."""


class Body(io.RawIOBase):
    """The body of a request as a stream that ends where the body ends."""

    def __init__(self, source: BinaryIO, length: int, *, before_first_read: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.length = length
        self._source = source
        self._remaining = length
        self._before_first_read = before_first_read

    @property
    def finished(self) -> bool:
        """Whether everything was read."""
        return self._remaining == 0

    @property
    def awaited(self) -> bool:
        """Whether the client holds the body back until it is told to continue."""
        return self._before_first_read is not None and not self.finished

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        self._announce()
        view = memoryview(buffer)[: self._remaining]
        count = self._source.readinto(view) if len(view) else 0  # type: ignore[attr-defined]
        if len(view) and not count:
            raise ConnectionResetError("the client closed the connection in the middle of a request body")
        self._remaining -= count
        return int(count)

    def readall(self) -> bytes:
        self._announce()
        data = self._source.read(self._remaining)
        if len(data) < self._remaining:
            raise ConnectionResetError("the client closed the connection in the middle of a request body")
        self._remaining = 0
        return data

    def drain(self) -> None:
        """Read the rest and drop it, so that the next request on the connection can be read."""
        scrap = bytearray(_SCRAP)
        while not self.finished and self.readinto(scrap):
            pass

    def _announce(self) -> None:
        if self._before_first_read is not None:
            self._before_first_read()
            self._before_first_read = None


class ChunkedBody(Body):
    """A body in HTTP chunks (`Transfer-Encoding: chunked`), joined again; trailers are dropped."""

    def __init__(self, source: BinaryIO, *, before_first_read: Callable[[], None] | None = None) -> None:
        super().__init__(source, 0, before_first_read=before_first_read)
        self._ended = False

    @property
    def finished(self) -> bool:
        return self._ended

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        self._announce()
        if self._remaining == 0 and not self._ended:
            self._next_chunk()
        if self._ended or not len(buffer):
            return 0
        count = super().readinto(buffer)
        if self._remaining == 0 and self._source.readline(MAX_LINE).strip():
            raise BadRequestError("a chunk is longer than it says")
        return count

    def readall(self) -> bytes:
        parts: list[bytes] = []
        scrap = bytearray(_SCRAP)
        while count := self.readinto(scrap):
            parts.append(bytes(scrap[:count]))
        return b"".join(parts)

    def _next_chunk(self) -> None:
        line = self._source.readline(MAX_LINE)
        length = line.partition(b";")[0].strip()
        if not _CHUNK_LENGTH.fullmatch(length):
            raise BadRequestError(f"not the length of a chunk: {line[:40]!r}")
        self._remaining = int(length, 16)
        if self._remaining == 0:
            self._ended = True
            while self._source.readline(MAX_LINE).strip():
                pass
