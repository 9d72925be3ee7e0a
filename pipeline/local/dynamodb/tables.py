"""The tables and their items on disk: one SQLite file, which a later start reads back."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.local.sqlite_file import SqliteFile

Item = dict[str, Any]
"""Attributes in the low-level notation: `{"image": {"S": "s3://photos/a.jpg"}}`."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tables (name TEXT PRIMARY KEY, request TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS items (place TEXT, hash TEXT, range TEXT, item TEXT, PRIMARY KEY (place, hash, range))
    WITHOUT ROWID;
"""


class Key(NamedTuple):
    """Where an item lies: its partition key and its sort key as text, "" where the table has none."""

    hash: str
    range: str


class Tables(SqliteFile):
    """The tables of DynamoDB in the file at `path`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _SCHEMA)

    def requests(self) -> list[dict[str, Any]]:
        """The CreateTable requests of the tables that there are."""
        return [json.loads(request) for (request,) in self._execute("SELECT request FROM tables ORDER BY name")]

    def add(self, name: str, request: Mapping[str, Any]) -> None:
        self._execute("INSERT OR REPLACE INTO tables VALUES (?, ?)", name, json.dumps(request))

    def drop(self, name: str) -> None:
        """Forget a table and its items."""
        with self.transaction():
            self._execute("DELETE FROM items WHERE place = ?", name)
            self._execute("DELETE FROM tables WHERE name = ?", name)

    def count(self, table: str) -> int:
        return int(self._execute("SELECT COUNT(*) FROM items WHERE place = ?", table)[0][0])

    def get(self, table: str, key: Key) -> Item | None:
        rows = self._execute("SELECT item FROM items WHERE place = ? AND hash = ? AND range = ?", table, *key)
        return json.loads(rows[0][0]) if rows else None

    def put(self, table: str, key: Key, item: Item) -> None:
        text = json.dumps(item, separators=(",", ":"))
        self._execute("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)", table, *key, text)

    def remove(self, table: str, key: Key) -> None:
        self._execute("DELETE FROM items WHERE place = ? AND hash = ? AND range = ?", table, *key)

    def partition(self, table: str, hash: str) -> list[Item]:
        """The items of one partition key."""
        return _items(self._execute("SELECT item FROM items WHERE place = ? AND hash = ?", table, hash))

    def behind(self, table: str, key: Key | None, limit: int) -> list[Item]:
        """At most `limit` items behind a key, in the order of the keys; the first ones without one."""
        where = "(hash, range) > (?, ?)" if key else "(? = '' AND ? = '')"
        sql = f"SELECT item FROM items WHERE place = ? AND {where} ORDER BY hash, range LIMIT ?"  # noqa: S608
        return _items(self._execute(sql, table, *(key or Key("", "")), limit))


def _items(rows: Iterable[tuple[str]]) -> list[Item]:
    return [json.loads(text) for (text,) in rows]
