"""What is computed of a body while it streams by: its size, its MD5 (the ETag), and one checksum beside them.

S3 User Guide, "Checking object integrity in Amazon S3": a client may send one of several checksums; S3 computes it too,
compares, and keeps it with the object. Served are those that can be computed fast here.
"""

import base64
import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pipeline.local.buckets.base import BucketError, Checksum

_CHUNK = 1 << 18

Bytes = bytes | bytearray | memoryview


class Source(Protocol):
    """A stream of bytes, read as `io.RawIOBase` is: 0 bytes are its end."""

    def readinto(self, buffer: memoryview, /) -> int: ...


class Hasher(Protocol):
    """What `hashlib` returns, or what has the same methods."""

    def update(self, data: Bytes, /) -> None: ...

    def digest(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Digests:
    """What was computed of a body of `size` bytes."""

    size: int
    md5: bytes
    checksum: Checksum | None

    @property
    def etag(self) -> str:
        """The ETag of an object that was written in one piece."""
        return f'"{self.md5.hex()}"'


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: Bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


_HASHERS: dict[str, Callable[[], Hasher]] = {
    "CRC32": _Crc32,
    "SHA1": hashlib.sha1,
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
    "MD5": hashlib.md5,
}


def hasher(algorithm: str) -> Hasher:
    """Something that computes S3's `algorithm`; raises BucketError (NotImplemented) for one that is not served."""
    if algorithm not in _HASHERS:
        served = ", ".join(_HASHERS)
        raise BucketError(501, "NotImplemented", f"The checksum {algorithm} is not computed here: use one of {served}")
    return _HASHERS[algorithm]()


def checksum_of(algorithm: str, data: bytes) -> Checksum:
    """The checksum of bytes that are at hand."""
    whole = hasher(algorithm)
    whole.update(data)
    return Checksum(algorithm, base64.b64encode(whole.digest()).decode())


def pump(source: Source, write: Callable[[memoryview], object], algorithm: str | None) -> Digests:
    """Hand everything that `source` holds to `write`, a chunk at a time, and say what it was."""
    md5 = hashlib.md5(usedforsecurity=False)
    other = hasher(algorithm) if algorithm else None
    chunk = memoryview(bytearray(_CHUNK))
    size = 0
    while count := source.readinto(chunk):
        part = chunk[:count]
        md5.update(part)
        if other is not None:
            other.update(part)
        write(part)
        size += count
    checksum = None
    if algorithm and other is not None:
        checksum = Checksum(algorithm, base64.b64encode(other.digest()).decode())
    return Digests(size, md5.digest(), checksum)
