"""A listing: chosen objects of one bucket, as a JSON Lines object in S3. One image a line, each key once:

    {"Key": "incoming/a.jpg", "Etag": "9b2cf535f27731c974343645a3985328", "Size": 120345}
    {"Key": "incoming/b.jpg"}

Etag and Size may be left out: then nobody can tell whether the image has changed since it was listed, and its size is
known when it is read.
The names are those that Step Functions' reader of ListObjectsV2 gives its items, so that the same function validates
both; further names are passed over. Step Functions reads files of up to 10 GB (Developer Guide, "ItemReader (Map)").
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeGuard

from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.errors import InvalidRunInput

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LARGEST_LISTING = 10 * 10**9
_LONGEST_LINE = 16_384
"""Bytes; a key has 1,024 at most, and JSON may write each of them in six."""


@dataclass(frozen=True, slots=True)
class ListedImage:
    """One object as it was listed."""

    key: str
    etag: str | None = None
    """Without quotes; None where the listing does not tell."""
    size: int | None = None
    """In bytes; None where the listing does not tell."""

    def to_json(self) -> dict[str, Any]:
        told = {"Key": self.key, "Etag": self.etag, "Size": self.size}
        return {name: value for name, value in told.items() if value is not None}

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Reads a line of a listing, or an item of ListObjectsV2. Raises ValueError, which says what is expected."""
        match document:
            case {"Key": str(key)} if key:
                etag, size = document.get("Etag"), document.get("Size")
                if _is_etag(etag) and _is_size(size) and _is_text(key + (etag or "")):
                    return cls(key, etag and etag.strip('"'), size)
        expected = '{"Key": "a.jpg", "Etag": "9b2c...", "Size": 120345}, or only the first of these'
        raise ValueError(f"expected {expected}, got {json.dumps(document):.200}")


def _is_etag(value: Any) -> TypeGuard[str | None]:
    return value is None or isinstance(value, str)


def _is_size(value: Any) -> TypeGuard[int | None]:
    return value is None or (isinstance(value, int) and value >= 0)


def _is_text(value: str) -> bool:
    """Whether UTF-8 can write it, and S3 so have it. JSON may escape half of a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def write_listing(s3: "S3Client", bucket: str, key: str, images: Iterable[ListedImage]) -> None:
    objects.put_bytes(s3, bucket, key, objects.dump_lines(image.to_json() for image in images), "application/x-ndjson")


def check_listing(s3: "S3Client", bucket: str, key: str) -> None:
    """Refuse a listing that is not there, or whose first line names no image; the others are read when they are due.

    Raises InvalidRunInput.
    """
    uri = objects.s3_uri(bucket, key)
    try:
        size = s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
    except ClientError as error:
        if objects.is_missing(error):
            raise InvalidRunInput(f"images: there is no listing {uri}; upload it first.") from error
        if objects.error_code(error) in {"AccessDenied", "403"}:
            raise InvalidRunInput(
                f"images: the listing {uri} is not there, or lies where infra/template.yaml lets nobody read it."
            ) from error
        raise
    if not size:
        raise InvalidRunInput(f"images: the listing {uri} is empty; it names one image a line.")
    if size > LARGEST_LISTING:
        raise InvalidRunInput(
            f"images: the listing {uri} has {size:,} bytes, and Step Functions reads {LARGEST_LISTING:,}; "
            "split it over several runs."
        )
    last = min(size, _LONGEST_LINE) - 1
    start = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{last}")["Body"].read()
    try:
        ListedImage.from_json(_json(start.partition(b"\n")[0]))
    except ValueError as error:
        raise InvalidRunInput(f"images: the first line of {uri} names no image: {error}.") from error


def _json(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line.decode("utf-8", "replace")


def read_items(items: Iterable[Mapping[str, Any]]) -> list[ListedImage]:
    """The items that Step Functions handed over: listed by S3, or lines of somebody's listing.

    Raises InvalidRunInput where an item of a listing names no image.
    """
    try:
        return [ListedImage.from_json(item) for item in items]
    except ValueError as error:
        raise InvalidRunInput(f"images: a line of the listing names no image: {error}.") from error
