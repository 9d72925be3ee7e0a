"""Where the images of a run on this machine come from: a folder, or a prefix of a real S3 bucket. Neither is copied."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from pipeline import aws
from pipeline.errors import ImageBatchError
from pipeline.local.buckets import FolderBucket, RemoteBucket
from pipeline.local.cloud import LocalCloud

NAMES_TOLD = 5


class UsageError(ImageBatchError):
    """The command cannot start as it was given: a missing folder, an empty one, a model folder without a contract."""


class Source(Protocol):
    """Images that the local cloud can serve in place."""

    name: str
    """What a run over them is called: the last part of where they are."""

    parameters: Mapping[str, str]
    """What the stack has to be told, so that its roles may read them."""

    def serve(self, cloud: LocalCloud, images_bucket: str) -> str:
        """Put the images behind the cloud's S3; returns the prefix that holds them, as `s3://bucket/prefix`."""
        ...

    def notes(self) -> Iterable[str]:
        """What a person should know about images that were left out; complete once the run has listed them."""
        ...


def open_source(source: str, results: Path) -> Source:
    """The images at `source`, a folder or `s3://bucket/prefix`; raises UsageError when there are none.

    `results`, where results go, is left out of the images when it lies inside the folder.
    """
    if not source.startswith("s3:"):
        return FolderSource(source, results)
    remote = re.fullmatch(r"s3://([^/]+)/?(.*)", source, re.DOTALL)
    if remote is None:
        raise UsageError(f"{source!r} is not an S3 prefix: write it as s3://bucket/prefix/")
    return PrefixSource(*remote.groups())


class FolderSource:
    """A folder with its sub-folders, served as the stack's images bucket."""

    def __init__(self, source: str, results: Path) -> None:
        folder = Path(source)
        with suppress(RuntimeError):  # "~name" of a user whom this machine does not know
            folder = folder.expanduser()
        if not folder.exists():
            raise UsageError(f"There is no folder {source!r}: give a folder of images, or an s3:// prefix")
        if not folder.is_dir():
            raise UsageError(f"{source!r} is a file: give the folder that holds it")
        self.name = folder.resolve().name
        self.parameters: Mapping[str, str] = {}
        self._bucket = FolderBucket(folder.resolve(), exclude=[results.resolve()])
        if not self._bucket.list_objects(max_keys=1).objects:
            raise UsageError(f"{source!r} holds no files: there is nothing to predict")

    def serve(self, cloud: LocalCloud, images_bucket: str) -> str:
        cloud.mount(images_bucket, self._bucket)
        return f"s3://{images_bucket}/"

    def notes(self) -> Iterable[str]:
        left_out = list(self._bucket.unlistable)
        if left_out:
            names = ", ".join(repr(name) for name in left_out[:NAMES_TOLD])
            yield f"{len(left_out)} file(s) left out: S3 cannot name them (not UTF-8, or over 1,024 bytes): {names}"


class PrefixSource:
    """A prefix of a bucket in S3, read with the credentials of whoever runs the command."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket, self._prefix = bucket, prefix
        self.name = prefix.rstrip("/").rpartition("/")[2] or bucket
        arn = f"arn:aws:s3:::{bucket}"
        self.parameters: Mapping[str, str] = {"OtherImagesBuckets": arn, "OtherImages": f"{arn}/*"}
        self._s3: Any = aws.client("s3")
        try:
            page = self._s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
        except (ClientError, BotoCoreError) as error:
            raise UsageError(
                f"s3://{bucket}/{prefix} cannot be listed: {error}. Check the name, and the credentials (AWS_PROFILE)"
            ) from error
        if not page.get("KeyCount"):
            raise UsageError(f"s3://{bucket}/{prefix} holds no objects: there is nothing to predict")

    def serve(self, cloud: LocalCloud, images_bucket: str) -> str:
        cloud.mount(self._bucket, RemoteBucket(self._s3, self._bucket))
        return f"s3://{self._bucket}/{self._prefix}"

    def notes(self) -> Iterable[str]:
        return ()
