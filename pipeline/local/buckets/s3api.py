"""S3's REST interface for the objects of a mounted bucket: ListObjects, ListObjectsV2, HeadObject, GetObject.

Everything that would write is answered with AccessDenied and says where to write instead. What else can be asked about
an object (ACLs, versions, attributes) is refused by name rather than answered with something that looks empty.
"""

import base64
import binascii
import re
import uuid
from collections.abc import Callable, Iterable
from email.utils import format_datetime
from urllib.parse import parse_qsl, quote, unquote

from pipeline.local.buckets.base import MAX_KEYS, Bucket, BucketError, Conditions, ObjectInfo, select
from pipeline.local.http_messages import FilePart, Request, Response

_XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_LIST_PARAMETERS = {
    "list-type",
    "prefix",
    "delimiter",
    "marker",
    "max-keys",
    "encoding-type",
    "start-after",
    "continuation-token",
    "fetch-owner",
}
_SIGNATURE = {"AWSAccessKeyId", "Signature", "Expires"}  # of a URL presigned with version 2, as boto3 still does for S3
_OWNER = "<Owner><ID>local</ID></Owner>"
_READS = {"GET", "HEAD"}
_ECHOED = (("Delimiter", "delimiter"), ("StartAfter", "start-after"))
_NOT_PLAIN = re.compile('[&<>"\x00-\x1f\x7f\ufffe\uffff]')
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_RESPONSE_OVERRIDES = {
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
    "response-content-language": "Content-Language",
    "response-content-type": "Content-Type",
    "response-expires": "Expires",
}


def is_object_request(request: Request, key: str) -> bool:
    """Whether a request for a mounted bucket is about its objects; configuration of the bucket itself is not."""
    if key:
        return True
    names = {name for name, _ in parse_qsl(request.query, keep_blank_values=True)}
    if request.method == "POST":
        return True
    return request.method == "GET" and (
        "versions" in names or all(name in _LIST_PARAMETERS or _says_who_asks(name) for name in names)
    )


def answer(bucket: Bucket, name: str, key: str, request: Request) -> Response:
    """Answer one request about the objects of `bucket`, which is called `name`."""
    try:
        return _answer(bucket, name, key, request)
    except BucketError as error:
        return error_response(error, key)


def error_response(error: BucketError, key: str = "") -> Response:
    """An error as S3 writes it."""
    body = (
        f"{_XML_HEAD}<Error><Code>{error.code}</Code><Message>{_xml(error.message)}</Message>"
        f"<Key>{_xml(key)}</Key><RequestId>{uuid.uuid4().hex[:16].upper()}</RequestId></Error>"
    )
    return Response(error.status, [("Content-Type", "application/xml")], body.encode("utf-8", "backslashreplace"))


def copy_source(request: Request) -> str | None:
    """The bucket that a CopyObject or UploadPartCopy reads from; None for any other request."""
    source = request.headers.get("x-amz-copy-source")
    return unquote(source).lstrip("/").partition("/")[0] if source is not None else None


def refuse_copy(name: str) -> Response:
    """The answer to a copy out of a mounted bucket, which S3 would make on its own side."""
    message = f"{name} is mounted, and objects cannot be copied out of it on the server's side: get and put them"
    return error_response(BucketError(501, "NotImplemented", message))


def _answer(bucket: Bucket, name: str, key: str, request: Request) -> Response:
    if request.method not in _READS:
        raise BucketError(403, "AccessDenied", bucket.refusal)
    query = dict(parse_qsl(request.query, keep_blank_values=True, errors="surrogateescape"))
    if not key:
        if "versions" in query:
            raise BucketError(501, "NotImplemented", "ListObjectVersions is not served for a bucket that is mounted")
        return _list(bucket, name, query)
    unknown = [name for name in query if name not in _RESPONSE_OVERRIDES and not _says_who_asks(name)]
    if unknown:
        raise BucketError(501, "NotImplemented", f"'{unknown[0]}' is not served for an object of a mounted bucket")
    return _read(bucket, key, request, query)


