"""What is computed of a body while it streams by: its size, its ETag, and one checksum beside them.

S3 User Guide, "Checking object integrity in Amazon S3": a client may send one of several checksums; S3 computes it too,
compares, and keeps it with the object. Python computes some of them. The others, such as the CRC64NVME that version 2
of the AWS CLI sends, AWS's own library awscrt computes; where it is not installed, they are refused by name.
"""

import base64
import hashlib
import mmap
import uuid
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.local.buckets.base import BucketError, Checksum

# What is written at once, past the page cache (body_file.py): from memory that begins with a page, and that a fork
# shares, which is how mmap makes it, and how that wants it (open(2), O_DIRECT).
_CHUNK = 1 << 20
_buffers: deque[mmap.mmap] = deque(maxlen=16)

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
    md5: bytes | None
    """None where nobody is to learn it."""
    etag: str
    """The ETag of an object that was written in one piece."""
    checksum: Checksum | None


class _Crc:
    """A cyclic redundancy check. `step` goes on from the value of what came before; a digest has `size` bytes."""

    def __init__(self, step: Callable[[Bytes, int], int], size: int) -> None:
        self._step = step
        self._size = size
        self._value = 0

    def update(self, data: Bytes, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


class _XxHash:
    def __init__(self, new: Callable[[], Any]) -> None:
        self._hash = new()

    def update(self, data: Bytes, /) -> None:
        self._hash.update(bytes(data))  # awscrt takes only what cannot change here

    def digest(self) -> bytes:
        return bytes(self._hash.finalize())


_HASHERS: dict[str, Callable[[], Hasher]] = {
    "CRC32": lambda: _Crc(zlib.crc32, 4),
    "SHA1": hashlib.sha1,
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
    "MD5": hashlib.md5,
}
_HASHERS_OF_AWSCRT: dict[str, Callable[[Any], Hasher]] = {
    "CRC32C": lambda awscrt: _Crc(awscrt.crc32c, 4),
    "CRC64NVME": lambda awscrt: _Crc(awscrt.crc64nvme, 8),
    "XXHASH64": lambda awscrt: _XxHash(awscrt.XXHash.new_xxhash64),
    "XXHASH3": lambda awscrt: _XxHash(awscrt.XXHash.new_xxhash3_64),
    "XXHASH128": lambda awscrt: _XxHash(awscrt.XXHash.new_xxhash3_128),
}


def hasher(algorithm: str) -> Hasher:
    """Something that computes S3's `algorithm`; raises BucketError (NotImplemented) for one that is not served."""
    if algorithm in _HASHERS:
        return _HASHERS[algorithm]()
    if algorithm not in _HASHERS_OF_AWSCRT:
        known = ", ".join([*_HASHERS, *_HASHERS_OF_AWSCRT])
        raise BucketError(501, "NotImplemented", f"The checksum {algorithm} is not one of S3's: use one of {known}")
    try:
        # Not before: it takes longer to load than all else that an upload needs, and few clients send these.
        from awscrt import checksums as awscrt
    except ImportError:
        message = f"The checksum {algorithm} is computed by awscrt, which is not installed: pip install awscrt"
        raise BucketError(501, "NotImplemented", f"{message}, or use one of {', '.join(_HASHERS)}") from None
    return _HASHERS_OF_AWSCRT[algorithm](awscrt)


def checksum_of(algorithm: str, data: bytes) -> Checksum:
    """The checksum of bytes that are at hand."""
    whole = hasher(algorithm)
    whole.update(data)
    return Checksum(algorithm, base64.b64encode(whole.digest()).decode())


def pump(
    source: Source, write: Callable[[memoryview], object], algorithm: str | None, *, with_md5: bool = True
) -> Digests:
    """Hand everything that `source` holds to `write`, a megabyte at a time, and say what it was.

    The ETag is the MD5; without it, an ETag that no other body has.
    """
    md5 = hashlib.md5(usedforsecurity=False) if with_md5 else None
    other = hasher(algorithm) if algorithm else None
    size = 0
    with _buffer() as chunk:
        while count := _fill(chunk, source):
            part = chunk[:count]
            if md5 is not None:
                md5.update(part)
            if other is not None:
                other.update(part)
            write(part)
            size += count
    checksum = None
    if algorithm and other is not None:
        checksum = Checksum(algorithm, base64.b64encode(other.digest()).decode())
    digest = md5.digest() if md5 is not None else None
    return Digests(size, digest, f'"{digest.hex() if digest else uuid.uuid4().hex}"', checksum)


@contextmanager
def _buffer() -> Iterator[memoryview]:
    """Memory that nobody else uses meanwhile: kept, since the system takes its time to find some anew."""
    try:
        buffer = _buffers.pop()
    except IndexError:
        buffer = mmap.mmap(-1, _CHUNK)
    yield memoryview(buffer)
    _buffers.append(buffer)


def _fill(chunk: memoryview, source: Source) -> int:
    """As much of `chunk` as there are bytes, but for the end all of it."""
    filled = 0
    while filled < len(chunk) and (count := source.readinto(chunk[filled:])):
        filled += count
    return filled
