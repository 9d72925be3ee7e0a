"""The object whose upload started a run: a marker or a manifest, read when the run starts.

Two deliveries are of one upload when bucket, key and bytes are the same. An ETag does not say so: where S3 encrypts
with a key of KMS, it is no digest of the bytes, and each write has another one (Amazon S3 API Reference, "Object").
Version and sequencer differ with each write anyway. So the bytes are read, in the version that the event is about. In a
bucket without versions, and where that version is gone, what is there now counts: the next event is about the same.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.errors import InvalidRunInput
from pipeline.runs.control_files import MANIFEST_SUFFIX
from pipeline.runs.sources import Prefix

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LARGEST_MARKER = 1_000_000
"""Bytes. A marker says nothing; a date or a list for people fits."""


@dataclass(frozen=True)
class Upload:
    bucket: str
    key: str
    version: str | None = None
    """None in a bucket without versions."""

    @property
    def uri(self) -> str:
        return objects.s3_uri(self.bucket, self.key)

    def identity(self, content: str) -> str:
        """Of a trigger; `content` stands for the bytes."""
        return json.dumps(["s3", self.bucket, self.key, content], ensure_ascii=False)


class Marker(Upload):
    """The object that says that its folder is complete."""

    @property
    def folder(self) -> Prefix:
        return Prefix(self.bucket, self.key[: self.key.rfind("/") + 1])


class Manifest(Upload):
    """The object that lists what a run takes."""

    @property
    def name(self) -> str:
        """What a person would call it: the file's name without its suffix, or its folder's."""
        folder, _, name = self.key.removesuffix(MANIFEST_SUFFIX).rpartition("/")
        return name or Prefix(self.bucket, folder).name


def marker_identity(s3: "S3Client", marker: Marker) -> str | None:
    """By the marker's bytes; None where they are gone, or may not be read. Raises InvalidRunInput for a large one."""
    try:
        return read(s3, marker, LARGEST_MARKER)[1]
    except ClientError as error:
        if objects.is_out_of_reach(error):
            return None
        raise


def read(s3: "S3Client", upload: Upload, largest: int) -> tuple[bytes, str]:
    """The object's bytes, and the identity that they give it.

    Raises InvalidRunInput for more than `largest` bytes, and ClientError where there is no such object.
    """
    try:
        body = _get(s3, upload, largest, {"VersionId": upload.version} if upload.version else {})
    except ClientError as error:
        if upload.version is None or not objects.is_out_of_reach(error):
            raise
        body = _get(s3, upload, largest, {})
    return body, upload.identity(hashlib.sha256(body).hexdigest())


def _get(s3: "S3Client", upload: Upload, largest: int, version: dict[str, Any]) -> bytes:
    def get() -> bytes:
        response = s3.get_object(Bucket=upload.bucket, Key=upload.key, **version)
        if response["ContentLength"] > largest:
            raise InvalidRunInput(
                f"{upload.uri} has {response['ContentLength']:,} bytes, and at most {largest:,} are read."
                " For more images than a manifest holds, name prefixes, or start a run with `images`, whose listings"
                " are larger; a marker may be empty."
            )
        return response["Body"].read()

    return objects.unbroken(get)
