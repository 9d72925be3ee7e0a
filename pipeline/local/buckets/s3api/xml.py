"""XML as S3 writes and reads it."""

import datetime
import re
import uuid
from collections.abc import Iterable
from xml.etree import ElementTree

from pipeline.local.buckets.base import BucketError, Checksum
from pipeline.local.http_messages import Response

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_NOT_PLAIN = re.compile('[&<>"\x00-\x1f\x7f\ufffe\uffff]')
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def escape(text: str) -> str:
    """Text inside an element. Control characters become references, as S3 writes them, which XML 1.0 does not allow:
    a client that expects such keys asks for `encoding-type=url`."""
    return _NOT_PLAIN.sub(lambda match: _NAMED.get(match[0]) or f"&#x{ord(match[0]):x};", text)


def elements(pairs: Iterable[tuple[str, str]]) -> str:
    """Elements that hold text, which is escaped."""
    return "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in pairs)


def answer(root: str, content: str, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """An answer whose body is the element `root` with `content`, which is XML already."""
    document = f'{_HEAD}<{root} xmlns="{_NAMESPACE}">{content}</{root}>'
    body = document.encode("utf-8", "backslashreplace")
    return Response(200, [("Content-Type", "application/xml"), *headers], body)


def error(error: BucketError, key: str) -> Response:
    """An error as S3 writes it."""
    request_id = uuid.uuid4().hex[:16].upper()
    told = [("Code", error.code), ("Message", error.message), ("Key", key), *error.details.items()]
    content = elements([*told, ("RequestId", request_id)])
    body = f"{_HEAD}<Error>{content}</Error>".encode("utf-8", "backslashreplace")
    return Response(error.status, [("Content-Type", "application/xml")], body)


def timestamp(moment: datetime.datetime) -> str:
    """A time in UTC, to the millisecond."""
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def checksum(checksum: Checksum) -> str:
    """The two elements that tell a checksum."""
    return elements([(f"Checksum{checksum.algorithm}", checksum.value), ("ChecksumType", checksum.type)])


def parse(body: bytes, root: str) -> ElementTree.Element:
    """The document of a request, its tags without their namespace.

    Raises:
        BucketError: MalformedXML, also when its root is another element than `root`.
    """
    try:
        document = ElementTree.fromstring(body)  # noqa: S314 (a client of one's own, and expat limits expansion)
    except ElementTree.ParseError as error:
        raise malformed(f"it does not parse: {error}") from error
    for element in document.iter():
        element.tag = element.tag.rpartition("}")[2]
    if document.tag != root:
        raise malformed(f"expected <{root}>, got <{document.tag}>")
    return document


def malformed(why: str) -> BucketError:
    return BucketError(400, "MalformedXML", f"The XML you provided was not well-formed: {why}")
