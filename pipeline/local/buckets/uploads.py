"""Multipart uploads of a bucket on disk: each part is a file, until all of them become one object.

S3 User Guide, "Uploading and copying objects using multipart upload" and "Amazon S3 multipart upload limits".
"""

import base64
import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from pipeline.local.buckets.base import (
    BucketError,
    Checksum,
    Description,
    ObjectInfo,
    WriteConditions,
    after_prefix,
    etag_matches,
)
from pipeline.local.buckets.bodies import Bodies, Body
from pipeline.local.buckets.body_file import BodyFile
from pipeline.local.buckets.changes import Change
from pipeline.local.buckets.checksums import checksum_of, hasher
from pipeline.local.buckets.index import Index, Part, Upload, now, to_milliseconds

MAX_PARTS = 10_000
MIN_PART_SIZE = 5 << 20
_CHUNK = 1 << 18
COMPOSITE, FULL_OBJECT = "COMPOSITE", "FULL_OBJECT"


class Created(NamedTuple):
    """What is left to do after the transaction in which an object came into being: to remove files, and to tell."""

    unneeded: list[str]
    change: Change | None


Create = Callable[[ObjectInfo, str, WriteConditions, str], Created]
"""Lets an object come into being inside a transaction, by the operation of that name."""


class NamedPart(NamedTuple):
    """A part as the client names it to complete an upload."""

    number: int
    etag: str
    checksum: Checksum | None = None


class Uploads:
    """The uploads under way in one bucket."""

    def __init__(
        self, index: Index, bodies: Bodies, create: Create, tell: Callable[[Change | None], None] = lambda _: None
    ) -> None:
        self._index = index
        self._bodies = bodies
        self._create = create
        self._tell = tell

    def begin(self, key: str, description: Description, algorithm: str | None, checksum_type: str | None) -> Upload:
        """Start an upload, whose parts will all have a checksum by `algorithm`."""
        moment = now()
        # Uploads of one key are listed in the order in which they began.
        upload_id = f"{to_milliseconds(moment):012x}{uuid.uuid4().hex}"
        upload = Upload(key, upload_id, moment, description, algorithm, checksum_type)
        with self._index.transaction():
            self._index.add_upload(upload)
        return upload

    def find(self, key: str, upload_id: str) -> Upload:
        """An upload under way; raises BucketError (NoSuchUpload) when there is none of that id for that key."""
        upload = self._index.upload(upload_id)
        if upload is None or upload.key != key:
            raise BucketError(404, "NoSuchUpload", f"No upload {upload_id} of the key {key} is under way")
        return upload

    def pending(self, prefix: str, after: tuple[str, str], limit: int) -> list[Upload]:
        """At most `limit` uploads of keys with a prefix, behind a key and an upload id, in order."""
        return self._index.uploads(max(after, (prefix, "")), after_prefix(prefix), limit)

    def parts(self, upload: Upload, after: int = 0, limit: int = MAX_PARTS) -> list[Part]:
        """At most `limit` parts that have arrived, behind the number `after`, in order."""
        return self._index.parts(upload.id, after, limit)

    def add(self, upload: Upload, number: int, body: Body) -> Part:
        """Make a received body a part, in the place of an earlier one of the same number."""
        digests = body.digests
        part = Part(number, digests.size, now(), digests.etag, digests.checksum, body.name)
        with self._index.transaction():
            self.find(upload.key, upload.id)
            old = self._index.part(upload.id, number)
            self._index.put_part(upload.id, part)
        if old is not None:
            self._bodies.remove(old.body)
        return part

    def abort(self, upload: Upload) -> None:
        """End an upload, and forget its parts."""
        with self._index.transaction():
            self.find(upload.key, upload.id)
            parts = self._index.parts(upload.id)
            self._index.remove_upload(upload.id)
        self._bodies.remove(*(part.body for part in parts))

    def complete(
        self, upload: Upload, named: Sequence[NamedPart], conditions: WriteConditions, expected: str | None = None
    ) -> ObjectInfo:
        """Make one object of the named parts. Parts that were uploaded and are not named are forgotten.

        `expected` is the value that the object's checksum has to have.

        Raises:
            BucketError: InvalidPart, InvalidPartOrder, EntityTooSmall, BadDigest, NoSuchUpload, 412
                PreconditionFailed; 409 OperationAborted when a part was uploaded anew meanwhile.
        """
        parts = _chosen({part.number: part for part in self._index.parts(upload.id)}, named)
        with self._bodies.create(lambda file: self._join(upload, parts, file)) as (body, checksum):
            if expected is not None and checksum is not None and checksum.value != expected:
                message = f"The {checksum.algorithm} of the object is {checksum.value}, and {expected} was expected"
                raise BucketError(400, "BadDigest", message)
            size = sum(part.size for part in parts)
            info = ObjectInfo(upload.key, size, now(), _etag(parts), upload.description, checksum)
            with self._index.transaction():
                self.find(upload.key, upload.id)
                if any(self._index.part(upload.id, part.number) != part for part in parts):
                    raise _part_changed()
                created = self._create(info, body, conditions, "CompleteMultipartUpload")
                unneeded = [*created.unneeded, *(part.body for part in self._index.parts(upload.id))]
                self._index.remove_upload(upload.id)
        self._bodies.remove(*unneeded)
        self._tell(created.change)
        return info

    def _join(self, upload: Upload, parts: Sequence[Part], file: BodyFile) -> Checksum | None:
        """Write the parts one after the other, and say what the checksum of the whole is."""
        whole = hasher(upload.algorithm) if upload.algorithm and upload.checksum_type == FULL_OBJECT else None
        try:
            for part in parts:
                with self._bodies.open(part.body) as source:
                    while chunk := source.read(_CHUNK):
                        file.write(chunk)
                        if whole is not None:
                            whole.update(chunk)
        except FileNotFoundError as error:
            raise _part_changed() from error
        if not upload.algorithm:
            return None
        if whole is None:
            return _composite(upload.algorithm, parts)
        return Checksum(upload.algorithm, base64.b64encode(whole.digest()).decode())


