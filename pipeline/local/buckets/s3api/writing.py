"""PutObject, DeleteObject and DeleteObjects."""

from xml.etree.ElementTree import Element

from pipeline.local.buckets.base import MAX_KEY_BYTES, BucketError, ObjectInfo
from pipeline.local.buckets.disk import DiskBucket
from pipeline.local.buckets.s3api import xml
from pipeline.local.buckets.s3api.call import Call
from pipeline.local.buckets.s3api.descriptions import ENCRYPTION, description_of, write_conditions_of
from pipeline.local.buckets.s3api.listing import NO_VERSION
from pipeline.local.buckets.s3api.payloads import Payload
from pipeline.local.buckets.s3api.reading import checksum_headers
from pipeline.local.http_messages import Response

MAX_PUT = 5 << 30
_MAX_DELETES = 1000


def put_object(call: Call[DiskBucket]) -> Response:
    if call.request.body.length > MAX_PUT:
        raise BucketError(400, "EntityTooLarge", f"One PutObject takes at most {MAX_PUT} bytes: upload it in parts")
    description = description_of(call.headers, call.bucket.encryption)
    conditions = write_conditions_of(call.headers)
    payload = Payload.of(call.request)
    # S3 API reference, Object: the ETag of what KMS encrypts is no MD5 of it. Computing one takes longer than the rest.
    with_md5 = "content-md5" in call.headers or "kms" not in description.headers.get(ENCRYPTION, "")
    with call.bucket.receive(payload.source, payload.algorithm, with_md5=with_md5) as body:
        payload.verify(body.digests)
        info = call.bucket.put(call.key, body, description, conditions)
    return Response(200, written(info))


def delete_object(call: Call[DiskBucket]) -> Response:
    call.bucket.delete(call.key, call.headers.get("if-match"))
    return Response(204)


def delete_objects(call: Call[DiskBucket]) -> Response:
    """Delete up to 1,000 objects; one that cannot be deleted does not keep the others."""
    document = xml.parse(Payload.of(call.request).document(), "Delete")
    named = document.findall("Object")
    if not 1 <= len(named) <= _MAX_DELETES:
        raise xml.malformed(f"1 to {_MAX_DELETES} objects can be deleted at once, not {len(named)}")
    quiet = document.findtext("Quiet", "").strip().lower() == "true"
    results = []
    for item in named:
        key = item.findtext("Key", "")
        try:
            _delete_named(call.bucket, key, item)
        except BucketError as error:
            told = xml.elements([("Key", key), ("Code", error.code), ("Message", error.message)])
            results.append(f"<Error>{told}</Error>")
        else:
            if not quiet:
                results.append(f"<Deleted>{xml.elements([('Key', key)])}</Deleted>")
    return xml.answer("DeleteResult", "".join(results))


def _delete_named(bucket: DiskBucket, key: str, item: Element) -> None:
    unknown = next((child.tag for child in item if child.tag not in ("Key", "ETag", "VersionId")), None)
    if unknown is not None:
        raise BucketError(501, "NotImplemented", f"{unknown} is not served for DeleteObjects")
    if item.findtext("VersionId", NO_VERSION) != NO_VERSION:
        raise BucketError(404, "NoSuchVersion", "The specified version does not exist.")
    check_key(key)
    bucket.delete(key, item.findtext("ETag"))


def check_key(key: str) -> None:
    """Whether an object can have this key; raises BucketError where it cannot."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise BucketError(400, "InvalidURI", "Couldn't parse the specified URI: its key is not UTF-8") from error
    if size > MAX_KEY_BYTES:
        raise BucketError(400, "KeyTooLongError", f"Your key is too long: {size} of {MAX_KEY_BYTES} bytes")


def written(info: ObjectInfo) -> list[tuple[str, str]]:
    """The headers that answer a write: what the object can be told by, and what it is encrypted with."""
    encryption = [item for item in info.description.headers.items() if item[0].startswith(ENCRYPTION)]
    return [("ETag", info.etag), *checksum_headers(info.checksum), *encryption]
