"""GetObject of a client in the cloud's own process, answered without a connection, and, for who wants it, a copy.

What a job of this cloud reads is a file of this cloud already: sent through a socket and written once more, the shards
of a run cost a photo 0.5 ms and as much memory for the system's cache again. The request is made, signed and judged as
any other; only its way is shorter.

    client ──► signed request ──► the gateway's answer, faults and refusals among them ──► client
    bring(answer, target)         a link to the file of the object's body, or a copy where there can be none
"""

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import closing
from io import BytesIO, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError
from urllib3 import HTTPResponse

from pipeline.local.http_messages import Body, FilePart, Request, Response

_FILE = "x-imagebatch-file"
"""Names the file that an object's body is, in answers that never leave this process."""
_CHUNK = 1 << 20


def read_directly(s3: Any, answer: Callable[[Request], Response]) -> None:
    """Let `answer` answer GetObject of a client of boto3, in place of the endpoint that the client was made for."""

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        try:
            return _received(request.url, answer(_request(request)))
        except ConnectionError as error:
            raise ConnectionClosedError(endpoint_url=request.url) from error

    s3.meta.events.register("before-send.s3.GetObject", send)


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
    target = "/" + prepared.url.partition("://")[2].partition("/")[2]
    headers = {
        name.lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in prepared.headers.items()
    }
    return Request(prepared.method, target, headers, Body(BytesIO(), 0))


def _received(url: str, response: Response) -> AWSResponse:
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
        body = BytesIO(response.content())
    return AWSResponse(url, response.status, headers, HTTPResponse(body, preload_content=False))
