"""GETs over connections that stay open: HTTP/1.1 as S3 speaks it, and a refusal of everything else.

    an answer is whole     status 200, a Content-Length, no encoding of the transfer: its body is a stream
    any other              the connection is closed, and whoever asked is told nothing

The layers of urllib3 and `http.client` cost 0.15 ms for each request. They know all of HTTP; here it is known who
answers, and that somebody else can be asked (pipeline/validation/s3_reader.py).
"""

import socket
import ssl
import weakref
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from io import RawIOBase
from typing import BinaryIO, cast
from urllib.parse import urlsplit

from botocore.exceptions import ResponseStreamingError

_LONGEST_LINE = 16_384
_MOST_HEADERS = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """A 200. Names of headers are in lower case."""

    headers: Mapping[str, str]
    length: int
    body: "_Stream"


class Connections:
    """Open connections to one server, as many as are asked for at once. Safe to use from any thread.

    `url` is the server's, and of its path nothing counts; `cafile` has the certificates that are trusted, where the
    connection is one of HTTPS; timeouts are in seconds.
    """

    def __init__(self, url: str, cafile: str | None, connect_timeout: float, read_timeout: float) -> None:
        parts = urlsplit(url)
        is_secure = parts.scheme == "https"
        default_port = 443 if is_secure else 80
        self._address = parts.hostname or "", parts.port or default_port
        self._timeouts = connect_timeout, read_timeout
        self._security = ssl.create_default_context(cafile=cafile) if is_secure else None
        self._idle: deque[_Connection] = deque()
        weakref.finalize(self, _close_all, self._idle)
        self.host = parts.netloc.rpartition("@")[2].removesuffix(f":{default_port}")
        """What the Host header says."""

    def get(self, target: str, headers: Mapping[str, str]) -> Answer | None:
        """What the server answers to a GET of `target`, path and query as they are sent; None where that is no whole
        200, or does not come."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"GET {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")
        try:
            # A server closes what has been idle for long: that says nothing of the request, which is made again.
            return self._asked_before(request) or self._ask(self._open(), request)
        except (OSError, ValueError):
            return None

    def take_back(self, connection: "_Connection") -> None:
        """Nothing of the last answer is left on the connection."""
        if connection.stays:
            self._idle.append(connection)
        else:
            connection.close()

    def _asked_before(self, request: bytes) -> Answer | None:
        try:
            return self._ask(self._idle.pop(), request)
        except (IndexError, ConnectionError):
            return None

    def _ask(self, connection: "_Connection", request: bytes) -> Answer:
        headers = connection.ask(request)
        length = int(headers["content-length"])
        return Answer(headers, length, _Stream(self, connection, length))

    def _open(self) -> "_Connection":
        connect_timeout, read_timeout = self._timeouts
        opened = socket.create_connection(self._address, connect_timeout)
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._security is not None:
                opened = self._security.wrap_socket(opened, server_hostname=self._address[0])
            opened.settimeout(read_timeout)
        except BaseException:
            opened.close()
            raise
        return _Connection(opened)


def _close_all(connections: "deque[_Connection]") -> None:
    while connections:
        connections.pop().close()


class _Connection:
    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self.stays = False
        """Whether the server answers to another request after the last one."""
        self.file = cast(BinaryIO, opened.makefile("rb", buffering=65_536))

    def ask(self, request: bytes) -> dict[str, str]:
        """The headers of the answer. Raises ConnectionError where nothing comes, and OSError or ValueError where it is
        no whole 200."""
        try:
            self._socket.sendall(request)
            headers = self._head()
        except BaseException:
            self.close()
            raise
        self.stays = headers.get("connection", "").lower() != "close"
        return headers

    def _head(self) -> dict[str, str]:
        status = self.file.readline(_LONGEST_LINE)
        if not status:
            raise ConnectionResetError("the server has closed the connection")
        if not status.startswith(b"HTTP/1.1 200 "):
            raise ValueError(f"no 200: {status[:40]!r}")
        headers = {}
        for _ in range(_MOST_HEADERS):
            line = self.file.readline(_LONGEST_LINE)
            if line == b"\r\n":
                break
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or not line.endswith(b"\n"):
                raise ValueError("no header line")
            headers[name.lower()] = value.strip()
        else:
            raise ValueError("too many headers")
        if "transfer-encoding" in headers or not headers.get("content-length", "").isdecimal():
            raise ValueError("no Content-Length")
        return headers

    def close(self) -> None:
        self.file.close()
        self._socket.close()


class _Stream(RawIOBase):
    """The body of an answer. Closed before its end, it takes its connection with it."""

    def __init__(self, connections: Connections, connection: _Connection, length: int) -> None:
        self._connections = connections
        self._connection: _Connection | None = connection
        self._left = length
        self._give_back_at_end()

    def readable(self) -> bool:
        return True

    def read(self, amount: int | None = None) -> bytes:
        """At most `amount` bytes, and all that are left for None. Fewer than there should be end the body. Raises
        ResponseStreamingError where the connection breaks, as botocore's stream does."""
        if self._connection is None:
            return b""
        wanted = self._left if amount is None or amount < 0 else min(amount, self._left)
        try:
            data = self._connection.file.read(wanted)
        except OSError as error:
            self.close()
            raise ResponseStreamingError(error=error) from error
        self._left -= len(data)
        if len(data) < wanted:
            self.close()
        self._give_back_at_end()
        return data

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        super().close()

    def _give_back_at_end(self) -> None:
        if not self._left and self._connection is not None:
            self._connections.take_back(self._connection)
            self._connection = None
