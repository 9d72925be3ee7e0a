"""The operations of multipart uploads."""

from collections.abc import Sized
from xml.etree.ElementTree import Element

from pipeline.local.buckets.base import BucketError, Checksum
from pipeline.local.buckets.checksums import hasher
from pipeline.local.buckets.disk import DiskBucket
from pipeline.local.buckets.index import Upload
from pipeline.local.buckets.s3api import xml
from pipeline.local.buckets.s3api.call import Call
from pipeline.local.buckets.s3api.copying import open_source, result
from pipeline.local.buckets.s3api.descriptions import description_of, write_conditions_of
from pipeline.local.buckets.s3api.listing import encoding
from pipeline.local.buckets.s3api.payloads import Payload
from pipeline.local.buckets.s3api.reading import checksum_headers
from pipeline.local.buckets.s3api.writing import MAX_PUT, written
from pipeline.local.buckets.uploads import COMPOSITE, FULL_OBJECT, MAX_PARTS, NamedPart
from pipeline.local.http_messages import Response

LIST_PARTS_PARAMETERS = frozenset({"uploadId", "max-parts", "part-number-marker"})
LIST_UPLOADS_PARAMETERS = frozenset(
    {"uploads", "prefix", "max-uploads", "key-marker", "upload-id-marker", "encoding-type"}
)
_PAGE = 1000
# S3 User Guide, "Checking object integrity for data uploads", "Full object and composite checksum types": those that
# an algorithm has, the default first. The others have COMPOSITE alone.
_TYPES = {
    "CRC32": (COMPOSITE, FULL_OBJECT),
    "CRC32C": (COMPOSITE, FULL_OBJECT),
    "CRC64NVME": (FULL_OBJECT,),
}


def create_multipart_upload(call: Call[DiskBucket]) -> Response:
    algorithm = call.headers.get("x-amz-checksum-algorithm", "").upper() or None
    checksum_type = None
    if algorithm is not None:
        hasher(algorithm)
        types = _TYPES.get(algorithm, (COMPOSITE,))
        checksum_type = call.headers.get("x-amz-checksum-type", types[0]).upper()
        if checksum_type not in (COMPOSITE, FULL_OBJECT):
            raise BucketError(400, "InvalidRequest", f"x-amz-checksum-type is invalid: {checksum_type}")
        if checksum_type not in types:
            message = f"The {checksum_type} checksum type cannot be used with the {algorithm} checksum algorithm."
            raise BucketError(400, "InvalidRequest", message)
    upload = call.bucket.uploads.begin(
        call.key, description_of(call.headers, call.bucket.encryption), algorithm, checksum_type
    )
    headers = [("x-amz-checksum-algorithm", algorithm)] if algorithm else []
    headers += [("x-amz-checksum-type", checksum_type)] if checksum_type else []
    told = [("Bucket", call.bucket_name), ("Key", call.key), ("UploadId", upload.id)]
    return xml.answer("InitiateMultipartUploadResult", xml.elements(told), headers)


def upload_part(call: Call[DiskBucket]) -> Response:
    upload, number = _upload(call), _part_number(call)
    if call.request.body.length > MAX_PUT:
        raise BucketError(400, "EntityTooLarge", f"A part has at most {MAX_PUT} bytes")
    payload = Payload.of(call.request, upload.algorithm)
    if upload.algorithm is not None and payload.algorithm != upload.algorithm:
        message = f"The upload was begun with the checksum {upload.algorithm}, and a part came with {payload.algorithm}"
        raise BucketError(400, "InvalidRequest", message)
    with call.bucket.receive(payload.source, payload.algorithm) as body:
        payload.verify(body.digests)
        part = call.bucket.uploads.add(upload, number, body)
    return Response(200, [("ETag", part.etag), *checksum_headers(part.checksum)])


def upload_part_copy(call: Call[DiskBucket]) -> Response:
    upload, number = _upload(call), _part_number(call)
    with open_source(call) as (_, source), call.bucket.receive(source, upload.algorithm) as body:
        part = call.bucket.uploads.add(upload, number, body)
    return xml.answer("CopyPartResult", result(part))


