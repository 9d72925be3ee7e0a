"""An object of which parts can be read, as a file: for zipfile, which reads the end of an archive and then jumps."""

import io
from collections.abc import Callable
from typing import Any

_WINDOW = 64 * 1024


def open_ranges(read_at: Callable[[int, int], bytes], size: int) -> io.BufferedReader:
    """A seekable file of `size` bytes; `read_at(offset, length)` reads of it, fewer bytes only where it ends.

    It is read in windows of 64 KiB: a directory is walked in entries of some 50 bytes.
    """
    return io.BufferedReader(_Ranges(read_at, size), _WINDOW)


class _Ranges(io.RawIOBase):
    def __init__(self, read_at: Callable[[int, int], bytes], size: int) -> None:
        self._read_at = read_at
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError(f"there is nothing {-(start + offset)} bytes before the start of a file")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        length = min(len(buffer), max(self._size - self._position, 0))
        data = self._read_at(self._position, length) if length else b""
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
