"""What lives as long as a run: a folder beside its results, which killed runs leave behind, and its shards."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pipeline import objects
from pipeline.local.sources import UsageError
from pipeline.names import fingerprint
from pipeline.runs.keys import shards_prefix

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

# Names the machine: whether a process is alive is known only of those of this one, and folders can be shared.
_PREFIX = f".scratch-{fingerprint(socket.gethostname(), length=8)}-"
_AT_ONCE = 1_000
"""Keys: DeleteObjects takes no more."""


@contextmanager
def scratch_folder(out: Path) -> Iterator[Path]:
    """A folder for everything that lives as long as the run: shards, job folders, logs, the executions' history.

    It lies beside the results: /tmp may be memory, and a run over many images needs room.

    Raises UsageError where there can be none.
    """
    try:
        str(out.resolve()).encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"The path of {str(out)!r} is not UTF-8, and models load from no such path: name another with --out"
        ) from error
    try:
        out.mkdir(parents=True, exist_ok=True)
        _sweep(out)
        scratch = tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", dir=out, ignore_cleanup_errors=True)
    except OSError as error:
        raise UsageError(
            f"Results cannot be written to {str(out)!r}: {error.strerror}. Name another with --out"
        ) from error
    with scratch as folder:
        yield Path(folder).resolve()


def _sweep(out: Path) -> None:
    """Remove what runs left behind that were killed before they could."""
    for left in out.glob(f"{_PREFIX}*"):
        process = left.name.removeprefix(_PREFIX).partition("-")[0]
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            shutil.rmtree(left, ignore_errors=True)
        except (PermissionError, ValueError):
            continue  # somebody else's run, or no folder of ours


@contextmanager
def removing_shards(s3: "S3Client", bucket: str, run_id: str) -> Iterator[None]:
    """Remove a run's shards, which nobody reads any more, while something else is done.

    They would go with the scratch folder. But a disk may take 5 ms for each file, and shards are many.
    """
    with ThreadPoolExecutor(1, "remove-shards") as beside:
        removed = beside.submit(_remove_shards, s3, bucket, run_id)
        yield
        removed.result()


def _remove_shards(s3: "S3Client", bucket: str, run_id: str) -> None:
    # The run has succeeded, whatever becomes of these: the scratch folder takes along what is left.
    with suppress(ClientError, BotoCoreError):
        keys = [item.key for item in objects.list_objects(s3, bucket, shards_prefix(run_id))]
        for start in range(0, len(keys), _AT_ONCE):
            doomed: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys[start : start + _AT_ONCE]]
            s3.delete_objects(Bucket=bucket, Delete={"Objects": doomed, "Quiet": True})