def complete_multipart_upload(call: Call[DiskBucket]) -> Response:
    upload = _upload(call)
    # A checksum in the headers is that of the object here, and not that of the document.
    document = xml.parse(Payload(call.request.body, None, {}).document(), "CompleteMultipartUpload")
    parts = [_named_part(part, upload) for part in document.iterfind("Part")]
    if not 1 <= len(parts) <= MAX_PARTS:
        raise xml.malformed(f"an upload is completed with 1 to {MAX_PARTS} parts, not {len(parts)}")
    expected = call.headers.get(f"x-amz-checksum-{upload.algorithm.lower()}") if upload.algorithm else None
    info = call.bucket.uploads.complete(upload, parts, write_conditions_of(call.headers), expected)
    told = [("Location", f"/{call.bucket_name}/{call.key}"), ("Bucket", call.bucket_name), ("Key", call.key)]
    content = xml.elements([*told, ("ETag", info.etag)]) + (xml.checksum(info.checksum) if info.checksum else "")
    return xml.answer("CompleteMultipartUploadResult", content, written(info))


def abort_multipart_upload(call: Call[DiskBucket]) -> Response:
    call.bucket.uploads.abort(_upload(call))
    return Response(204)


def list_parts(call: Call[DiskBucket]) -> Response:
    upload = _upload(call)
    limit, marker = call.number("max-parts", _PAGE, _PAGE), call.number("part-number-marker", 0, MAX_PARTS)
    found = call.bucket.uploads.parts(upload, marker, limit + 1)
    parts = found[:limit]
    told = [("Bucket", call.bucket_name), ("Key", call.key), ("UploadId", upload.id), *_storage(upload)]
    told += [("PartNumberMarker", str(marker)), ("MaxParts", str(limit))]
    if parts:
        told.append(("NextPartNumberMarker", str(parts[-1].number)))
    content = [xml.elements([*told, ("IsTruncated", _truncated(found, parts))])]
    for part in parts:
        each = [("PartNumber", str(part.number)), ("LastModified", xml.timestamp(part.last_modified))]
        each += [("ETag", part.etag), ("Size", str(part.size))]
        each += [(f"Checksum{part.checksum.algorithm}", part.checksum.value)] if part.checksum else []
        content.append(f"<Part>{xml.elements(each)}</Part>")
    return xml.answer("ListPartsResult", "".join(content))


def list_multipart_uploads(call: Call[DiskBucket]) -> Response:
    prefix, encode = call.query.get("prefix", ""), encoding(call.query.get("encoding-type", ""))
    limit, key_marker = call.number("max-uploads", _PAGE, _PAGE), call.query.get("key-marker", "")
    # Without an upload id, the marker stands for all uploads of its key.
    id_marker = call.query.get("upload-id-marker", "") if key_marker else ""
    after = (key_marker, id_marker) if id_marker or not key_marker else (f"{key_marker}\0", "")
    found = call.bucket.uploads.pending(prefix, after, limit + 1)
    uploads = found[:limit]
    told = [("Bucket", call.bucket_name), ("Prefix", encode(prefix)), ("KeyMarker", encode(key_marker))]
    told += [("UploadIdMarker", id_marker), ("MaxUploads", str(limit)), ("IsTruncated", _truncated(found, uploads))]
    if "encoding-type" in call.query:
        told.append(("EncodingType", call.query["encoding-type"]))
    if len(found) > len(uploads) and uploads:
        told += [("NextKeyMarker", encode(uploads[-1].key)), ("NextUploadIdMarker", uploads[-1].id)]
    content = [xml.elements(told)]
    for upload in uploads:
        each = [("Key", encode(upload.key)), ("UploadId", upload.id), ("Initiated", xml.timestamp(upload.initiated))]
        content.append(f"<Upload>{xml.elements([*each, *_storage(upload)])}</Upload>")
    return xml.answer("ListMultipartUploadsResult", "".join(content))


def _upload(call: Call[DiskBucket]) -> Upload:
    return call.bucket.uploads.find(call.key, call.query["uploadId"])


def _part_number(call: Call[DiskBucket]) -> int:
    number = call.number("partNumber", 0, MAX_PARTS + 1)
    if not 1 <= number <= MAX_PARTS:
        raise BucketError(400, "InvalidArgument", f"A part number is one from 1 to {MAX_PARTS}")
    return number


def _named_part(part: Element, upload: Upload) -> NamedPart:
    number, etag = part.findtext("PartNumber", ""), part.findtext("ETag", "")
    if not number.isdecimal() or not etag:
        raise xml.malformed("a part is named by its PartNumber and its ETag")
    value = part.findtext(f"Checksum{upload.algorithm}") if upload.algorithm else None
    return NamedPart(int(number), etag, Checksum(upload.algorithm, value) if upload.algorithm and value else None)


def _storage(upload: Upload) -> list[tuple[str, str]]:
    return [("StorageClass", upload.description.storage_class)]


def _truncated(found: Sized, shown: Sized) -> str:
    return "true" if len(found) > len(shown) else "false"
