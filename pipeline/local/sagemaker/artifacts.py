"""Model artifacts: the `model.tar.gz` that a model's ModelDataUrl names, unpacked into the container's /opt/ml/model.

An archive comes from a bucket, and is not trusted: what would be written outside the folder, and anything that is
neither a file nor a folder (links, devices), is refused by name before it is unpacked.
"""

import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.local.sagemaker.transfers import TransferError, split_uri

# Python has it from 3.11.4 on. What it would refuse of files and folders, `_check` has refused.
_FILTER: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


def unpack_model(s3: Any, uri: str, folder: Path) -> None:
    """Unpack an archive from S3 into a folder, which is made.

    Raises:
        TransferError: it is not there, is no gzip-compressed tar file, or holds what must not be unpacked.
    """
    bucket, key = split_uri(uri)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
        with body, tarfile.open(fileobj=body, mode="r|gz") as archive:
            for member in archive:
                _check(member, uri)
                archive.extract(member, folder, **_FILTER)
    except ClientError as error:
        reason = error.response["Error"].get("Message", str(error))
        raise TransferError(f"Failed to download model data from {uri!r}: {reason}") from error
    except (tarfile.TarError, EOFError, OSError, zlib.error, BotoCoreError) as error:
        raise TransferError(
            f"Failed to unpack model data from {uri!r}: {error}. It has to be a gzip-compressed tar file"
        ) from error


def _check(member: tarfile.TarInfo, uri: str) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise TransferError(f"The model data {uri!r} holds {member.name!r}, which leads out of the model's folder")
    if not (member.isfile() or member.isdir()):
        raise TransferError(f"The model data {uri!r} holds {member.name!r}, which is neither a file nor a folder")
