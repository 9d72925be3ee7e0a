"""An endpoint at an address: `imagebatch serve`, a Triton server, or whatever else takes a POST.

Redirects are not followed, and no answer is read beyond its limit. The timeout is for all of it, not for each piece.
"""

import http.client
import socket
import ssl
import time
from urllib.parse import SplitResult, urlsplit

from pipeline.endpoints import triton_protocol
from pipeline.endpoints.codec import Request, Response
from pipeline.endpoints.statuses import error_for
from pipeline.errors import EndpointNotFound, EndpointTimeout, EndpointUnavailable, UnexpectedAnswer
from pipeline.shards import sending

LIMIT = sending.PAYLOAD_MB * 1024 * 1024
"""Bytes of a body: what serve.py takes unless it is told otherwise (pipeline/serving/settings.py)."""
INVOCATIONS = "/invocations"
"""The path that SageMaker's containers answer at, for an address without one."""

_LONGEST_ANSWER = 100 * 1024 * 1024
_PIECE = 1024 * 1024
_TRITON_HEADER = "Inference-Header-Content-Length"


class HttpEndpoint:
    """An endpoint at `url`, http or https. Raises ValueError where the text is no such address."""

    def __init__(self, url: str, timeout: float = 60.0, limit: int = LIMIT) -> None:
        parts = _parsed(url)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError(f"{url!r} is no address of an endpoint; expected http://HOST:PORT")
        self.name = url
        self.limit = limit
        self._timeout = timeout
        self._is_secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        path = parts.path if parts.path not in ("", "/") else INVOCATIONS
        self._target = f"{path}?{parts.query}" if parts.query else path

    def invoke(self, request: Request) -> Response:
        deadline = time.monotonic() + self._timeout
        connect = http.client.HTTPSConnection if self._is_secure else http.client.HTTPConnection
        connection = connect(self._host, self._port, timeout=self._timeout)
        try:
            connection.connect()
        except TimeoutError as error:
            raise EndpointTimeout(f"{self.name} does not take a connection within {self._timeout:g} s") from error
        except ssl.SSLError as error:
            raise EndpointNotFound(f"{self.name} is there, but there is no safe connection to it: {error}") from error
        except OSError as error:
            raise EndpointNotFound(
                f"Nothing answers at {self.name}: {error}. For an endpoint on this machine: imagebatch serve MODEL_DIR"
            ) from error
        try:
            return self._exchange(connection, request, deadline)
        except TimeoutError as error:
            raise EndpointTimeout(f"{self.name} did not answer within {self._timeout:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise EndpointUnavailable(f"{self.name} closed the connection without an answer ({words:.200})") from error
        finally:
            connection.close()

    def _exchange(self, connection: http.client.HTTPConnection, request: Request, deadline: float) -> Response:
        headers = {"Content-Type": request.content_type, "Accept": request.accept}
        header_size = triton_protocol.header_size(request.content_type)
        if header_size is not None:
            headers[_TRITON_HEADER] = str(header_size)  # which Triton's own front end reads instead
        # Of an answer that ends its connection the connection keeps no socket, though it still comes through one.
        sock = connection.sock
        sock.settimeout(_left(deadline))
        try:
            connection.request("POST", self._target, request.body, headers)
        except (BrokenPipeError, ConnectionResetError):
            # Who refuses a request may answer before it has read all of it.
            if connection.sock is None:
                raise
        with connection.getresponse() as answer:
            body = self._read(answer, sock, deadline)
        if not 200 <= answer.status < 300:
            raise error_for(answer.status, self.name, body)
        header_size_said = answer.getheader(_TRITON_HEADER, "")
        if header_size_said.isdecimal():
            return Response(body, triton_protocol.content_type(int(header_size_said)))
        return Response(body, answer.getheader("Content-Type", ""))

    def _read(self, answer: http.client.HTTPResponse, sock: socket.socket, deadline: float) -> bytes:
        """All of the body. One that comes in drops has the same time as one that comes at once."""
        pieces: list[bytes] = []
        size = 0
        while size <= _LONGEST_ANSWER:
            left = _left(deadline)
            if sock.fileno() >= 0:
                sock.settimeout(left)
            if not (piece := answer.read1(_PIECE)):
                if answer.length:
                    raise http.client.IncompleteRead(b"", answer.length)
                return b"".join(pieces)
            pieces.append(piece)
            size += len(piece)
        raise UnexpectedAnswer(f"{self.name} answers more than {_LONGEST_ANSWER:,} bytes")


def _parsed(url: str) -> SplitResult | None:
    """The parts of an address; None where its host or its port is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # which is read only when it is asked for
    except ValueError:
        return None
    return parts


def _left(deadline: float) -> float:
    """Seconds until the deadline. Raises TimeoutError where it has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
