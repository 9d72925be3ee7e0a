"""GetObjectTagging, PutObjectTagging and DeleteObjectTagging, and the rules that tags are held to.

S3 User Guide, "Categorizing your objects using tags".
"""

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

from pipeline.local.buckets.base import BucketError
from pipeline.local.buckets.disk import DiskBucket
from pipeline.local.buckets.s3api import xml
from pipeline.local.buckets.s3api.call import Call
from pipeline.local.buckets.s3api.payloads import Payload
from pipeline.local.http_messages import Response

PARAMETERS = frozenset({"tagging"})
_MAX_TAGS = 10
_NAME, _VALUE = re.compile(r"[\w\s+\-=.:/@]{1,128}"), re.compile(r"[\w\s+\-=.:/@]{0,256}")


def get_object_tagging(call: Call[DiskBucket]) -> Response:
    tags = call.bucket.head(call.key).description.tags
    each = "".join(f"<Tag>{xml.elements([('Key', name), ('Value', value)])}</Tag>" for name, value in tags.items())
    return xml.answer("Tagging", f"<TagSet>{each}</TagSet>")


def put_object_tagging(call: Call[DiskBucket]) -> Response:
    document = xml.parse(Payload.of(call.request).document(), "Tagging")
    tags = [(tag.findtext("Key"), tag.findtext("Value")) for tag in document.iterfind("TagSet/Tag")]
    call.bucket.set_tags(call.key, checked_tags((name or "", value or "") for name, value in tags))
    return Response(200)


def delete_object_tagging(call: Call[DiskBucket]) -> Response:
    call.bucket.set_tags(call.key, {})
    return Response(204)


def tags_of_header(text: str) -> dict[str, str]:
    """The tags that `x-amz-tagging` holds, which is written like a query."""
    return checked_tags(parse_qsl(text, keep_blank_values=True))


def checked_tags(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Tags that keep S3's rules; raises BucketError (InvalidTag, BadRequest) for others."""
    pairs = list(pairs)
    tags = dict(pairs)
    if len(tags) < len(pairs):
        raise BucketError(400, "InvalidTag", "Cannot provide multiple Tags with the same key")
    if len(tags) > _MAX_TAGS:
        raise BucketError(400, "BadRequest", f"Object tags cannot be greater than {_MAX_TAGS}")
    for name, value in pairs:
        if not _NAME.fullmatch(name):
            raise BucketError(400, "InvalidTag", f"The TagKey you have provided is invalid: {name!r}")
        if not _VALUE.fullmatch(value):
            raise BucketError(400, "InvalidTag", f"The TagValue you have provided is invalid: {value!r}")
    return tags
