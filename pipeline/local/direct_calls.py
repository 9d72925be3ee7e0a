"""Calls of clients in the cloud's own process, answered without a connection, and objects as links to their files.

Half of what a call took was its way: a connection, a thread at its other end, and everything written and read once
more. What a job reads is a file of this cloud already: sent through a socket, the shards of a run cost a photo 0.5 ms
and as much memory for the system's cache again. The request is made, signed and judged as any other; only its way is
shorter.

    client ──► signed request ──► the gateway's answer, faults and refusals among them ──► client
    bring(answer, target)         a link to the file of the object's body, or a copy where there can be none
"""

import os
import shutil
from collections.abc import Mapping
from contextlib import closing
from io import BufferedReader, BytesIO, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError
from urllib3 import HTTPResponse

from pipeline.local.http_messages import Body, FilePart, Request, Response
from pipeline.local.http_server import NO_BODY, Handler, answer_of

_FILE = "x-imagebatch-file"
"""Names the file that an object's body is, in answers that never leave this process."""
_CHUNK = 1 << 20


def answer_directly(client: Any, handler: Handler) -> None:
    """Let `handler` answer the calls of a client of boto3, on the thread that makes them, in place of the endpoint that
    the client was made for."""

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        try:
            return _received(request, answer_of(handler, _request(request)))
        except ConnectionError as error:
            raise ConnectionClosedError(endpoint_url=request.url) from error

    client.meta.events.register("before-send", send)


def bring(answered: Mapping[str, Any], target: Path) -> None:
    """Let `target` be what GetObject answered: for good, and whatever becomes of the object.

    A link shares the object's bytes: who may write into `target` (only root may) changes those of the object.
    Raises OSError for a target that cannot be.
    """
    with closing(answered["Body"]) as body:
        # What is there may be a link, and the file behind it somebody else's.
        target.unlink(missing_ok=True)
        if not _link(answered["ResponseMetadata"]["HTTPHeaders"].get(_FILE), target):
            with target.open("wb") as file:
                shutil.copyfileobj(body, file, _CHUNK)


def _link(path: str | None, target: Path) -> bool:
    if path is None:
        return False
    try:
        os.link(path, target)
    except OSError:  # on another disk; or replaced since it was opened
        return False
    return True


class _Sent(RawIOBase):
    """The body of a request that is something to read from."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        read: bytes = self._body.read(len(buffer))
        buffer[: len(read)] = read
        return len(read)


class _OpenFile(RawIOBase):
    """A file to read, closed at its end or when nobody has it any more, as a connection is that nobody closes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        if self._file.closed:
            return 0
        count: int = self._file.readinto(buffer)  # type: ignore[attr-defined]
        if not count and len(buffer):
            self._file.close()
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _request(prepared: AWSPreparedRequest) -> Request:
    host, _, path = prepared.url.partition("://")[2].partition("/")
    headers = {
        name.lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in prepared.headers.items()
    }
    headers["host"] = host
    body = prepared.body or b""
    if isinstance(body, (str, bytes, bytearray)):
        content = body.encode() if isinstance(body, str) else body
        headers["content-length"] = str(len(content))
        source: Any = BytesIO(content)
    else:
        source = BufferedReader(_Sent(body))
    # Every body has a length: what signs a request has read it.
    return Request(prepared.method, f"/{path}", headers, Body(source, int(headers["content-length"])))


def _received(request: AWSPreparedRequest, response: Response) -> AWSResponse:
    headers: Any = dict(response.headers)
    body: Any
    if isinstance(response.body, FilePart):
        part = response.body
        if part.length == os.fstat(part.file.fileno()).st_size:
            body = _OpenFile(part.file)
            if part.stays:
                headers[_FILE] = part.file.name
        else:
            with part.file as file:
                file.seek(part.offset)
                body = BytesIO(file.read(part.length))
    else:
        content = response.content()
        body = BytesIO(b"" if request.method == "HEAD" or response.status in NO_BODY else content)
    return AWSResponse(request.url, response.status, headers, HTTPResponse(body, preload_content=False))
