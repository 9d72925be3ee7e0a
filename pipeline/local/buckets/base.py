"""What a bucket is to the S3 API in front of it: something that can be walked in key order, and read.

Python compares strings by code point, which is the order of their UTF-8 bytes, which is the order that S3 lists in: so
keys are plain strings here, and no order is ever imposed twice.
"""

import datetime
import email.utils
import re
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.local.http_messages import FilePart

MAX_KEYS = 1000
MAX_KEY_BYTES = 1024  # S3 User Guide, "Naming Amazon S3 objects"
_LAST_CHARACTER = "\U0010ffff"
_SUSPENDED_WALKS = 16
ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes of which nothing is read before it is restored (S3 User Guide, "Restoring an archived object")."""


class BucketError(Exception):
    """An error answer of S3: its code, HTTP status and message, and what else some codes tell (`StorageClass`)."""

    def __init__(self, status: int, code: str, message: str, details: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details or {}


def no_such_bucket() -> BucketError:
    """In S3's own words, which leave the name to the request."""
    return BucketError(404, "NoSuchBucket", "The specified bucket does not exist")


def archived(storage_class: str) -> BucketError:
    """An object whose bytes have to be restored before they can be read."""
    message = "The operation is not valid for the object's storage class"
    return BucketError(403, "InvalidObjectState", message, {"StorageClass": storage_class})


class Checksum(NamedTuple):
    """A checksum of an object beside its ETag: S3's name of the algorithm, and the value as headers carry it."""

    algorithm: str
    value: str

    @property
    def type(self) -> str:
        """Whether it is the checksum of the object, or one of its parts' checksums (which ends in their number)."""
        return "COMPOSITE" if "-" in self.value else "FULL_OBJECT"


@dataclass(frozen=True, slots=True)
class Description:
    """What whoever wrote an object said of it. `headers` are those that a read answers with, names in lower case."""

    content_type: str = "binary/octet-stream"
    storage_class: str = "STANDARD"
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What is known of one object. `etag` is quoted, as on the wire; `last_modified` is in UTC."""

    key: str
    size: int
    last_modified: datetime.datetime
    etag: str
    description: Description = Description()
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing. The next one starts after the entry `next_after`; None on the last page."""

    objects: list[ObjectInfo]
    common_prefixes: list[str]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class Conditions:
    """The headers of a read that choose a part of the object, or make the answer depend on its state."""

    range: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_unmodified_since: str | None = None


@dataclass(frozen=True, slots=True)
class WriteConditions:
    """When an object may be written: over this ETag only (`if_match`), or over nothing only (`if_absent`)."""

    if_match: str | None = None
    if_absent: bool = False


class Span(NamedTuple):
    """Which bytes of an object are wanted, and whether a range asked for them (206) or the whole object (200)."""

    start: int
    length: int
    ranged: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """The bytes of an object that `span` names, ready to be sent."""

    info: ObjectInfo
    span: Span
    body: FilePart | Iterable[bytes]


Entry = ObjectInfo | str
_Suspended = tuple[Entry | None, Iterator[Entry]]


