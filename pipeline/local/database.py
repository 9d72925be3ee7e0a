"""What services keep on disk that is small: documents by kind and key, and items that wait in queues. One SQLite file.

Services hold their documents in memory, too, and write each change through; a later start on the same file reads them
back.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.local.sqlite_file import SqliteFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (kind TEXT, key TEXT, value TEXT, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT, due REAL, value TEXT);
"""


class Database(SqliteFile):
    """The tables. `path` None keeps them in memory."""

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(path, _SCHEMA)

    def documents(self, kind: str) -> dict[str, Any]:
        """Every document of a kind by its key, in the order of the keys."""
        rows = self._execute("SELECT key, value FROM documents WHERE kind = ? ORDER BY key", kind)
        return {key: json.loads(value) for key, value in rows}

    def put(self, kind: str, key: str, value: Mapping[str, Any]) -> None:
        self._execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", kind, key, json.dumps(value))

    def delete(self, kind: str, key: str) -> None:
        self._execute("DELETE FROM documents WHERE kind = ? AND key = ?", kind, key)

    def items(self, queue: str) -> list[tuple[int, float, dict[str, Any]]]:
        """The items of a queue: id, when they are due (seconds since 1970), and what they are."""
        rows = self._execute("SELECT id, due, value FROM items WHERE queue = ? ORDER BY id", queue)
        return [(number, due, json.loads(value)) for number, due, value in rows]

    def add_item(self, queue: str, due: float, value: Mapping[str, Any]) -> int | None:
        """The new item's id; None after `close`."""
        rows = self._execute(
            "INSERT INTO items (queue, due, value) VALUES (?, ?, ?) RETURNING id", queue, due, json.dumps(value)
        )
        return int(rows[0][0]) if rows else None

    def change_item(self, number: int, due: float, value: Mapping[str, Any]) -> None:
        self._execute("UPDATE items SET due = ?, value = ? WHERE id = ?", due, json.dumps(value), number)

    def remove_item(self, number: int) -> None:
        self._execute("DELETE FROM items WHERE id = ?", number)