def _chosen(arrived: Mapping[int, Part], named: Sequence[NamedPart]) -> list[Part]:
    """The parts that make the object, as the client names them."""
    numbers = [name.number for name in named]
    if any(earlier >= later for earlier, later in pairwise(numbers)):
        raise BucketError(400, "InvalidPartOrder", "The parts have to be listed in ascending order of their numbers")
    parts = []
    for name in named:
        part = arrived.get(name.number)
        if part is None or not etag_matches(name.etag, part.etag):
            raise BucketError(400, "InvalidPart", f"Part {name.number} was not uploaded, or has another ETag by now")
        if name.checksum and part.checksum and name.checksum != part.checksum:
            message = f"The {name.checksum.algorithm} of part {name.number} is {part.checksum.value}"
            raise BucketError(400, "InvalidPart", message)
        parts.append(part)
    for part in parts[:-1]:
        if part.size < MIN_PART_SIZE:
            message = f"Part {part.number} has {part.size} bytes; all but the last one need {MIN_PART_SIZE}"
            raise BucketError(400, "EntityTooSmall", message)
    return parts


def _etag(parts: Sequence[Part]) -> str:
    """The MD5 of the parts' MD5s, and how many they are."""
    joined = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
    return f'"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(parts)}"'


def _composite(algorithm: str, parts: Sequence[Part]) -> Checksum:
    """The checksum of the parts' checksums, and how many they are."""
    joined = b"".join(base64.b64decode(part.checksum.value) for part in parts if part.checksum)
    return Checksum(algorithm, f"{checksum_of(algorithm, joined).value}-{len(parts)}")


def _part_changed() -> BucketError:
    return BucketError(409, "OperationAborted", "A part was uploaded anew, or the upload ended, while it was completed")
