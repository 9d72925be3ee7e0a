"""Uploads, each under the hash of its content: what is there already is not sent again, and nothing is overwritten."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipeline.deploying.archives import archive, digest, files_below
from pipeline.deploying.templates import Address
from pipeline.objects import error_code

_SHOWN = 16
_CONTENT = "sha256"


class Uploads:
    """Uploads into one bucket."""

    def __init__(self, s3: Any, bucket: str, say: Callable[[str], None]) -> None:
        self._s3 = s3
        self._say = say
        self.bucket = bucket

    def file(self, path: Path, prefix: str, suffix: str = "") -> Address:
        """A file, under `prefix` and its hash; `suffix` is its own unless given."""
        return self.file_as(path, self.address_of(path, prefix, suffix)["Key"])

    def address_of(self, path: Path, prefix: str, suffix: str = "") -> Address:
        """Where `file` uploads to."""
        return {"Bucket": self.bucket, "Key": f"{prefix}{digest(path)[:_SHOWN]}{suffix or path.suffix}"}

    def file_as(self, path: Path, key: str) -> Address:
        if not self._is_there(key, path.stat().st_size):
            self._say(f"  {path.stat().st_size / 1e6:7.1f} MB  s3://{self.bucket}/{key}")
            self._s3.upload_file(str(path), self.bucket, key)
        return {"Bucket": self.bucket, "Key": key}

    def replace(self, path: Path, key: str) -> None:
        """A file whose key says nothing of its content: its metadata does.

        What is there already stays as it is. Written once more it would have another ETag where the bucket encrypts
        with a key of KMS, and whoever knows it by that would take it for another file.
        """
        content = digest(path)
        if self._head(key).get("Metadata", {}).get(_CONTENT) != content:
            self._say(f"  {path.stat().st_size / 1e6:7.1f} MB  s3://{self.bucket}/{key}")
            self._s3.upload_file(str(path), self.bucket, key, ExtraArgs={"Metadata": {_CONTENT: content}})

    def url_of(self, address: Address) -> str:
        """The address as CloudFormation takes it (CreateChangeSet, TemplateURL)."""
        region = self._s3.meta.region_name
        suffix = ".amazonaws.com.cn" if region.startswith("cn-") else ".amazonaws.com"
        return f"https://s3.{region}{suffix}/{address['Bucket']}/{address['Key']}"

    def text(self, text: str, prefix: str, suffix: str) -> Address:
        data = text.encode()
        key = f"{prefix}{hashlib.sha256(data).hexdigest()[:_SHOWN]}{suffix}"
        if not self._is_there(key, len(data)):
            self._s3.put_object(Bucket=self.bucket, Key=key, Body=data)
        return {"Bucket": self.bucket, "Key": key}

    def folder(self, folder: Path, prefix: str, scratch: Path) -> Address:
        """A folder as a zip file."""
        packed = scratch / f"{folder.name}.zip"
        archive(folder, files_below(folder), packed)
        return self.file(packed, prefix)

    def _is_there(self, key: str, size: int) -> bool:
        return bool(self._head(key).get("ContentLength") == size)

    def _head(self, key: str) -> Mapping[str, Any]:
        """What S3 says of an object; empty where there is none."""
        try:
            head: Mapping[str, Any] = self._s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error_code(error) not in ("404", "NoSuchKey", "NotFound"):
                raise
            return {}
        return head
