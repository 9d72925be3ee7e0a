"""One connection: requests of HTTP/1.1 are read, checked by their heads, and answered by the application.

What can be refused by its head is refused before the body is read, and before a client that asks whether to send one
(`Expect: 100-continue`, which curl does) has sent it. Such a connection is closed, but only after the client has sent
the rest or given up: closing sooner resets it, and the client would see a broken pipe in the place of the answer
(RFC 9112, "Connection Tear-down").
"""

import logging
import socket
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from pipeline.serving.bodies import Body
from pipeline.serving.payloads import subject
from pipeline.serving.replies import RefusedError, Reply

if TYPE_CHECKING:
    from pipeline.serving.server import Server

logger = logging.getLogger(__name__)

IDLE_TIMEOUT = 75.0
"""Seconds that a client may keep a connection, or a body, waiting."""
_LINGER = 10.0  # seconds in which a client that was refused may send the rest of its body
_DISCARD = 64 * 1024


class Connection(BaseHTTPRequestHandler):
    """The requests of one connection, one after another."""

    server: "Server"
    protocol_version = "HTTP/1.1"
    # Of a request that is no HTTP: with the library's 0.9, the refusal would be a body without a status.
    default_request_version = "HTTP/1.0"
    timeout = IDLE_TIMEOUT
    disable_nagle_algorithm = True

    _is_unread = False

    def finish(self) -> None:
        self.server.connection_ended(self.connection)
        if self._is_unread:
            self._linger()
        super().finish()

    def handle_one_request(self) -> None:
        self._has_begun = False
        if not self.server.may_wait(self.connection):
            self.close_connection = True
            return
        try:
            super().handle_one_request()
        finally:
            if self._has_begun:
                self.server.request_ended()

    def parse_request(self) -> bool:
        self._has_begun = True
        self.server.request_began(self.connection)
        return super().parse_request()

    def do_GET(self) -> None:
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            # Nobody asks for a body here; one that comes is not the next request.
            self._is_unread = self.close_connection = True
        self._send(self.server.application.get(self._path))

    def do_POST(self) -> None:
        body = self._accepted()
        if body is None:
            return
        try:
            reply = self._invoke(body)
        except RefusedError as error:
            self._refuse(error)
        else:
            if reply is not None:
                self._send(reply)

    def handle_expect_100(self) -> bool:
        """Whether the client is told to go on and send its body."""
        return self._accepted() is not None and super().handle_expect_100()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server refuses by itself: a head that does not read, a method that nobody knows."""
        status = HTTPStatus(code)
        if status is HTTPStatus.NOT_IMPLEMENTED:
            self._refuse(self.server.application.refusal(self._path))
            return
        self._refuse(RefusedError(status, "MalformedRequest", message or status.description))

    def version_string(self) -> str:
        return "imagebatch"

    def log_error(self, format: str, *args: object) -> None:
        """Called when nothing came for too long. Between requests that is nobody's fault."""
        if self._has_begun:
            logger.warning("%s: %s", self.client_address[0], format % args)

    def log_message(self, format: str, *args: object) -> None:
        """No line for each request: SageMaker pings every few seconds. What matters is logged where it happens."""

    @property
    def _path(self) -> str:
        """Of the request, without its query."""
        return self.path.partition("?")[0]

    @property
    def _content_type(self) -> str:
        return str(self.headers.get("Content-Type", ""))

    def _accepted(self) -> Body | None:
        """The body that the head announces; None where the request has been refused."""
        try:
            self.server.application.check(self._path, self._content_type)
            return Body(self.headers, self.server.application.max_payload)
        except RefusedError as error:
            self._refuse(error)
            return None

    def _invoke(self, body: Body) -> Reply | None:
        """The answer; None where the client did not send the whole body."""
        with self.server.buffer() as buffer:
            self._is_unread = True
            try:
                data = body.read(self.rfile, buffer)
            except (ConnectionError, TimeoutError) as error:
                what = subject(self._content_type, buffer.room(body.received))
                logger.warning("%s: %s, after %d bytes: %s", self.client_address[0], what, body.received, error)
                self.close_connection = True
                return None
            self._is_unread = False
            return self.server.application.invoke(self._content_type, data)

    def _refuse(self, error: RefusedError) -> None:
        logger.warning("refused %d %s: %s", error.status, error.reason, error.detail)
        self._is_unread = self.close_connection = True
        self._send(error.reply())

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if self.close_connection or self.server.is_stopping:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def _linger(self) -> None:
        """Takes what the client still sends, and throws it away."""
        deadline = time.monotonic() + _LINGER
        scrap = bytearray(_DISCARD)
        try:
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1.0)
            while time.monotonic() < deadline and self.connection.recv_into(scrap):
                pass
        except OSError:
            pass