class Bucket(ABC):
    """A bucket whose objects can be listed and read.

    Args:
        suspended_walks: how many walks may wait for the next page of their listing to be asked for.
    """

    def __init__(self, *, suspended_walks: int = _SUSPENDED_WALKS) -> None:
        self._suspended: OrderedDict[tuple[str, str, str], _Suspended] = OrderedDict()
        self._suspended_walks = suspended_walks
        self._lock = threading.Lock()

    @abstractmethod
    def walk(self, prefix: str = "", start: str = "") -> Iterator[ObjectInfo]:
        """The objects whose keys begin with `prefix` and are not before `start`, in the order of their keys."""

    @abstractmethod
    def head(self, key: str) -> ObjectInfo:
        """What is known of one object; raises BucketError (NoSuchKey) when there is none."""

    @abstractmethod
    def read(self, key: str, conditions: Conditions) -> Reading:
        """One object, or a part of it; raises BucketError as S3 answers."""

    def list_objects(self, prefix: str = "", *, delimiter: str = "", after: str = "", max_keys: int = MAX_KEYS) -> Page:
        """One page: at most `max_keys` keys and common prefixes together that come after `after`.

        A listing that goes on where a page ended continues the walk that made the page, instead of looking for the
        place again: a folder with a million files is read once and not once a page.
        """
        objects: list[ObjectInfo] = []
        prefixes: list[str] = []
        if max_keys <= 0:
            return Page(objects, prefixes, None)
        entry, entries = self._resume(prefix, delimiter, after)
        last = after
        while entry is not None and len(objects) + len(prefixes) < max_keys:
            if isinstance(entry, str):
                prefixes.append(entry)
                last = entry
            else:
                objects.append(entry)
                last = entry.key
            entry = next(entries, None)
        if entry is None:
            return Page(objects, prefixes, None)
        self._suspend((prefix, delimiter, last), (entry, entries))
        return Page(objects, prefixes, last)

    def _entries(self, prefix: str, delimiter: str, after: str) -> Iterator[Entry]:
        """Objects and common prefixes (as strings) that come after `after`, in order."""
        walk = self.walk(prefix, max(prefix, f"{after}\0") if after else prefix)
        while (info := next(walk, None)) is not None:
            end = info.key.find(delimiter, len(prefix)) if delimiter else -1
            if end < 0:
                yield info
                continue
            common = info.key[: end + len(delimiter)]
            if common > after:
                yield common
            beyond = after_prefix(common)
            if beyond is None:
                return
            walk = self.walk(prefix, beyond)

    def _resume(self, prefix: str, delimiter: str, after: str) -> _Suspended:
        with self._lock:
            suspended = self._suspended.pop((prefix, delimiter, after), None)
        if suspended is not None:
            return suspended
        entries = self._entries(prefix, delimiter, after)
        return next(entries, None), entries

    def _suspend(self, place: tuple[str, str, str], suspended: _Suspended) -> None:
        with self._lock:
            self._suspended[place] = suspended
            if len(self._suspended) > self._suspended_walks:
                self._suspended.popitem(last=False)


class ReadOnlyBucket(Bucket):
    """A bucket that is served from somewhere else, and is never written."""

    @property
    @abstractmethod
    def refusal(self) -> str:
        """Why nothing can be written here, and where to write instead."""


def after_prefix(prefix: str) -> str | None:
    """The first string that comes after every string with this prefix; None when there is none."""
    stem = prefix.rstrip(_LAST_CHARACTER)
    return stem[:-1] + chr(ord(stem[-1]) + 1) if stem else None


def select(info: ObjectInfo, conditions: Conditions) -> Span:
    """Which bytes of an object are to be sent.

    The order in which conditions count is RFC 9110's (section 13.2.2), which S3 follows. Like S3, a range that is not
    understood, or that names several parts, is as if it were not there.

    Raises:
        BucketError: 304 NotModified, 412 PreconditionFailed or 416 InvalidRange.
    """
    if conditions.if_match is not None:
        if not etag_matches(conditions.if_match, info.etag):
            raise precondition_failed("If-Match")
    elif conditions.if_unmodified_since is not None and _modified_since(info, conditions.if_unmodified_since):
        raise precondition_failed("If-Unmodified-Since")
    if conditions.if_none_match is not None:
        if etag_matches(conditions.if_none_match, info.etag):
            raise _not_modified()
    elif conditions.if_modified_since is not None and not _modified_since(info, conditions.if_modified_since):
        raise _not_modified()
    return _part(info.size, conditions.range)


def _part(size: int, header: str | None) -> Span:
    match = re.fullmatch(r"bytes=([0-9]*)-([0-9]*)", header.strip()) if header else None
    if match is None or match[0] == "bytes=-":
        return Span(0, size, ranged=False)
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        start = size - length
    else:
        start = int(first)
        if last and int(last) < start:
            return Span(0, size, ranged=False)
        length = min(int(last) + 1 if last else size, size) - start
    if length <= 0:
        raise BucketError(
            416, "InvalidRange", f"The requested range {header} is not satisfiable: there are {size} bytes"
        )
    return Span(start, length, ranged=True)


def etag_matches(header: str, etag: str) -> bool:
    """Whether an If-Match or If-None-Match header names this ETag, with quotes or without."""
    return any(given.strip().strip('"') in ("*", etag.strip('"')) for given in header.split(","))


def _modified_since(info: ObjectInfo, header: str) -> bool:
    try:
        limit = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return False
    if limit.tzinfo is None:
        limit = limit.replace(tzinfo=datetime.UTC)
    return info.last_modified.replace(microsecond=0) > limit


def no_such_key(key: str) -> BucketError:
    """The answer to a request for an object that is not there."""
    return BucketError(404, "NoSuchKey", f"The specified key does not exist: {key}")


def precondition_failed(condition: str) -> BucketError:
    """The answer to a request whose header `condition` does not hold."""
    return BucketError(
        412, "PreconditionFailed", f"At least one of the preconditions you specified did not hold: {condition}"
    )


def _not_modified() -> BucketError:
    return BucketError(304, "NotModified", "Not Modified")
