"""HeadObject, GetObject and GetObjectAttributes."""

import re
from collections.abc import Mapping
from email.utils import format_datetime

from pipeline.local.buckets.base import Bucket, BucketError, Checksum, Conditions, ObjectInfo, Span, select
from pipeline.local.buckets.s3api import xml
from pipeline.local.buckets.s3api.call import Call
from pipeline.local.http_messages import Response

_RESPONSE_OVERRIDES = {
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
    "response-content-language": "Content-Language",
    "response-content-type": "Content-Type",
    "response-expires": "Expires",
}
PARAMETERS = frozenset(_RESPONSE_OVERRIDES)

Headers = list[tuple[str, str]]


def head_object(call: Call[Bucket]) -> Response:
    info = call.bucket.head(call.key)
    return _answer(call, info, select(info, conditions(call.headers)))


def get_object(call: Call[Bucket]) -> Response:
    reading = call.bucket.read(call.key, conditions(call.headers))
    response = _answer(call, reading.info, reading.span)
    response.body = reading.body
    return response


def get_object_attributes(call: Call[Bucket]) -> Response:
    """The attributes that the request asks for; what a parted object's parts were is told by their number only."""
    info = call.bucket.head(call.key)
    wanted = {name.strip() for name in call.headers["x-amz-object-attributes"].split(",")}
    unknown = wanted - {"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}
    if unknown:
        raise BucketError(400, "InvalidArgument", f"Invalid attribute name specified: {', '.join(sorted(unknown))}")
    etag = info.etag.strip('"')
    content = ""
    if "ETag" in wanted:
        content += xml.elements([("ETag", etag)])
    if "Checksum" in wanted and info.checksum:
        content += f"<Checksum>{xml.checksum(info.checksum)}</Checksum>"
    if "ObjectParts" in wanted and "-" in etag:
        content += f"<ObjectParts>{xml.elements([('PartsCount', etag.partition('-')[2])])}</ObjectParts>"
    if "StorageClass" in wanted:
        content += xml.elements([("StorageClass", info.description.storage_class)])
    if "ObjectSize" in wanted:
        content += xml.elements([("ObjectSize", str(info.size))])
    return xml.answer("GetObjectAttributesResponse", content, [_last_modified(info)])


def conditions(headers: Mapping[str, str], prefix: str = "") -> Conditions:
    """The conditions of a read, from headers whose names begin with `prefix`; a copy has them about its source."""
    return Conditions(
        range=headers.get(f"{prefix}range"),
        if_match=headers.get(f"{prefix}if-match"),
        if_none_match=headers.get(f"{prefix}if-none-match"),
        if_modified_since=headers.get(f"{prefix}if-modified-since"),
        if_unmodified_since=headers.get(f"{prefix}if-unmodified-since"),
    )


def checksum_headers(checksum: Checksum | None) -> list[tuple[str, str]]:
    """The headers that tell a checksum, if there is one."""
    if checksum is None:
        return []
    return [(f"x-amz-checksum-{checksum.algorithm.lower()}", checksum.value), ("x-amz-checksum-type", checksum.type)]


def _answer(call: Call[Bucket], info: ObjectInfo, span: Span) -> Response:
    """The answer without its body."""
    headers = [
        ("Content-Type", info.description.content_type),
        ("Content-Length", str(span.length)),
        ("ETag", info.etag),
        _last_modified(info),
        ("Accept-Ranges", "bytes"),
        *info.description.headers.items(),
    ]
    if span.ranged:
        headers.append(("Content-Range", f"bytes {span.start}-{span.start + span.length - 1}/{info.size}"))
    elif call.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED" and info.checksum:
        headers += checksum_headers(info.checksum)
    if info.description.storage_class != "STANDARD":
        headers.append(("x-amz-storage-class", info.description.storage_class))
    if info.description.tags:
        headers.append(("x-amz-tagging-count", str(len(info.description.tags))))
    return Response(206 if span.ranged else 200, _overridden(headers, call.query) if call.query else headers)


def _overridden(headers: Headers, query: Mapping[str, str]) -> Headers:
    """The headers, with those that the query has others for."""
    asked = {header: query[parameter] for parameter, header in _RESPONSE_OVERRIDES.items() if parameter in query}
    names = {header.lower() for header in asked}
    kept = [(name, value) for name, value in headers if name.lower() not in names]
    return kept + [(header, _header_text(value)) for header, value in asked.items()]


def _header_text(value: str) -> str:
    return re.sub(r"[\r\n]", " ", value).encode("utf-8", "replace").decode("latin-1")


def _last_modified(info: ObjectInfo) -> tuple[str, str]:
    return "Last-Modified", format_datetime(info.last_modified, usegmt=True)
