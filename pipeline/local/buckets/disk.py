"""A bucket of the local cloud's own: its objects lie in one folder, and are there again when it is opened again.

    <folder>/index.sqlite    keys, sizes, ETags, what clients said of the objects, uploads under way
    <folder>/bodies/<id>     one file a body, named by a random id and never by its key

A body streams into its file and is hashed on the way, so that memory does not grow with it. Then one transaction of the
index decides (is the condition met?) and does it: the key names the new file, and the old one goes. Readers of the old
one have it open, and go on unharmed; a process that is killed in between leaves a file that nobody names, which the
next one removes.
"""

import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from pipeline.local.buckets.base import (
    ARCHIVES,
    Bucket,
    BucketError,
    Conditions,
    Description,
    ObjectInfo,
    Reading,
    WriteConditions,
    after_prefix,
    archived,
    etag_matches,
    no_such_bucket,
    no_such_key,
    precondition_failed,
    select,
)
from pipeline.local.buckets.bodies import Bodies, Body
from pipeline.local.buckets.changes import Change, Sequencers
from pipeline.local.buckets.checksums import Source
from pipeline.local.buckets.index import Index, Stored, now
from pipeline.local.buckets.uploads import Created, Uploads
from pipeline.local.http_messages import FilePart

_FIRST_ROWS, _MOST_ROWS = 16, 1024
_ALWAYS = WriteConditions()


class DiskBucket(Bucket):
    """The objects that lie in `folder`, which is made when it is not there. One process opens a folder at a time."""

    def __init__(self, folder: Path) -> None:
        # The index finds any place at once, and a walk that goes on later would list what is gone by then.
        super().__init__(suspended_walks=0)
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.is_retired = False
        self.listener: Callable[[Change], None] | None = None
        """Is told of every change once it can be read, on the thread that made it."""
        self.encryption: Mapping[str, str] = {}
        """The headers of an object that is written without any that say how it is encrypted."""
        self._sequencers = Sequencers()
        self._index = Index(folder / "index.sqlite")
        self._bodies = Bodies(folder / "bodies")
        self._bodies.keep_only(self._index.bodies())
        self.uploads = Uploads(self._index, self._bodies, self._create, self._tell)

    def close(self) -> None:
        self._index.close()

    def retire(self) -> None:
        """Take no more objects, ahead of being deleted; raises BucketError (BucketNotEmpty) when there are some."""
        with self._index.unchanged():
            if not self._index.is_empty():
                raise BucketError(409, "BucketNotEmpty", "The bucket you tried to delete is not empty")
            self.is_retired = True

    def remove(self) -> None:
        """Delete the folder of a bucket that was closed."""
        # Under another name, which is no bucket's: an upload that comes too late may still be writing into it.
        doomed = self._folder.with_name(f".{self._folder.name}-{uuid.uuid4().hex}")
        self._folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    def walk(self, prefix: str = "", start: str = "") -> Iterator[ObjectInfo]:
        first, beyond, limit = max(prefix, start), after_prefix(prefix), _FIRST_ROWS
        while rows := self._index.objects(first, beyond, limit):
            for stored in rows:
                yield stored.info
            if len(rows) < limit:
                return
            first, limit = f"{rows[-1].info.key}\0", min(limit * 4, _MOST_ROWS)

    def head(self, key: str) -> ObjectInfo:
        return self._stored(key).info

    def read(self, key: str, conditions: Conditions) -> Reading:
        with self._index.unchanged():
            info, name = self._stored(key)
            # Conditions only count where the request would succeed without them (RFC 9110, 13.2.1).
            if info.description.storage_class in ARCHIVES:
                raise archived(info.description.storage_class)
            span = select(info, conditions)
            file = self._bodies.open(name)
        return Reading(info, span, FilePart(file, span.start, span.length, stays=True))

    def receive(
        self, source: Source, algorithm: str | None = None, *, with_md5: bool = True
    ) -> AbstractContextManager[Body]:
        """Write a body to disk, for `put` to make an object of inside the `with` block."""
        return self._bodies.receive(source, algorithm, with_md5=with_md5)

    def put(
        self,
        key: str,
        body: Body,
        description: Description,
        conditions: WriteConditions = _ALWAYS,
        operation: str = "PutObject",
    ) -> ObjectInfo:
        """Make a received body the object called `key`. `operation` is what listeners are told.

        Raises:
            BucketError: 412 PreconditionFailed, or 404 NoSuchKey where `if_match` finds nothing to match.
        """
        digests = body.digests
        info = ObjectInfo(key, digests.size, now(), digests.etag, description, digests.checksum)
        with self._index.transaction():
            created = self._create(info, body.name, conditions, operation)
        self._bodies.remove(*created.unneeded)
        self._tell(created.change)
        return info

    def delete(self, key: str, if_match: str | None = None) -> None:
        """Delete an object; that there is none is no error, unless `if_match` wants one."""
        with self._index.transaction():
            stored = self._index.object(key)
            if if_match is not None:
                _check(key, stored, WriteConditions(if_match))
            self._index.remove_object(key)
            change = self._change("DeleteObject", stored.info) if stored else None
        if stored is not None:
            self._bodies.remove(stored.body)
            self._tell(change)

    def set_tags(self, key: str, tags: dict[str, str]) -> None:
        """Replace the tags of an object."""
        with self._index.transaction():
            info, name = self._stored(key)
            self._index.put_object(replace(info, description=replace(info.description, tags=tags)), name)
            change = self._change("PutObjectTagging" if tags else "DeleteObjectTagging", info)
        self._tell(change)

    def _create(self, info: ObjectInfo, body: str, conditions: WriteConditions, operation: str) -> Created:
        """Let an object come into being, inside a transaction: every one does so here, whatever request makes it."""
        if self.is_retired:
            raise no_such_bucket()
        old = self._index.object(info.key)
        _check(info.key, old, conditions)
        self._index.put_object(info, body)
        return Created([old.body] if old else [], self._change(operation, info))

    def _change(self, operation: str, info: ObjectInfo) -> Change | None:
        """What is to be told of a change, inside its transaction, where its place among the others is decided."""
        return Change(operation, info, self._sequencers.next()) if self.listener is not None else None

    def _tell(self, change: Change | None) -> None:
        if change is not None and self.listener is not None:
            self.listener(change)

    def _stored(self, key: str) -> Stored:
        stored = self._index.object(key)
        if stored is None:
            raise no_such_key(key)
        return stored


def _check(key: str, stored: Stored | None, conditions: WriteConditions) -> None:
    """S3 User Guide, "Add preconditions to S3 operations with conditional requests"."""
    if conditions.if_absent and stored is not None:
        raise precondition_failed("If-None-Match")
    if conditions.if_match is not None:
        if stored is None:
            raise no_such_key(key)
        if not etag_matches(conditions.if_match, stored.info.etag):
            raise precondition_failed("If-Match")
