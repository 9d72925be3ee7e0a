"""A folder beside the results for what a run leaves nobody, and the end of what killed runs left there."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.local.sources import UsageError
from pipeline.names import fingerprint

# Names the machine: whether a process is alive is known only of those of this one, and folders can be shared.
_PREFIX = f".scratch-{fingerprint(socket.gethostname(), length=8)}-"


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
