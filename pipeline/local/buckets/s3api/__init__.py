"""S3's REST interface for the objects of one bucket.

    operations.py    which operation a request is
    signed_urls.py   how long a presigned URL works
    reading.py, listing.py                             for any bucket
    writing.py, copying.py, multipart.py, tagging.py   for buckets on disk
    payloads.py, descriptions.py, xml.py               what requests and answers consist of

A bucket that is mounted read-only answers everything that would write with AccessDenied, and says where to write
instead. Objects have one version each, "null", as in a bucket that keeps none. Operations that are not served (ACLs,
legal holds) are refused by name rather than answered with something that looks empty; so are query parameters.
"""

import logging
import sqlite3
from collections.abc import Callable
from typing import Generic, NamedTuple, cast

from pipeline.local.buckets.base import Bucket, BucketError, ReadOnlyBucket, no_such_bucket
from pipeline.local.buckets.disk import DiskBucket
from pipeline.local.buckets.s3api import copying, listing, multipart, reading, tagging, writing, xml
from pipeline.local.buckets.s3api.call import B, Call
from pipeline.local.buckets.s3api.signed_urls import check_not_expired
from pipeline.local.http_messages import Response

__all__ = ["Call", "answer"]

logger = logging.getLogger(__name__)


class _Served(NamedTuple, Generic[B]):
    """What answers an operation, and the query parameters that it understands."""

    handle: Callable[[Call[B]], Response]
    parameters: frozenset[str] = frozenset()


_ON_ANY: dict[str, _Served[Bucket]] = {
    "GetObject": _Served(reading.get_object, reading.PARAMETERS),
    "HeadObject": _Served(reading.head_object, reading.PARAMETERS),
    "GetObjectAttributes": _Served(reading.get_object_attributes, frozenset({"attributes"})),
    "ListObjects": _Served(listing.list_objects, listing.PARAMETERS),
    "ListObjectVersions": _Served(listing.list_object_versions, listing.PARAMETERS_OF_VERSIONS),
    "ListObjectsV2": _Served(listing.list_objects, listing.PARAMETERS_V2),
}
_UPLOAD, _PART = frozenset({"uploadId"}), frozenset({"uploadId", "partNumber"})
_ON_DISK: dict[str, _Served[DiskBucket]] = {
    "PutObject": _Served(writing.put_object),
    "DeleteObject": _Served(writing.delete_object),
    "DeleteObjects": _Served(writing.delete_objects, frozenset({"delete"})),
    "CopyObject": _Served(copying.copy_object),
    "GetObjectTagging": _Served(tagging.get_object_tagging, tagging.PARAMETERS),
    "PutObjectTagging": _Served(tagging.put_object_tagging, tagging.PARAMETERS),
    "DeleteObjectTagging": _Served(tagging.delete_object_tagging, tagging.PARAMETERS),
    "CreateMultipartUpload": _Served(multipart.create_multipart_upload, frozenset({"uploads"})),
    "UploadPart": _Served(multipart.upload_part, _PART),
    "UploadPartCopy": _Served(multipart.upload_part_copy, _PART),
    "CompleteMultipartUpload": _Served(multipart.complete_multipart_upload, _UPLOAD),
    "AbortMultipartUpload": _Served(multipart.abort_multipart_upload, _UPLOAD),
    "ListParts": _Served(multipart.list_parts, multipart.LIST_PARTS_PARAMETERS),
    "ListMultipartUploads": _Served(multipart.list_multipart_uploads, multipart.LIST_UPLOADS_PARAMETERS),
}


def answer(call: Call[Bucket], operation: str | None) -> Response:
    """Answer one request about the objects of a bucket; `operation` is None when S3 has no such."""
    try:
        return _answer(call, operation)
    except BucketError as error:
        return xml.error(error, call.key)
    except ConnectionError:
        raise
    except (OSError, sqlite3.OperationalError) as error:
        if isinstance(call.bucket, DiskBucket) and call.bucket.is_retired:
            return xml.error(no_such_bucket(), call.key)  # its folder went while the request was under way
        # A full disk, most likely: whoever writes is told, and may try again.
        logger.exception("%s of %r", operation, call.key)
        return xml.error(
            BucketError(500, "InternalError", f"This machine cannot store or read objects: {error}"), call.key
        )


def _answer(call: Call[Bucket], operation: str | None) -> Response:
    check_not_expired(call.request)
    if isinstance(call.bucket, ReadOnlyBucket) and call.request.method not in ("GET", "HEAD"):
        raise BucketError(403, "AccessDenied", call.bucket.refusal)
    if call.key and isinstance(call.bucket, DiskBucket):
        writing.check_key(call.key)
    if operation in _ON_ANY:
        return _serve(_ON_ANY[operation], call, operation)
    if operation in _ON_DISK and isinstance(call.bucket, DiskBucket):
        return _serve(_ON_DISK[operation], cast(Call[DiskBucket], call), operation)
    if operation in _ON_DISK and isinstance(call.bucket, ReadOnlyBucket):
        raise BucketError(501, "NotImplemented", f"{operation} is not served here. {call.bucket.refusal}")
    raise BucketError(501, "NotImplemented", f"{operation or 'This request'} is not served for the objects of a bucket")


def _serve(served: _Served[B], call: Call[B], operation: str) -> Response:
    unknown = next((name for name in call.query if name not in served.parameters), None)
    if unknown is not None:
        raise BucketError(501, "NotImplemented", f"'{unknown}' is not served for {operation}")
    return served.handle(call)
