"""The payload of an upload: where its bytes are, and what the client said that they are.

S3 API reference, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks" and
"... Including Trailing Headers" (the encoding `aws-chunked`); S3 User Guide, "Checking object integrity". Signatures,
those of chunks included, are not checked: there is nobody here to keep out.
"""

import base64
import binascii
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.local.buckets.base import BucketError
from pipeline.local.buckets.checksums import Digests, Source, hasher, pump
from pipeline.local.http_messages import Request

_CHECKSUM = "x-amz-checksum-"
_NO_VALUES = {f"{_CHECKSUM}{name}" for name in ("type", "mode", "algorithm")}
_LENGTH = re.compile(rb"[0-9a-fA-F]{1,16}")
_BUFFER = 1 << 16
_MAX_LINE = 1 << 13
_MAX_TRAILERS = 20
_MAX_DOCUMENT = 4 << 20  # 10,000 parts with a checksum each are 2.5 MB


class ChunkedSource:
    """The bytes inside an `aws-chunked` encoding; `trailers` is complete when they end."""

    def __init__(self, body: io.RawIOBase) -> None:
        self.trailers: dict[str, str] = {}
        self._source = io.BufferedReader(body, _BUFFER)
        self._remaining = 0
        self._ended = False

    def readinto(self, buffer: memoryview, /) -> int:
        if not self._remaining and not self._ended:
            self._begin_chunk()
        if self._ended:
            return 0
        count = self._source.readinto(buffer[: self._remaining])
        if not count:
            raise _incomplete("it ends in the middle of a chunk")
        self._remaining -= count
        if not self._remaining and self._line():
            raise _incomplete("a chunk is longer than it says")
        return count

    def _begin_chunk(self) -> None:
        size = self._line().partition(b";")[0]
        if not _LENGTH.fullmatch(size):
            raise _incomplete(f"{size[:40]!r} is not the length of a chunk")
        self._remaining = int(size, 16)
        if self._remaining:
            return
        self._ended = True
        for _ in range(_MAX_TRAILERS):
            name, colon, value = self._line().decode("latin-1").partition(":")
            if not colon:
                return
            self.trailers[name.strip().lower()] = value.strip()
        raise BucketError(400, "MalformedTrailerError", f"There are more than {_MAX_TRAILERS} trailing headers")

    def _line(self) -> bytes:
        return self._source.readline(_MAX_LINE).rstrip(b"\r\n")


@dataclass(frozen=True, slots=True)
class Payload:
    """What a request carries. `algorithm` is the checksum that its client computed, or asked for."""

    source: Source
    algorithm: str | None
    headers: Mapping[str, str]

    @classmethod
    def of(cls, request: Request, algorithm: str | None = None) -> "Payload":
        """The payload of a request; its checksum is by `algorithm` where the client names none.

        Raises:
            BucketError: the headers contradict each other, or name a checksum that is not served.
        """
        headers = request.headers
        names = {name for name in headers if name.startswith(_CHECKSUM)} - _NO_VALUES
        trailer = headers.get("x-amz-trailer", "").strip().lower()
        if trailer.startswith(_CHECKSUM):
            names.add(trailer)
        if len(names) > 1:
            raise _invalid(f"Expecting a single {_CHECKSUM} header, got {' and '.join(sorted(names))}")
        named = headers.get("x-amz-sdk-checksum-algorithm", "").upper()
        given = next((name.removeprefix(_CHECKSUM).upper() for name in names), None)
        if named and given is None:
            raise _invalid(f"x-amz-sdk-checksum-algorithm says {named}, but no such checksum comes with it")
        if given is not None and named not in ("", given):
            raise _invalid(f"x-amz-sdk-checksum-algorithm says {named}, but {given} comes with it")
        if given is not None:
            hasher(given)
        return cls(ChunkedSource(request.body) if _is_chunked(headers) else request.body, given or algorithm, headers)

    def verify(self, digests: Digests) -> None:
        """Hold what arrived to what the client said of it.

        Raises:
            BucketError: BadDigest, InvalidDigest, IncompleteBody or InvalidRequest.
        """
        length = self.headers.get("x-amz-decoded-content-length", "")
        if length.isdecimal() and int(length) != digests.size:
            raise _incomplete(f"{digests.size} bytes came, and x-amz-decoded-content-length says {length}")
        md5 = self.headers.get("content-md5")
        if md5 is not None and _decoded(md5, 16, "InvalidDigest", "Content-MD5") != digests.md5:
            raise BucketError(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
        if digests.checksum is None:
            return
        algorithm, computed = digests.checksum
        name = f"{_CHECKSUM}{algorithm.lower()}"
        trailers = self.source.trailers if isinstance(self.source, ChunkedSource) else {}
        sent = self.headers.get(name, trailers.get(name))
        if sent is None:
            if self.headers.get("x-amz-trailer", "").strip().lower() == name:
                raise BucketError(400, "MalformedTrailerError", f"The trailing header {name} is announced and missing")
            return
        if _decoded(sent, len(base64.b64decode(computed)), "InvalidRequest", name) != base64.b64decode(computed):
            raise BucketError(400, "BadDigest", f"The {algorithm} you specified did not match what we received.")

    def document(self) -> bytes:
        """All of a payload that is a document of a few megabytes at most."""
        document = bytearray()

        def keep(part: memoryview) -> None:
            document.extend(part)
            if len(document) > _MAX_DOCUMENT:
                raise BucketError(400, "MaxMessageLengthExceeded", f"A document has at most {_MAX_DOCUMENT} bytes")

        self.verify(pump(self.source, keep, self.algorithm))
        return bytes(document)


def _is_chunked(headers: Mapping[str, str]) -> bool:
    encodings = [name.strip() for name in headers.get("content-encoding", "").lower().split(",")]
    return headers.get("x-amz-content-sha256", "").startswith("STREAMING-") or "aws-chunked" in encodings


def _decoded(text: str, size: int, code: str, name: str) -> bytes:
    try:
        value = base64.b64decode(text, validate=True)
    except binascii.Error:
        value = b""
    if len(value) != size:
        raise BucketError(400, code, f"Value for {name} header is invalid: {text!r}")
    return value


def _incomplete(why: str) -> BucketError:
    return BucketError(400, "IncompleteBody", f"The body does not have the length that was announced: {why}")


def _invalid(message: str) -> BucketError:
    return BucketError(400, "InvalidRequest", message)
