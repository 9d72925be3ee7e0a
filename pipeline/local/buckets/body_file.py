"""A file that a body is written to: past the page cache, where the body is large and the system can do so (Linux).

A shard is read once, by a job. The pages that its 24 MB would fill in the meantime are the system's to find, and on a
virtual machine its host's: 0.3 ms of a core for each photo, where writing them to the disk takes 0.01.
"""

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

LARGE = 1 << 20
"""Bytes of a piece that is worth its way to the disk, as is what follows it; a small body is likely to be read soon."""
ALIGNMENT = 4096
"""Of what is written past the cache, in memory and in the file: a multiple of every disk's (open(2), O_DIRECT)."""


class BodyFile:
    """A new file, written from its start to its end, that others may open as `mode` says.

    Raises FileExistsError where there is one.
    """

    def __init__(self, path: Path, mode: int) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        self._is_large = False

    def write(self, piece: bytes | memoryview) -> None:
        """Write all of a piece."""
        left = memoryview(piece)
        self._is_large = self._is_large or len(left) >= LARGE
        if self._is_large and len(left) >= ALIGNMENT:
            left = left[self._write_past_cache(left[: len(left) // ALIGNMENT * ALIGNMENT]) :]
        while left:
            left = left[os.write(self._descriptor, left) :]

    def _write_past_cache(self, piece: memoryview) -> int:
        """How much of a piece was written so: none where the file system, or how the piece lies, does not allow it."""
        if not hasattr(os, "O_DIRECT"):
            return 0
        flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL)
        # Whatever else is wrong, a full disk, say, the plain write says so.
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags | os.O_DIRECT)
            try:
                return os.write(self._descriptor, piece)
            finally:
                fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags)
        return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
