"""A small HTTP/1.1 server: one thread a connection, connections kept alive, large files sent by the kernel.

The standard library's `http.server` spends more on parsing one head than serving a photo from disk costs, and
werkzeug's server closes every connection after one answer. What AWS's clients need is little: keep-alive,
`Expect: 100-continue` answered when (and only when) the body is wanted, bodies of a stated length or in chunks that are
read as a stream, and answers without Nagle's delay.

    server = HttpServer(handler)        # handler: Request -> Response, called on the connection's thread
    server.start(); server.url; server.close()
"""

import contextlib
import email.utils
import http
import itertools
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import BinaryIO, cast

from pipeline.local.http_messages import MAX_LINE, BadRequestError, Body, ChunkedBody, FilePart, Request, Response

logger = logging.getLogger(__name__)

MAX_HEADERS = 200
_READ_BUFFER = 65_536
# A head that goes out with what is sent next, where the system can wait for it.
_WITH_WHAT_FOLLOWS = getattr(socket, "MSG_MORE", 0)
NO_BODY = {204, 304}

Handler = Callable[[Request], Response]


class HttpServer:
    """Serves `handler` on a port of 127.0.0.1, any free one for 0, until `close`. Raises OSError for a port that is
    taken."""

    def __init__(self, handler: Handler, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._handler = handler
        self._listener = socket.create_server((host, port), backlog=1024)
        _send_at_once(self._listener)
        self.host, self.port = self._listener.getsockname()[:2]
        self.url = f"http://{self.host}:{self.port}"
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closing = False
        self._acceptor = threading.Thread(target=self._accept, name="http-accept", daemon=True)

    def start(self) -> None:
        self._acceptor.start()

    def close(self) -> None:
        """Take no more connections and cut the open ones."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            connections = list(self._connections)
        for connection in connections:
            _shut(connection)
        if self._acceptor.is_alive():
            # Closing a listening socket does not wake a thread that waits in accept() on every system: a call does.
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
            except OSError:
                pass
            self._acceptor.join()
        self._listener.close()

    def _accept(self) -> None:
        for number in itertools.count(1):
            try:
                connection, _ = self._listener.accept()
            except OSError:
                if self._closing:
                    return
                # Out of file descriptors, most likely: the connection stays in the queue until one is free.
                time.sleep(0.05)
                continue
            with self._lock:
                if self._closing:
                    connection.close()
                    return
                self._connections.add(connection)
            try:
                threading.Thread(target=self._serve, args=(connection,), name=f"http-{number}", daemon=True).start()
            except RuntimeError as error:
                # Out of threads: this client is cut off, and the next one may be luckier.
                logger.warning("a connection was refused: %s", error)
                self._forget(connection)

    def _serve(self, connection: socket.socket) -> None:
        stream = cast(BinaryIO, connection.makefile("rb", buffering=_READ_BUFFER))
        try:
            # On macOS this fails when the client has gone already.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self._serve_one(connection, stream):
                pass
        except (ConnectionError, TimeoutError):
            pass
        except OSError as error:
            if not self._closing:
                logger.debug("connection lost: %s", error)
        except Exception:
            # Half of an answer cannot be taken back: that the connection breaks is how the client learns of it.
            logger.exception("an answer broke off")
        finally:
            stream.close()
            self._forget(connection)

    def _forget(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.discard(connection)
        connection.close()

    def _serve_one(self, connection: socket.socket, stream: BinaryIO) -> bool:
        """Answer one request; False when the connection is over."""
        try:
            request = _read_request(connection, stream)
            if request is None:
                return False
            response = answer_of(self._handler, request)
        except BadRequestError as error:
            _send(connection, Response(400, [("Content-Type", "text/plain")], str(error).encode()), "GET", keep=False)
            return False
        body = request.body
        # A client that waits for "100 Continue" and hears a refusal may send the body or may not: nobody can tell.
        keep = request.headers.get("connection", "").lower() != "close" and not body.awaited
        _send(connection, response, request.method, keep=keep)
        if keep:
            body.drain()
        return keep


def answer_of(handler: Handler, request: Request) -> Response:
    """What a handler answers; 500 where it fails.

    Raises ConnectionError and BadRequestError, behind which there is nothing to be said to the client, or nobody.
    """
    try:
        return handler(request)
    except (ConnectionError, BadRequestError):
        raise
    except Exception as error:
        logger.exception("%s %s", request.method, request.target)
        text = f"{type(error).__name__}: {error}"
        return Response(500, [("Content-Type", "text/plain; charset=utf-8")], text.encode())


def _read_request(connection: socket.socket, stream: BinaryIO) -> Request | None:
    line = stream.readline(MAX_LINE)
    if not line:
        return None
    try:
        method, target, version = line.decode("latin-1").split()
    except ValueError as error:
        raise BadRequestError(f"not a request line: {line[:80]!r}") from error
    if not version.startswith("HTTP/1."):
        raise BadRequestError(f"HTTP/1.1 is spoken here, not {version}")
    headers = _read_headers(stream)
    if version == "HTTP/1.0":
        headers.setdefault("connection", "close")
    if target.startswith(("http://", "https://")):
        host, slash, rest = target.partition("://")[2].partition("/")
        headers["host"], target = host, slash + rest
    return Request(method, target, headers, _body(connection, stream, headers))


def _read_headers(stream: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(MAX_HEADERS):
        line = stream.readline(MAX_LINE)
        if line in (b"\r\n", b"\n"):
            return headers
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or name != name.strip():
            raise BadRequestError(f"not a header line: {line[:80]!r}")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    raise BadRequestError(f"more than {MAX_HEADERS} headers")


def _body(connection: socket.socket, stream: BinaryIO, headers: dict[str, str]) -> Body:
    announce = None
    if headers.get("expect", "").lower() == "100-continue":

        def announce() -> None:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    if "chunked" in headers.get("transfer-encoding", "").lower():
        return ChunkedBody(stream, before_first_read=announce)
    length = headers.get("content-length", "0")
    if not length.isdecimal():
        raise BadRequestError(f"not a content length: {length!r}")
    return Body(stream, int(length), before_first_read=announce)


def _send(connection: socket.socket, response: Response, method: str, *, keep: bool) -> None:
    body = response.body
    headers = response.headers
    bodiless = method == "HEAD" or response.status in NO_BODY
    stated = any(name.lower() == "content-length" for name, _ in headers)
    chunked = False
    lines = [f"HTTP/1.1 {response.status} {_reason(response.status)}", f"Date: {_date(int(time.time()))}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if not stated and response.status not in NO_BODY:
        if isinstance(body, bytes):
            lines.append(f"Content-Length: {len(body)}")
        elif isinstance(body, FilePart):
            lines.append(f"Content-Length: {body.length}")
        elif not bodiless:
            chunked = True
            lines.append("Transfer-Encoding: chunked")
    if not keep:
        lines.append("Connection: close")
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    if isinstance(body, bytes):
        _send_both(connection, head, b"" if bodiless else body)
    elif isinstance(body, FilePart):
        with body.file:
            _send_file(connection, head, body, bodiless=bodiless)
    else:
        _send_parts(connection, head, body, bodiless=bodiless, chunked=chunked)


def _send_file(connection: socket.socket, head: bytes, part: FilePart, *, bodiless: bool) -> None:
    if bodiless or not part.length:
        connection.sendall(head)
        return
    connection.sendall(head, _WITH_WHAT_FOLLOWS)
    sent = 0
    # A photo mostly goes out by one call. Before its first, socket.sendfile makes a selector, which takes longer.
    with contextlib.suppress(OSError):
        sent = os.sendfile(connection.fileno(), part.file.fileno(), part.offset, part.length)
    if sent < part.length:
        sent += connection.sendfile(part.file, part.offset + sent, part.length - sent)
    # The length is promised: a file that shrank meanwhile can only be told by breaking the connection.
    if sent < part.length:
        raise ConnectionAbortedError("the file became shorter while it was sent")


def _send_both(connection: socket.socket, head: bytes, body: bytes) -> None:
    """In one piece, which is not put together before: a photo is copied often enough on its way."""
    sent = connection.sendmsg([head, body])
    if sent < len(head) + len(body):
        connection.sendall((head + body)[sent:])


def _send_parts(
    connection: socket.socket, head: bytes, parts: Iterable[bytes], *, bodiless: bool, chunked: bool
) -> None:
    try:
        connection.sendall(head)
        if bodiless:
            return
        for part in parts:
            if part:
                connection.sendall(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        if chunked:
            connection.sendall(b"0\r\n\r\n")
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()


def _reason(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


_dates: tuple[int, str] = (0, "")


def _date(now: int) -> str:
    """The Date header's value; one second's text is made once."""
    global _dates
    if _dates[0] != now:
        _dates = (now, email.utils.formatdate(now, usegmt=True))
    return _dates[1]


def _send_at_once(listener: socket.socket) -> None:
    """Let its connections be without BBR, where that is the system's: it paces what it sends, which on the loopback
    interface takes two to four times as long, and as much of a core, for nothing."""
    if hasattr(socket, "TCP_CONGESTION"):
        with contextlib.suppress(OSError):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
