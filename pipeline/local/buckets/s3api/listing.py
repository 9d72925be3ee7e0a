"""ListObjects, ListObjectsV2, and ListObjectVersions of objects that have one version each."""

import base64
import binascii
from collections.abc import Callable, Sequence
from urllib.parse import quote

from pipeline.local.buckets.base import MAX_KEYS, Bucket, BucketError, ObjectInfo
from pipeline.local.buckets.s3api import xml
from pipeline.local.buckets.s3api.call import Call
from pipeline.local.http_messages import Response

PARAMETERS = frozenset({"prefix", "delimiter", "marker", "max-keys", "encoding-type"})
PARAMETERS_V2 = PARAMETERS - {"marker"} | {"list-type", "start-after", "continuation-token", "fetch-owner"}
PARAMETERS_OF_VERSIONS = frozenset({"versions", "prefix", "delimiter", "key-marker", "version-id-marker"}) | {
    "max-keys",
    "encoding-type",
}
NO_VERSION = "null"
"""The version of an object in a bucket that keeps none (S3 User Guide, "Retaining multiple versions of objects")."""

_ECHOED = (("Delimiter", "delimiter"), ("StartAfter", "start-after"))
_OWNER = "<Owner><ID>local</ID></Owner>"
_VERSION = (("VersionId", NO_VERSION), ("IsLatest", "true"))


def list_objects(call: Call[Bucket]) -> Response:
    """One page, in the version of the API that the parameter `list-type` names."""
    query, encode = call.query, encoding(call.query.get("encoding-type", ""))
    second = "list-type" in query
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    max_keys = call.number("max-keys", MAX_KEYS, MAX_KEYS)
    if not second:
        after = query.get("marker", "")
    elif "continuation-token" in query:
        after = _from_token(query["continuation-token"])
    else:
        after = query.get("start-after", "")
    page = call.bucket.list_objects(prefix, delimiter=delimiter, after=after, max_keys=max_keys)
    told = [("Name", call.bucket_name), ("Prefix", encode(prefix)), ("MaxKeys", str(max_keys))]
    told += [("IsTruncated", "false" if page.next_after is None else "true")]
    told += [(tag, encode(query[parameter])) for tag, parameter in _ECHOED if query.get(parameter)]
    if "encoding-type" in query:
        told.append(("EncodingType", query["encoding-type"]))
    if second:
        told.append(("KeyCount", str(len(page.objects) + len(page.common_prefixes))))
        if "continuation-token" in query:
            told.append(("ContinuationToken", query["continuation-token"]))
        if page.next_after is not None:
            told.append(("NextContinuationToken", _to_token(page.next_after)))
    else:
        told.append(("Marker", encode(after)))
        if page.next_after is not None and delimiter:
            told.append(("NextMarker", encode(page.next_after)))
    owner = "" if second and query.get("fetch-owner", "").lower() != "true" else _OWNER
    content = [xml.elements(told)]
    content += [_contents(info, encode, owner) for info in page.objects]
    prefixes = [xml.elements([("Prefix", encode(common))]) for common in page.common_prefixes]
    content += [f"<CommonPrefixes>{element}</CommonPrefixes>" for element in prefixes]
    return xml.answer("ListBucketResult", "".join(content))


def list_object_versions(call: Call[Bucket]) -> Response:
    """One page: each object with its only version. A page goes on behind a key, whatever version the request names."""
    query, encode = call.query, encoding(call.query.get("encoding-type", ""))
    prefix, delimiter, after = query.get("prefix", ""), query.get("delimiter", ""), query.get("key-marker", "")
    max_keys = call.number("max-keys", MAX_KEYS, MAX_KEYS)
    page = call.bucket.list_objects(prefix, delimiter=delimiter, after=after, max_keys=max_keys)
    told = [("Name", call.bucket_name), ("Prefix", encode(prefix)), ("KeyMarker", encode(after))]
    told += [("VersionIdMarker", query.get("version-id-marker", "")), ("MaxKeys", str(max_keys))]
    told += [("IsTruncated", "false" if page.next_after is None else "true")]
    told += [(tag, encode(query[parameter])) for tag, parameter in _ECHOED if query.get(parameter)]
    if "encoding-type" in query:
        told.append(("EncodingType", query["encoding-type"]))
    if page.next_after is not None:
        told += [("NextKeyMarker", encode(page.next_after)), ("NextVersionIdMarker", NO_VERSION)]
    content = [xml.elements(told)]
    content += [f"<Version>{_described(info, encode, _VERSION)}{_OWNER}</Version>" for info in page.objects]
    prefixes = [xml.elements([("Prefix", encode(common))]) for common in page.common_prefixes]
    content += [f"<CommonPrefixes>{element}</CommonPrefixes>" for element in prefixes]
    return xml.answer("ListVersionsResult", "".join(content))


def encoding(name: str) -> Callable[[str], str]:
    """How keys are written into a listing, by its `encoding-type`."""
    return _percent_encoded if name == "url" else str


def _percent_encoded(text: str) -> str:
    return quote(text, safe="/")


def _contents(info: ObjectInfo, encode: Callable[[str], str], owner: str) -> str:
    return f"<Contents>{_described(info, encode)}{owner}</Contents>"


def _described(info: ObjectInfo, encode: Callable[[str], str], more: Sequence[tuple[str, str]] = ()) -> str:
    told = [("Key", encode(info.key)), ("LastModified", xml.timestamp(info.last_modified)), ("ETag", info.etag)]
    if info.checksum:
        told += [("ChecksumAlgorithm", info.checksum.algorithm), ("ChecksumType", info.checksum.type)]
    told += [("Size", str(info.size)), ("StorageClass", info.description.storage_class), *more]
    return xml.elements(told)


def _to_token(after: str) -> str:
    return base64.urlsafe_b64encode(after.encode()).decode()


def _from_token(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise BucketError(400, "InvalidArgument", "The continuation token provided is incorrect") from error