def _read(bucket: Bucket, key: str, request: Request, query: dict[str, str]) -> Response:
    headers = request.headers
    conditions = Conditions(
        range=headers.get("range"),
        if_match=headers.get("if-match"),
        if_none_match=headers.get("if-none-match"),
        if_modified_since=headers.get("if-modified-since"),
        if_unmodified_since=headers.get("if-unmodified-since"),
    )
    if request.method == "HEAD":
        info = bucket.head(key)
        span = select(info, conditions)
        body: bytes | FilePart | Iterable[bytes] = b""
    else:
        reading = bucket.read(key, conditions)
        info, span, body = reading.info, reading.span, reading.body
    response_headers = [
        ("Content-Type", info.content_type),
        ("Content-Length", str(span.length)),
        ("ETag", info.etag),
        ("Last-Modified", format_datetime(info.last_modified, usegmt=True)),
        ("Accept-Ranges", "bytes"),
    ]
    if span.ranged:
        response_headers.append(("Content-Range", f"bytes {span.start}-{span.start + span.length - 1}/{info.size}"))
    for parameter, header in _RESPONSE_OVERRIDES.items():
        if parameter in query:
            response_headers = [(name, value) for name, value in response_headers if name != header]
            response_headers.append((header, _header_text(query[parameter])))
    return Response(206 if span.ranged else 200, response_headers, body)


def _list(bucket: Bucket, name: str, query: dict[str, str]) -> Response:
    second = query.get("list-type") == "2"
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    max_keys = _max_keys(query.get("max-keys", ""))
    if not second:
        after = query.get("marker", "")
    elif "continuation-token" in query:
        after = _from_token(query["continuation-token"])
    else:
        after = query.get("start-after", "")
    page = bucket.list_objects(prefix, delimiter=delimiter, after=after, max_keys=max_keys)
    encode = _url if query.get("encoding-type") == "url" else _xml
    elements = [("Name", _xml(name)), ("Prefix", encode(prefix)), ("MaxKeys", str(max_keys))]
    elements += [("IsTruncated", "false" if page.next_after is None else "true")]
    elements += [(tag, encode(query[parameter])) for tag, parameter in _ECHOED if query.get(parameter)]
    if "encoding-type" in query:
        elements.append(("EncodingType", _xml(query["encoding-type"])))
    if second:
        elements.append(("KeyCount", str(len(page.objects) + len(page.common_prefixes))))
        if "continuation-token" in query:
            elements.append(("ContinuationToken", _xml(query["continuation-token"])))
        if page.next_after is not None:
            elements.append(("NextContinuationToken", _to_token(page.next_after)))
    else:
        elements.append(("Marker", encode(after)))
        if page.next_after is not None and delimiter:
            elements.append(("NextMarker", encode(page.next_after)))
    owner = "" if second and query.get("fetch-owner", "").lower() != "true" else _OWNER
    parts = [f"<{tag}>{text}</{tag}>" for tag, text in elements]
    parts += [_contents(info, encode, owner) for info in page.objects]
    parts += [f"<CommonPrefixes><Prefix>{encode(common)}</Prefix></CommonPrefixes>" for common in page.common_prefixes]
    document = f'{_XML_HEAD}<ListBucketResult xmlns="{_NAMESPACE}">{"".join(parts)}</ListBucketResult>'
    return Response(200, [("Content-Type", "application/xml")], document.encode())


def _contents(info: ObjectInfo, encode: Callable[[str], str], owner: str) -> str:
    modified = info.last_modified.strftime("%Y-%m-%dT%H:%M:%S.") + f"{info.last_modified.microsecond // 1000:03d}Z"
    return (
        f"<Contents><Key>{encode(info.key)}</Key><LastModified>{modified}</LastModified><ETag>{_xml(info.etag)}</ETag>"
        f"<Size>{info.size}</Size>{owner}<StorageClass>STANDARD</StorageClass></Contents>"
    )


def _max_keys(text: str) -> int:
    if not text:
        return MAX_KEYS
    if not text.isdecimal():
        raise BucketError(400, "InvalidArgument", f"max-keys has to be a number from 0 on, not {text!r}")
    return min(int(text), MAX_KEYS)


def _to_token(after: str) -> str:
    return base64.urlsafe_b64encode(after.encode()).decode()


def _from_token(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise BucketError(400, "InvalidArgument", "The continuation token provided is incorrect") from error


def _says_who_asks(name: str) -> bool:
    """Whether a query parameter belongs to a signature, or says nothing that the method does not."""
    return name.lower().startswith("x-amz-") or name in _SIGNATURE or name == "x-id"


def _url(text: str) -> str:
    return quote(text, safe="/")


def _xml(text: str) -> str:
    """Text inside an element. Control characters become references, as S3 writes them, which XML 1.0 does not allow:
    a client that expects such keys asks for `encoding-type=url`."""
    return _NOT_PLAIN.sub(lambda match: _NAMED.get(match[0]) or f"&#x{ord(match[0]):x};", text)


def _header_text(text: str) -> str:
    return re.sub(r"[\r\n]", " ", text).encode("utf-8", "replace").decode("latin-1")
