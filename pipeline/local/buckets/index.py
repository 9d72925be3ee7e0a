"""The index of a bucket on disk: its objects, the uploads under way, and which files hold their bytes.

One SQLite file. Keys are stored as UTF-8, whose byte order is the order that S3 lists in. Everything that has to be
decided and done at once happens inside one `transaction`.
"""

import datetime
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from pipeline.local.buckets.base import BucketError, Checksum, Description, ObjectInfo
from pipeline.local.sqlite_file import SqliteFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (key BLOB PRIMARY KEY, size INTEGER, modified INTEGER, etag TEXT, description TEXT,
    checksum TEXT, body TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (key BLOB, id TEXT UNIQUE, initiated INTEGER, description TEXT, algorithm TEXT,
    checksum_type TEXT, PRIMARY KEY (key, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (upload TEXT, number INTEGER, size INTEGER, modified INTEGER, etag TEXT, checksum TEXT,
    body TEXT, PRIMARY KEY (upload, number)) WITHOUT ROWID;
"""
_BEYOND_ALL = b"\xff"  # No UTF-8 has this byte.


class Stored(NamedTuple):
    """An object, and the name of the file that holds its body."""

    info: ObjectInfo
    body: str


class Upload(NamedTuple):
    """A multipart upload under way. Both checksum fields are None when its client asked for no checksum."""

    key: str
    id: str
    initiated: datetime.datetime
    description: Description
    algorithm: str | None
    checksum_type: str | None


class Part(NamedTuple):
    """A part that was uploaded, and the name of the file that holds it."""

    number: int
    size: int
    last_modified: datetime.datetime
    etag: str
    checksum: Checksum | None
    body: str


class Index(SqliteFile):
    """The tables of the file at `path`, which is made when it is not there."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _SCHEMA)

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Nobody else changes the index inside the block."""
        with self._lock:
            yield

    def bodies(self) -> set[str]:
        """The files that hold something."""
        return {name for (name,) in self._execute("SELECT body FROM objects UNION ALL SELECT body FROM parts")}

    def is_empty(self) -> bool:
        return not self._execute("SELECT 1 FROM objects LIMIT 1")

    def object(self, key: str) -> Stored | None:
        rows = self._execute("SELECT * FROM objects WHERE key = ?", _bytes(key))
        return _stored(rows[0]) if rows else None

    def objects(self, first: str, beyond: str | None, limit: int) -> list[Stored]:
        """At most `limit` objects from the key `first` on, before `beyond`, in order."""
        sql = "SELECT * FROM objects WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
        return [_stored(row) for row in self._execute(sql, _bytes(first), _bound(beyond), limit)]

    def put_object(self, info: ObjectInfo, body: str) -> None:
        row = (_bytes(info.key), info.size, to_milliseconds(info.last_modified), info.etag)
        self._execute(
            "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)",
            *row,
            _dumps(info.description),
            _checksum_text(info.checksum),
            body,
        )

    def remove_object(self, key: str) -> None:
        self._execute("DELETE FROM objects WHERE key = ?", _bytes(key))

    def upload(self, upload_id: str) -> Upload | None:
        rows = self._execute("SELECT * FROM uploads WHERE id = ?", upload_id)
        return _upload(rows[0]) if rows else None

    def uploads(self, after: tuple[str, str], beyond: str | None, limit: int) -> list[Upload]:
        """At most `limit` uploads behind a key and an upload id, before the key `beyond`, in order."""
        sql = "SELECT * FROM uploads WHERE (key, id) > (?, ?) AND key < ? ORDER BY key, id LIMIT ?"
        return [_upload(row) for row in self._execute(sql, _bytes(after[0]), after[1], _bound(beyond), limit)]

    def add_upload(self, upload: Upload) -> None:
        row = (_bytes(upload.key), upload.id, to_milliseconds(upload.initiated), _dumps(upload.description))
        sql = "INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?)"
        self._execute(sql, *row, upload.algorithm, upload.checksum_type)

    def remove_upload(self, upload_id: str) -> None:
        """Remove an upload and its parts."""
        self._execute("DELETE FROM uploads WHERE id = ?", upload_id)
        self._execute("DELETE FROM parts WHERE upload = ?", upload_id)

    def parts(self, upload_id: str, after: int = 0, limit: int = -1) -> list[Part]:
        """The parts of an upload behind the number `after`, in order; all of them without a limit."""
        sql = "SELECT * FROM parts WHERE upload = ? AND number > ? ORDER BY number LIMIT ?"
        return [_part(row) for row in self._execute(sql, upload_id, after, limit)]

    def part(self, upload_id: str, number: int) -> Part | None:
        rows = self._execute("SELECT * FROM parts WHERE upload = ? AND number = ?", upload_id, number)
        return _part(rows[0]) if rows else None

    def put_part(self, upload_id: str, part: Part) -> None:
        row = (part.number, part.size, to_milliseconds(part.last_modified), part.etag, _checksum_text(part.checksum))
        self._execute("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?, ?)", upload_id, *row, part.body)

    def _after_close(self) -> NoReturn:
        # Requests that come in the last moment are told that the bucket is not there now.
        raise BucketError(503, "ServiceUnavailable", "The bucket is being closed")


def now() -> datetime.datetime:
    """The time, as exactly as the index keeps it: milliseconds."""
    return from_milliseconds(to_milliseconds(datetime.datetime.now(datetime.UTC)))


def to_milliseconds(moment: datetime.datetime) -> int:
    return round(moment.timestamp() * 1000)


def from_milliseconds(number: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(number / 1000, datetime.UTC)


def _bytes(key: str) -> bytes:
    # The bounds of a listing may end in half a surrogate pair, which no key has: it sorts where its code point does.
    return key.encode("utf-8", "surrogatepass")


def _bound(beyond: str | None) -> bytes:
    return _BEYOND_ALL if beyond is None else _bytes(beyond)


def _dumps(description: Description) -> str:
    return json.dumps({name: value for name, value in asdict(description).items() if value})


def _checksum_text(checksum: Checksum | None) -> str | None:
    return ":".join(checksum) if checksum else None


def _checksum(text: str | None) -> Checksum | None:
    return Checksum(*text.split(":")) if text else None


def _stored(row: Any) -> Stored:
    key, size, modified, etag, description, checksum, body = row
    info = ObjectInfo(
        key.decode(),
        size,
        from_milliseconds(modified),
        etag,
        Description(**json.loads(description)),
        _checksum(checksum),
    )
    return Stored(info, body)


def _upload(row: Any) -> Upload:
    key, upload_id, initiated, description, algorithm, checksum_type = row
    return Upload(
        key.decode(),
        upload_id,
        from_milliseconds(initiated),
        Description(**json.loads(description)),
        algorithm,
        checksum_type,
    )


def _part(row: Any) -> Part:
    _, number, size, modified, etag, checksum, body = row
    return Part(number, size, from_milliseconds(modified), etag, _checksum(checksum), body)
