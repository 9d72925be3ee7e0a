"""What a Processing job moves between S3 and its containers' folders.

Inputs are objects below a prefix, or those that a manifest names, whole on every host or dealt out among the hosts in
the order of their keys. Outputs are folders, uploaded at the end or while they fill.
"""

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig

from pipeline.local.direct_calls import bring

_PARALLEL = 2
# Nothing is waited for in a call of this process, and threads cost more than most files.
_ON_THIS_THREAD = TransferConfig(use_threads=False)
_POLL_SECONDS = 1.0


class TransferError(Exception):
    """An input that cannot be brought to the container. The text is the job's failure reason."""


@dataclass(frozen=True)
class InputObject:
    """One object of an input, and where it goes below the input's folder."""

    bucket: str
    key: str
    path: str


def split_uri(uri: str) -> tuple[str, str]:
    """`s3://bucket/key` as its two parts."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def input_objects(s3: Any, source: Mapping[str, Any]) -> list[InputObject]:
    """The objects of one `S3Input`, in the order of their keys (prefix) or of the manifest.

    Raises:
        TransferError: nothing is there, or the manifest does not read.
    """
    uri = source["S3Uri"]
    if source["S3DataType"] == "ManifestFile":
        objects = list(_manifest_objects(s3, uri))
    else:
        bucket, prefix = split_uri(uri)
        objects = list(_prefix_objects(s3, bucket, prefix))
    if not objects:
        raise TransferError(f"No S3 objects found under S3 URL {uri!r} given in the input data source")
    return objects


def share(objects: Sequence[InputObject], distribution: str, host: int, hosts: int) -> Sequence[InputObject]:
    """The objects that one of several hosts gets: all (`FullyReplicated`), or every n-th (`ShardedByS3Key`)."""
    return objects[host::hosts] if distribution == "ShardedByS3Key" else objects


def download(s3: Any, objects: Sequence[InputObject], folder: Path) -> None:
    """Bring objects into a folder.

    Raises:
        TransferError: an object cannot be read, or its key cannot be a file below the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(_PARALLEL) as pool:
        for _ in pool.map(lambda item: _download_one(s3, item, folder), objects):
            pass


class OutputUpload:
    """Uploads one output folder: what is new in it, whenever `sweep` is called."""

    def __init__(self, s3: Any, folder: Path, uri: str) -> None:
        self._s3 = s3
        self._folder = folder
        self._bucket, self._prefix = split_uri(uri)
        self._uploaded: dict[Path, tuple[int, int]] = {}
        self._seen: dict[Path, tuple[int, int]] = {}

    def sweep(self, *, final: bool) -> None:
        """Upload what is not in S3 yet. Until the final sweep, a file counts as complete when it has not changed since
        the sweep before.

        Raises:
            TransferError: S3 does not take a file.
        """
        seen = {}
        for path in sorted(self._folder.rglob("*")):
            # What the job renames or removes while it is looked at is seen by the next sweep, if it is still there.
            with suppress(FileNotFoundError):
                if not path.is_file():
                    continue
                state = seen[path] = _state(path)
                if self._uploaded.get(path) != state and (final or self._seen.get(path) == state):
                    self._upload(path)
                    self._uploaded[path] = state
        self._seen = seen

    def run(self, ended: threading.Event) -> None:
        """Sweep until the job has ended (`S3UploadMode` Continuous). What S3 does not take is for the last sweep."""
        with suppress(TransferError):
            while not ended.wait(_POLL_SECONDS):
                self.sweep(final=False)

    def _upload(self, path: Path) -> None:
        key = self._key(path)
        try:
            self._s3.upload_file(str(path), self._bucket, key, Config=_ON_THIS_THREAD)
        except S3UploadFailedError as error:
            raise TransferError(f"Failed to upload s3://{self._bucket}/{key}: {error.__cause__ or error}") from error

    def _key(self, path: Path) -> str:
        relative = path.relative_to(self._folder).as_posix()
        prefix = self._prefix.rstrip("/")
        return f"{prefix}/{relative}" if prefix else relative


def _manifest_objects(s3: Any, uri: str) -> Iterator[InputObject]:
    """SageMaker API reference, S3DataSource: `[{"prefix": "s3://bucket/path/"}, "relative/key", ...]`."""
    bucket, key = split_uri(uri)
    try:
        manifest = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        base, names = manifest[0]["prefix"], manifest[1:]
    except s3.exceptions.NoSuchKey as error:
        raise TransferError(f"The manifest {uri} does not exist") from error
    except s3.exceptions.ClientError as error:
        raise TransferError(f"The manifest {uri} cannot be read: {_reason(error)}") from error
    except (ValueError, LookupError, TypeError) as error:
        raise TransferError(f'The manifest {uri} does not read as [{{"prefix": "s3://..."}}, "key", ...]') from error
    for name in names:
        if not isinstance(name, str):
            raise TransferError(f"The manifest {uri} names {name!r}, which is no key")
        found_bucket, found_key = split_uri(base + name)
        yield InputObject(found_bucket, found_key, name)


def _prefix_objects(s3: Any, bucket: str, prefix: str) -> Iterator[InputObject]:
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                if not item["Key"].endswith("/"):
                    yield InputObject(bucket, item["Key"], _path_below(item["Key"], prefix))
    except s3.exceptions.NoSuchBucket as error:
        raise TransferError(f"The bucket {bucket!r} does not exist") from error
    except s3.exceptions.ClientError as error:
        raise TransferError(f"s3://{bucket}/{prefix} cannot be listed: {_reason(error)}") from error


def _path_below(key: str, prefix: str) -> str:
    """Where an object goes: below a prefix that names a folder, or else under its own name."""
    folder = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
    if key.startswith(folder):
        return key[len(folder) :]
    return key[prefix.rfind("/") + 1 :]


def _download_one(s3: Any, item: InputObject, folder: Path) -> None:
    target = folder / item.path
    if ".." in Path(item.path).parts or Path(item.path).is_absolute():
        raise TransferError(f"s3://{item.bucket}/{item.key} cannot be a file: its key leads out of the input's folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        bring(s3.get_object(Bucket=item.bucket, Key=item.key), target)
    except s3.exceptions.ClientError as error:
        raise TransferError(f"Data download failed: s3://{item.bucket}/{item.key}: {_reason(error)}") from error
    except (OSError, ValueError) as error:
        raise TransferError(f"Data download failed: s3://{item.bucket}/{item.key} cannot be a file: {error}") from error


def _reason(error: Any) -> str:
    return str(error.response["Error"].get("Message", error))


def _state(path: Path) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116
    return status.st_size, status.st_mtime_ns
