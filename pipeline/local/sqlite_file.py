"""A SQLite file in which a service of the local cloud keeps what has to be there again after a restart.

One connection serves every thread, under a lock; what has to be decided and done at once happens inside `transaction`.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class SqliteFile:
    """The tables of `schema` in the file at `path`, which is made when it is not there; None keeps them in memory."""

    def __init__(self, path: Path | None, schema: str) -> None:
        self._lock = threading.RLock()
        self._closed = False
        self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        # A laptop's cloud need not survive a power cut: what the process wrote is safe without waiting for the disk.
        self._connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")
        self._connection.executescript(schema)

    def close(self) -> None:
        """Keep what there is; what comes later is lost, as in a process that ended."""
        with self._lock:
            self._closed = True
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Nobody else reads or writes inside the block; what it writes is kept as a whole, or not at all."""
        with self._lock:
            try:
                # Inside: Ctrl-C interrupts whoever calls a service on the main thread, and may do so just behind it.
                self._execute("BEGIN IMMEDIATE")
                yield
                self._execute("COMMIT")
            except BaseException:
                # A full disk makes SQLite roll back by itself, and a commit that fails leaves that to us.
                if not self._closed and self._connection.in_transaction:
                    self._execute("ROLLBACK")
                raise

    def _execute(self, sql: str, *values: Any) -> list[Any]:
        """The rows that a statement answers."""
        with self._lock:
            return self._after_close() if self._closed else self._connection.execute(sql, values).fetchall()

    def _after_close(self) -> list[Any]:
        """What every statement answers once the file is closed."""
        return []
