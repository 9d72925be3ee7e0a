"""CopyObject and UploadPartCopy: from any bucket of the cloud, mounted ones included, into one of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import unquote

from pipeline.local.buckets.base import (
    BucketError,
    Description,
    ObjectInfo,
    Reading,
    no_such_bucket,
    precondition_failed,
)
from pipeline.local.buckets.checksums import Source
from pipeline.local.buckets.disk import DiskBucket
from pipeline.local.buckets.index import Part
from pipeline.local.buckets.s3api import xml
from pipeline.local.buckets.s3api.call import Call
from pipeline.local.buckets.s3api.descriptions import ENCRYPTION, description_of, write_conditions_of
from pipeline.local.buckets.s3api.reading import conditions
from pipeline.local.buckets.s3api.writing import MAX_PUT
from pipeline.local.http_messages import FilePart, Response

_NOT_COPIED = (ENCRYPTION, "x-amz-website-redirect-location")
_SOURCE = "x-amz-copy-source"


def copy_object(call: Call[DiskBucket]) -> Response:
    asked = description_of(call.headers, call.bucket.encryption)
    write_conditions = write_conditions_of(call.headers)
    keep_metadata, keep_tags = _keeps(call, "metadata"), _keeps(call, "tagging")
    with open_source(call) as (reading, source):
        info = reading.info
        if reading.span.length > MAX_PUT:
            raise BucketError(400, "InvalidRequest", f"One CopyObject copies at most {MAX_PUT} bytes: copy it in parts")
        description = _description(asked, info.description, keep_metadata=keep_metadata, keep_tags=keep_tags)
        if _source_of(call) == (call.bucket_name, call.key) and keep_metadata and not _changes_anything(call):
            raise BucketError(
                400,
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself without changing the "
                "object's metadata, storage class, website redirect location or encryption attributes.",
            )
        algorithm = call.headers.get("x-amz-checksum-algorithm") or (info.checksum.algorithm if info.checksum else None)
        with call.bucket.receive(source, algorithm) as body:
            copied = call.bucket.put(call.key, body, description, write_conditions, "CopyObject")
    return xml.answer("CopyObjectResult", result(copied))


@contextmanager
def open_source(call: Call[DiskBucket]) -> Iterator[tuple[Reading, Source]]:
    """The object that a request copies from, or the part of it that it asks for, and the bytes.

    Raises:
        BucketError: NoSuchBucket, NoSuchKey, InvalidArgument, InvalidRange, 412 PreconditionFailed.
    """
    name, key = _source_of(call)
    bucket = call.find_bucket(name)
    if bucket is None:
        raise no_such_bucket()
    try:
        reading = bucket.read(key, conditions(call.headers, f"{_SOURCE}-"))
    except BucketError as error:
        if error.code == "InvalidObjectState":
            raise _archived_source() from error
        if error.status != 304:
            raise
        raise precondition_failed("x-amz-copy-source-If-None-Match, or -If-Modified-Since") from error
    source = _ReadingSource(reading)
    try:
        yield reading, source
    finally:
        source.close()


def _archived_source() -> BucketError:
    message = (
        "The source object of the COPY operation is not in the active tier and is only stored in Amazon S3 Glacier."
    )
    return BucketError(403, "ObjectNotInActiveTierError", message)


def result(copied: ObjectInfo | Part) -> str:
    """What is told of a copy."""
    told = xml.elements([("LastModified", xml.timestamp(copied.last_modified)), ("ETag", copied.etag)])
    return told + (xml.checksum(copied.checksum) if copied.checksum else "")


class _ReadingSource:
    """The bytes of a reading as a stream."""

    def __init__(self, reading: Reading) -> None:
        self._body = reading.body
        self._remaining = reading.span.length
        self._chunks = iter(()) if isinstance(reading.body, FilePart) else iter(reading.body)
        self._chunk = memoryview(b"")
        if isinstance(self._body, FilePart):
            self._body.file.seek(self._body.offset)

    def readinto(self, buffer: memoryview, /) -> int:
        wanted = buffer[: self._remaining]
        if isinstance(self._body, FilePart):
            count = int(self._body.file.readinto(wanted)) if len(wanted) else 0  # type: ignore[attr-defined]
        else:
            if not self._chunk:
                self._chunk = memoryview(next(self._chunks, b""))
            count = min(len(self._chunk), len(wanted))
            wanted[:count] = self._chunk[:count]
            self._chunk = self._chunk[count:]
        self._remaining -= count
        return count

    def close(self) -> None:
        if isinstance(self._body, FilePart):
            self._body.file.close()


def _source_of(call: Call[DiskBucket]) -> tuple[str, str]:
    source, _, version = call.headers[_SOURCE].partition("?")
    if version:
        raise BucketError(501, "NotImplemented", "Versions of objects are not served here")
    bucket, _, key = unquote(source, errors="surrogateescape").removeprefix("/").partition("/")
    if not bucket or not key:
        raise BucketError(400, "InvalidArgument", f"{_SOURCE} has to be bucket/key, not {source!r}")
    return bucket, key


def _changes_anything(call: Call[DiskBucket]) -> bool:
    """Whether a copy that keeps the metadata leaves something else than it was."""
    return any(name.startswith((*_NOT_COPIED, "x-amz-storage-class", "x-amz-checksum-")) for name in call.headers)


def _keeps(call: Call[DiskBucket], what: str) -> bool:
    directive = call.headers.get(f"x-amz-{what}-directive", "COPY")
    if directive not in ("COPY", "REPLACE"):
        raise BucketError(400, "InvalidArgument", f"Unknown {what} directive: {directive}")
    return directive == "COPY"


def _description(asked: Description, source: Description, *, keep_metadata: bool, keep_tags: bool) -> Description:
    """Storage class, encryption and redirection are the request's always: they are no metadata of the user's."""
    if keep_metadata:
        own = {name: value for name, value in asked.headers.items() if name.startswith(_NOT_COPIED)}
        kept = {name: value for name, value in source.headers.items() if not name.startswith(_NOT_COPIED)}
        asked = replace(asked, content_type=source.content_type, headers=kept | own)
    return replace(asked, tags=source.tags if keep_tags else asked.tags)
