"""What can be made again, kept from one run to the next, where the user's programs keep such things.

    IMAGEBATCH_CACHE, or
    ~/.cache/imagebatch             XDG_CACHE_HOME/imagebatch (freedesktop.org, XDG Base Directory Specification)
    ~/Library/Caches/imagebatch     on macOS (Apple, File System Programming Guide)

Nothing depends on it. What cannot be written is not kept, and what is not as it was written is not read: whoever asks
makes it once more.
"""

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path

_WHOLE, _BEGUN = ".kept", ".begun"
"""Ends of the names of files. Whatever else lies in a folder that somebody has named is not the cache's to delete."""


def user_folder() -> Path | None:
    """The product's folder for what it keeps; None for a user who has no home."""
    if given := os.environ.get("IMAGEBATCH_CACHE"):
        return Path(given)
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():  # others are to be ignored, says the specification
        return named / "imagebatch"
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return (home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache") / "imagebatch"


class Cache:
    """Contents by their keys, each a file of `folder`, and no more than `most`: the oldest go first."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most

    def get(self, key: str) -> bytes | None:
        """What was put; None where there is nothing, or something else than what was written."""
        try:
            if not self._is_ours_alone():
                return None
            digest, _, content = self._file(key).read_bytes().partition(b"\n")
        except OSError:
            return None
        return content if digest == _digest(key, content) else None

    def put(self, key: str, content: bytes) -> None:
        """Keep it, whole or not at all. `key` is a file name."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_ours_alone():
                return
            with tempfile.NamedTemporaryFile(dir=self._folder, suffix=_BEGUN, delete=False) as file:
                file.write(_digest(key, content) + b"\n" + content)
            Path(file.name).replace(self._file(key))
            self._drop_oldest()

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}{_WHOLE}"

    def _is_ours_alone(self) -> bool:
        """Whether nobody else can have put something there: what is read is deployed, and run."""
        status = self._folder.stat()
        return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)

    def _drop_oldest(self) -> None:
        """Of what is whole, and of what killed processes have begun: who is writing now takes nobody's place."""
        with os.scandir(self._folder) as entries:
            found = list(entries)
        for ending in (_WHOLE, _BEGUN):
            ours = [entry for entry in found if entry.name.endswith(ending)]
            for entry in sorted(ours, key=lambda entry: entry.stat().st_mtime_ns, reverse=True)[self._most :]:
                Path(entry).unlink(missing_ok=True)


def _digest(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\n" + content).hexdigest().encode()
