"""What the pipeline does with S3 objects: JSON and JSON Lines, listings, conditional writes, `s3://` addresses.

JSON is written compact, as UTF-8. Lines end with a bare newline and are split on nothing else: JSON may carry U+2028
and friends unescaped, and `str.splitlines` would cut a key in two there.
"""

import base64
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlencode

from botocore.exceptions import ClientError, FlexibleChecksumError, HTTPClientError, IncompleteReadError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import TagTypeDef

    from pipeline.shards.joined_buffers import JoinedBuffers

T = TypeVar("T")
_READ_ATTEMPTS = 3
_LINES_AT_ONCE = 200


def error_code(error: ClientError) -> str:
    """The service's name for what went wrong: `NoSuchKey`, `AccessDenied`, or `404` after a HEAD, which has no body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_missing(error: ClientError) -> bool:
    """Whether S3 said that there is no such object."""
    return error_code(error) in {"NoSuchKey", "404", "NotFound"}


def is_out_of_reach(error: ClientError) -> bool:
    """The same, or that it may not be read: who may not list a bucket is told so of what is missing, too (Amazon S3 API
    Reference, "GetObject")."""
    return is_missing(error) or error_code(error) in {"NoSuchVersion", "AccessDenied", "403"}


def dump_json(value: Any) -> bytes:
    """Compact JSON as UTF-8; NaN and infinities, which JSON does not have, are refused with ValueError."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def dump_lines(values: Iterable[Any]) -> bytes:
    """JSON Lines: one compact document a line, each line ended."""
    return b"".join(dump_json(value) + b"\n" for value in values)


def unbroken(read: Callable[[], T]) -> T:
    """What `read` makes of an object, tried again where its body breaks off or arrives damaged.

    The client retries requests that fail. A body that streams is past that: it is the caller's to ask for again.
    """
    for _ in range(_READ_ATTEMPTS - 1):
        try:
            return read()
        except (HTTPClientError, IncompleteReadError, FlexibleChecksumError):
            continue
    return read()


def get_bytes(s3: "S3Client", bucket: str, key: str) -> bytes:
    return unbroken(lambda: s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def get_range(s3: "S3Client", bucket: str, key: str, offset: int, length: int) -> bytes:
    """At most `length` bytes of an object from `offset` on; `length` is at least 1, and `offset` lies inside it."""
    span = f"bytes={offset}-{offset + length - 1}"
    return unbroken(lambda: s3.get_object(Bucket=bucket, Key=key, Range=span)["Body"].read())


def get_json(s3: "S3Client", bucket: str, key: str) -> Any:
    return json.loads(get_bytes(s3, bucket, key))


def get_lines(s3: "S3Client", bucket: str, key: str) -> Iterator[Any]:
    """The documents of a JSON Lines object; empty lines are passed over. Raises ValueError for a line that is none."""
    return parse_lines(get_bytes(s3, bucket, key))


def parse_lines(data: bytes) -> Iterator[Any]:
    """The same of JSON Lines that are there already."""
    lines = [line for line in data.decode().split("\n") if line.strip()]
    for start in range(0, len(lines), _LINES_AT_ONCE):
        yield from _documents(lines[start : start + _LINES_AT_ONCE])


def _documents(lines: Sequence[str]) -> list[Any]:
    """Read many at once, in half the time; where that fails, or a line holds two, each by itself, for its own error."""
    try:
        documents: list[Any] = json.loads(f"[{','.join(lines)}]")
    except ValueError:
        documents = []
    return documents if len(documents) == len(lines) else [json.loads(line) for line in lines]


def put_bytes(
    s3: "S3Client",
    bucket: str,
    key: str,
    body: "bytes | JoinedBuffers",
    content_type: str = "application/octet-stream",
    metadata: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Store an object, guarded by its CRC32.

    Where none is given, botocore works one out. Over TLS it then sends the body in chunks, and copies what is left of
    one for every 128 KB that go out: 38 ms for a shard, against 4 ms for the checksum.
    """
    crc32 = zlib.crc32(body) if isinstance(body, bytes) else body.crc32()
    # Even an empty Tagging takes s3:PutObjectTagging, which most functions do not have.
    tagging: dict[str, Any] = {"Tagging": urlencode(tags)} if tags else {}
    content = cast("bytes | IO[bytes]", body)
    s3.put_object(
        Bucket=bucket,
        Key=key,
        Body=content,
        ChecksumCRC32=base64.b64encode(crc32.to_bytes(4, "big")).decode(),
        ContentType=content_type,
        Metadata=dict(metadata or {}),
        **tagging,
    )


def upload(s3: "S3Client", bucket: str, key: str, file: IO[bytes], content_type: str) -> None:
    """Upload a file on disk from its start. It stays open, which the transfer itself would close."""
    file.flush()
    with os.fdopen(os.dup(file.fileno()), "rb") as sent:
        sent.seek(0)
        s3.upload_fileobj(sent, bucket, key, ExtraArgs={"ContentType": content_type})


def put_tags(s3: "S3Client", bucket: str, key: str, tags: Mapping[str, str]) -> None:
    """Give an object these tags in place of its own."""
    tag_set: list[TagTypeDef] = [{"Key": name, "Value": value} for name, value in tags.items()]
    s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": tag_set})


def put_json(s3: "S3Client", bucket: str, key: str, value: Any) -> None:
    put_bytes(s3, bucket, key, dump_json(value), "application/json")


def put_json_if_absent(s3: "S3Client", bucket: str, key: str, value: Any) -> bool:
    """Write the object unless the key exists; say whether this call wrote it.

    One of several writers wins, whatever their timing: S3 answers the others 412, or 409 while the race is undecided,
    in which case the write is tried again (S3 User Guide, "How to prevent object overwrites with conditional writes").
    """
    body = dump_json(value)
    for _ in range(10):
        try:
            s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json", IfNoneMatch="*")
        except ClientError as error:
            if error_code(error) in {"PreconditionFailed", "412"}:
                return False
            if error_code(error) not in {"ConditionalRequestConflict", "409"}:
                raise
        else:
            return True
    raise TimeoutError(
        f"S3 answered ten times that another write to s3://{bucket}/{key} was under way; start the step again."
    )


def exists(s3: "S3Client", bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if is_missing(error):
            return False
        raise
    return True


@dataclass(frozen=True)
class ListedObject:
    key: str
    size: int
    stored_at: datetime
    etag: str
    """Without quotes."""


def list_objects(s3: "S3Client", bucket: str, prefix: str) -> Iterator[ListedObject]:
    """Every object whose key starts with `prefix`, in S3's order, page by page."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", ()):
            yield ListedObject(item["Key"], item["Size"], item["LastModified"], item["ETag"].strip('"'))


def list_folders(s3: "S3Client", bucket: str, prefix: str) -> list[str]:
    """The names directly under `prefix` (which ends in a slash) that have something below them."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
    return [item["Prefix"][len(prefix) : -1] for page in pages for item in page.get("CommonPrefixes", ())]


def s3_uri(bucket: str, key: str) -> str:
    return f"s3://{bucket}/{key}"


def parse_s3_uri(uri: str) -> tuple[str, str]:
    """`s3://bucket/key` -> (bucket, key); the key may be empty.

    Raises ValueError, in words for whoever wrote the address.
    """
    scheme, separator, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not separator or not bucket:
        raise ValueError(f"expected s3://bucket/prefix, got {uri!r}")
    return bucket, key
