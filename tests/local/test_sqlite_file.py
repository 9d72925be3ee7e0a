"""Transactions of what services keep."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.local.sqlite_file import SqliteFile


class Interrupted(SqliteFile):
    """A file whose first transaction is stopped from the terminal as soon as it has begun."""

    is_interrupted = True

    def _execute(self, sql: str, *values: Any) -> list[Any]:
        rows = super()._execute(sql, *values)
        if sql == "BEGIN IMMEDIATE" and self.is_interrupted:
            self.is_interrupted = False
            raise KeyboardInterrupt
        return rows

    def put(self, word: str) -> None:
        self._execute("INSERT INTO words VALUES (?)", word)

    def words(self) -> list[Any]:
        return self._execute("SELECT word FROM words")


def test_what_is_written_after_a_transaction_was_interrupted_as_it_began_is_kept(tmp_path: Path) -> None:
    schema = "CREATE TABLE IF NOT EXISTS words (word TEXT);"
    file = Interrupted(tmp_path / "file.sqlite", schema)
    with pytest.raises(KeyboardInterrupt), file.transaction():
        file.put("never")

    file.put("alone")
    with file.transaction():
        file.put("together")
    file.close()

    assert Interrupted(tmp_path / "file.sqlite", schema).words() == [("alone",), ("together",)]
