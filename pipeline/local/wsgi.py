"""Run a WSGI application (PEP 3333) behind `HttpServer`."""

import io
import sys
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from pipeline.local.http_messages import Request, Response

WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def call(application: WsgiApplication, environ: dict[str, Any]) -> Response:
    """The application's answer to one request, its body unread; `environ` is what `environ_of` made."""
    begun: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        del exc_info
        begun.update(status=int(status.split(" ", 1)[0]), headers=headers)
        return _refuse_write

    parts = application(environ, start_response)
    # A generator may call start_response as late as its first part.
    iterator = iter(parts)
    first = next(iterator, b"")
    return Response(begun["status"], begun["headers"], _Parts(first, iterator, parts))


class _Parts:
    """What an application returned, as one iterable that closes it at the end."""

    def __init__(self, first: bytes, rest: Iterable[bytes], source: Any) -> None:
        self._first, self._rest, self._source = first, rest, source

    def __iter__(self) -> Any:
        yield self._first
        yield from self._rest

    def close(self) -> None:
        close = getattr(self._source, "close", None)
        if close is not None:
            close()


def environ_of(request: Request, *, host: str, port: int) -> dict[str, Any]:
    """A request as PEP 3333's dictionary, the raw target in `RAW_URI` as other servers give it."""
    headers = request.headers
    environ: dict[str, Any] = {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BufferedReader(request.body) if _has_body(headers) else io.BytesIO(),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "REQUEST_URI": request.target,
        "RAW_URI": request.target,
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    for name, value in headers.items():
        environ[header_key(name)] = value
    return environ


def header_key(name: str) -> str:
    """Where the environment holds a header."""
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def _has_body(headers: dict[str, str]) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _refuse_write(_: bytes) -> None:
    raise NotImplementedError("the write() callable of WSGI is for old applications: return the body instead")
