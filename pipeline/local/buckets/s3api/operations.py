"""Which of S3's operations a request is: its method, and what its query and headers hold.

The table is that of the S3 API reference; a test holds it against botocore's model.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

from pipeline.local.http_messages import Request


class _Operation(NamedTuple):
    """An operation, and the query parameters and headers without which a request is another one."""

    name: str
    method: str
    query: tuple[str, ...] = ()
    header: str | None = None


def _by_method(*operations: _Operation) -> dict[tuple[str, bool], list[_Operation]]:
    """The operations of each method, with a query and without one, those first that want most of a request."""
    found: dict[tuple[str, bool], list[_Operation]] = {}
    for operation in sorted(operations, key=lambda each: (len(each.query), each.header is not None), reverse=True):
        for has_query in (True, False):
            if has_query or not operation.query:
                found.setdefault((operation.method, has_query), []).append(operation)
    return found


_ON_OBJECTS = _by_method(
    _Operation("GetObject", "GET"),
    _Operation("HeadObject", "HEAD"),
    _Operation("PutObject", "PUT"),
    _Operation("DeleteObject", "DELETE"),
    _Operation("CopyObject", "PUT", header="x-amz-copy-source"),
    _Operation("CreateMultipartUpload", "POST", ("uploads",)),
    _Operation("UploadPart", "PUT", ("partNumber", "uploadId")),
    _Operation("UploadPartCopy", "PUT", ("partNumber", "uploadId"), "x-amz-copy-source"),
    _Operation("CompleteMultipartUpload", "POST", ("uploadId",)),
    _Operation("AbortMultipartUpload", "DELETE", ("uploadId",)),
    _Operation("ListParts", "GET", ("uploadId",)),
    _Operation("GetObjectTagging", "GET", ("tagging",)),
    _Operation("PutObjectTagging", "PUT", ("tagging",)),
    _Operation("DeleteObjectTagging", "DELETE", ("tagging",)),
    _Operation("GetObjectAttributes", "GET", ("attributes",), "x-amz-object-attributes"),
    _Operation("GetObjectAcl", "GET", ("acl",)),
    _Operation("PutObjectAcl", "PUT", ("acl",)),
    _Operation("GetObjectLegalHold", "GET", ("legal-hold",)),
    _Operation("PutObjectLegalHold", "PUT", ("legal-hold",)),
    _Operation("GetObjectRetention", "GET", ("retention",)),
    _Operation("PutObjectRetention", "PUT", ("retention",)),
    _Operation("GetObjectTorrent", "GET", ("torrent",)),
    _Operation("RestoreObject", "POST", ("restore",)),
    _Operation("SelectObjectContent", "POST", ("select", "select-type")),
    _Operation("RenameObject", "PUT", ("renameObject",), "x-amz-rename-source"),
    _Operation("UpdateObjectEncryption", "PUT", ("encryption",)),
    _Operation("ListObjectAnnotations", "GET", ("annotation",)),
    _Operation("GetObjectAnnotation", "GET", ("annotation", "annotationName")),
    _Operation("PutObjectAnnotation", "PUT", ("annotation", "annotationName")),
    _Operation("DeleteObjectAnnotation", "DELETE", ("annotation", "annotationName")),
)
_ON_BUCKETS = _by_method(
    _Operation("ListObjects", "GET"),
    _Operation("ListObjectsV2", "GET", ("list-type",)),
    _Operation("ListObjectVersions", "GET", ("versions",)),
    _Operation("ListMultipartUploads", "GET", ("uploads",)),
    _Operation("DeleteObjects", "POST", ("delete",)),
    _Operation("PostObject", "POST"),
    _Operation("CreateBucket", "PUT"),
    _Operation("DeleteBucket", "DELETE"),
)
# Every other parameter makes of a bare request for a bucket one about its configuration: `GET /bucket?versioning`.
_BARE_PARAMETERS = {"prefix", "delimiter", "marker", "max-keys", "encoding-type"}
_SIGNATURE = {"AWSAccessKeyId", "Signature", "Expires"}  # of a URL presigned with version 2, as boto3 still does for S3


def query_of(request: Request) -> dict[str, str]:
    """The query of a request, without what is part of a signature or says nothing that the method does not.

    Bytes that are not UTF-8 are kept as surrogates.
    """
    if not request.query:
        return {}
    pairs = parse_qsl(request.query, keep_blank_values=True, errors="surrogateescape")
    return {
        name: value
        for name, value in pairs
        if not (name.lower().startswith("x-amz-") or name in _SIGNATURE or name == "x-id")
    }


def operation_on_object(request: Request, query: Mapping[str, str]) -> str | None:
    """The operation that a request for an object asks for; None when S3 has no such."""
    return _most_specific(_ON_OBJECTS, request, query)


def operation_on_bucket(request: Request, query: Mapping[str, str]) -> str | None:
    """The operation that a request for a bucket asks for, if it is about objects, or makes or deletes the bucket."""
    name = _most_specific(_ON_BUCKETS, request, query)
    bare = name in {"ListObjects", "PostObject", "CreateBucket", "DeleteBucket"}
    return None if bare and not _BARE_PARAMETERS.issuperset(query) else name


def _most_specific(
    operations: Mapping[tuple[str, bool], Sequence[_Operation]], request: Request, query: Mapping[str, str]
) -> str | None:
    for operation in operations.get((request.method, bool(query)), ()):
        fits = all(name in query for name in operation.query)
        if fits and (operation.header is None or operation.header in request.headers):
            return operation.name
    return None
