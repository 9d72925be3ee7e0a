"""Where state machines, executions, their events and map runs are kept: one SQLite file.

Writes are buffered and go out in batches, before every read and whenever enough has gathered, so that a distributed
map of many thousand children costs little and nothing of them stays in memory. A record that changes several times
between two batches is written once. One connection serves every thread, under a lock.

A later start on the same file reads everything back: the entered and exited events of an execution say where it stood.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from pipeline.local.states.history import Event
from pipeline.local.states.records import (
    ActivityRecord,
    AliasRecord,
    Counts,
    ExecutionRecord,
    MachineRecord,
    MapRunRecord,
    VersionRecord,
)

_BATCH = 1_000
"""Buffered rows that make a batch."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS machines (arn TEXT PRIMARY KEY, name TEXT, type TEXT, definition TEXT, role_arn TEXT,
    revision_id TEXT, created REAL, updated REAL, options TEXT);
CREATE TABLE IF NOT EXISTS revisions (revision_id TEXT PRIMARY KEY, machine_arn TEXT, definition TEXT, role_arn TEXT,
    created REAL);
CREATE TABLE IF NOT EXISTS executions (id INTEGER PRIMARY KEY, arn TEXT UNIQUE, name TEXT, machine_arn TEXT,
    revision_id TEXT, input TEXT, started REAL, status TEXT, stopped REAL, output TEXT, error TEXT, cause TEXT,
    express INTEGER, map_run_arn TEXT, position INTEGER, item_count INTEGER,
    redrive_count INTEGER, redriven REAL);
CREATE INDEX IF NOT EXISTS executions_of_machine ON executions (machine_arn, id);
CREATE INDEX IF NOT EXISTS executions_of_map_run ON executions (map_run_arn, position);
CREATE TABLE IF NOT EXISTS events (execution INTEGER, id INTEGER, previous INTEGER, timestamp REAL, type TEXT,
    details TEXT, PRIMARY KEY (execution, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS map_runs (arn TEXT PRIMARY KEY, execution_arn TEXT, machine_arn TEXT, started REAL,
    max_concurrency INTEGER, tolerated_failure_count INTEGER, tolerated_failure_percentage REAL, status TEXT,
    stopped REAL, redrive_count INTEGER, redriven REAL, items TEXT, executions TEXT);
CREATE INDEX IF NOT EXISTS map_runs_of_execution ON map_runs (execution_arn);
CREATE TABLE IF NOT EXISTS activities (arn TEXT PRIMARY KEY, name TEXT, created REAL);
CREATE TABLE IF NOT EXISTS versions (arn TEXT PRIMARY KEY, machine_arn TEXT, number INTEGER, revision_id TEXT,
    description TEXT, created REAL);
CREATE TABLE IF NOT EXISTS aliases (arn TEXT PRIMARY KEY, machine_arn TEXT, name TEXT, version_arn TEXT,
    description TEXT, created REAL, updated REAL);
CREATE TABLE IF NOT EXISTS started_as (execution_arn TEXT PRIMARY KEY, version_arn TEXT, alias_arn TEXT);
CREATE TABLE IF NOT EXISTS tags (arn TEXT, key TEXT, value TEXT, PRIMARY KEY (arn, key));
"""


_OF_MACHINES = (("versions", "machine_arn"), ("aliases", "machine_arn"))


class Store:
    """The tables. `path` None keeps them in memory."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False)
        # A laptop's cloud need not survive a power cut: what the process wrote is safe without waiting for the disk.
        self._connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")
        self._connection.executescript(_SCHEMA)
        self._events: list[tuple[Any, ...]] = []
        self._executions: dict[int, ExecutionRecord] = {}
        self._next_id: int = self._connection.execute("SELECT coalesce(max(id), 0) + 1 FROM executions").fetchone()[0]

    def close(self) -> None:
        with self._lock:
            self.flush()
            self._connection.close()

    def abandon(self, now: float) -> list[ExecutionRecord]:
        """End what an earlier process left running: nobody runs it any more. The executions that were."""
        with self._lock:
            left = list(self._records(ExecutionRecord, "executions", "WHERE status = 'RUNNING' ORDER BY id", ()))
            cause = "The process that ran the execution ended before it did"
            sql = "UPDATE executions SET status = 'ABORTED', stopped = ?, cause = ? WHERE status = 'RUNNING'"
            self._connection.execute(sql, (now, cause))
            self._connection.execute(
                "UPDATE map_runs SET status = 'ABORTED', stopped = ? WHERE status = 'RUNNING'", (now,)
            )
            self._connection.commit()
        for record in left:
            record.status, record.stopped, record.cause = "ABORTED", now, cause
        return left

    def flush(self) -> None:
        """Write what is buffered. What cannot be written (on a full disk) is kept, and written the next time."""
        with self._lock:
            self._write(_insert("executions", ExecutionRecord), [_row(r) for r in self._executions.values()])
            self._write("INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?)", self._events)
            self._connection.commit()
            self._executions.clear()
            self._events.clear()

    def new_execution_id(self) -> int:
        with self._lock:
            self._next_id += 1
            return self._next_id - 1

    def save_execution(self, record: ExecutionRecord) -> None:
        """Insert or update; the record must not change while it waits to be written, save it again when it does."""
        with self._lock:
            self._executions[record.id] = record
            self._flush_when_full()

    def add_event(self, execution: int, event: Event) -> None:
        with self._lock:
            self._events.append((execution, *event))
            self._flush_when_full()

    def execution(self, arn: str) -> ExecutionRecord | None:
        return next(self._records(ExecutionRecord, "executions", "WHERE arn = ?", (arn,)), None)

    def executions(
        self, column: str, value: str, *, status: str | None = None, after: int | None = None, limit: int = 100
    ) -> list[ExecutionRecord]:
        """Executions whose `column` (machine_arn or map_run_arn) is `value`, newest first, below the id `after`."""
        clauses: list[str] = [f"{column} = ?"]
        parameters: list[Any] = [value]
        if column == "machine_arn":
            clauses.append("map_run_arn IS NULL")
        if status:
            clauses.append("status = ?")
            parameters.append(status)
        if after is not None:
            clauses.append("id < ?")
            parameters.append(after)
        where = f"WHERE {' AND '.join(clauses)} ORDER BY id DESC LIMIT ?"
        return list(self._records(ExecutionRecord, "executions", where, (*parameters, limit)))

    def children(self, map_run_arn: str, *statuses: str) -> Iterator[ExecutionRecord]:
        """The children of a map run in the order of its items, a thousand in memory at a time."""
        last = -1
        marks = ", ".join("?" * len(statuses))
        where = f"WHERE map_run_arn = ? AND position > ? AND status IN ({marks}) ORDER BY position LIMIT 1000"
        while page := list(self._records(ExecutionRecord, "executions", where, (map_run_arn, last, *statuses))):
            yield from page
            last = page[-1].position

    def child(self, map_run_arn: str, position: int) -> ExecutionRecord | None:
        """The child of a map run for the item, or batch of items, at a position."""
        where = "WHERE map_run_arn = ? AND position = ?"
        return next(self._records(ExecutionRecord, "executions", where, (map_run_arn, position)), None)

    def forget_children(self, map_run_arn: str, first: int, last: int | None = None) -> None:
        """Delete the children of a map run from position `first` to `last`, or all behind `first`."""
        with self._lock:
            self.flush()
            where = "map_run_arn = ? AND position >= ? AND (? IS NULL OR position <= ?)"
            rows = [(map_run_arn, first, last, last)]
            self._write(f"DELETE FROM events WHERE execution IN (SELECT id FROM executions WHERE {where})", rows)  # noqa: S608
            self._write(f"DELETE FROM executions WHERE {where}", rows)  # noqa: S608
            self.flush()

    def events(self, execution: int, *, after: int, limit: int, reverse: bool = False) -> list[Event]:
        """Events of an execution behind the id `after` in reading order; 0 starts at either end."""
        order, beyond = ("DESC", "id < ?") if reverse else ("ASC", "id > ?")
        bound = after or (1 << 62 if reverse else 0)
        sql = f"""SELECT id, previous, timestamp, type, details FROM events WHERE execution = ? AND {beyond}
            ORDER BY id {order} LIMIT ?"""  # noqa: S608
        return [Event(*row) for row in self._read(sql, (execution, bound, limit))]

    def last_event(self, execution: int) -> int:
        """The id of the last event of an execution, 0 where there is none."""
        sql = "SELECT coalesce(max(id), 0) FROM events WHERE execution = ?"
        last: int = self._read(sql, (execution,))[0][0]
        return last

    def save_machine(self, record: MachineRecord) -> None:
        with self._lock:
            self._write(_insert("machines", MachineRecord), [_row(record)])
            revision = (record.revision_id, record.arn, record.definition, record.role_arn, record.updated)
            self._write("INSERT OR IGNORE INTO revisions VALUES (?, ?, ?, ?, ?)", [revision])
            self.flush()

    def machine(self, arn: str) -> MachineRecord | None:
        return next(self._records(MachineRecord, "machines", "WHERE arn = ?", (arn,)), None)

    def machines(self, after: str, limit: int) -> list[MachineRecord]:
        return list(self._records(MachineRecord, "machines", "WHERE arn > ? ORDER BY arn LIMIT ?", (after, limit)))

    def revision(self, revision_id: str) -> tuple[str, str, float] | None:
        """The definition, role and time of a revision."""
        sql = "SELECT definition, role_arn, created FROM revisions WHERE revision_id = ?"
        rows = self._read(sql, (revision_id,))
        return rows[0] if rows else None

    def delete_machine(self, arn: str) -> None:
        with self._lock:
            for table, column in (("machines", "arn"), ("tags", "arn"), *_OF_MACHINES):
                self._write(f"DELETE FROM {table} WHERE {column} = ?", [(arn,)])  # noqa: S608
            self.flush()

    def save_version(self, record: VersionRecord | AliasRecord) -> None:
        """A version, or an alias."""
        with self._lock:
            table = "versions" if isinstance(record, VersionRecord) else "aliases"
            self._write(_insert(table, type(record)), [_row(record)])
            self.flush()

    def versions(self, machine_arn: str) -> list[VersionRecord]:
        """The versions of a state machine, newest first."""
        where = "WHERE machine_arn = ? ORDER BY number DESC"
        return list(self._records(VersionRecord, "versions", where, (machine_arn,)))

    def aliases(self, machine_arn: str) -> list[AliasRecord]:
        return list(self._records(AliasRecord, "aliases", "WHERE machine_arn = ? ORDER BY name", (machine_arn,)))

    def version(self, arn: str) -> VersionRecord | None:
        return next(self._records(VersionRecord, "versions", "WHERE arn = ?", (arn,)), None)

    def alias(self, arn: str) -> AliasRecord | None:
        return next(self._records(AliasRecord, "aliases", "WHERE arn = ?", (arn,)), None)

    def delete_version(self, arn: str) -> None:
        """Delete a version, or an alias."""
        with self._lock:
            for table, _ in _OF_MACHINES:
                self._write(f"DELETE FROM {table} WHERE arn = ?", [(arn,)])  # noqa: S608
            self.flush()

    def remember_start(self, execution_arn: str, version_arn: str | None, alias_arn: str | None) -> None:
        """By which version, and which alias, an execution was started."""
        with self._lock:
            self._write("INSERT OR REPLACE INTO started_as VALUES (?, ?, ?)", [(execution_arn, version_arn, alias_arn)])

    def started_as(self, execution_arn: str) -> tuple[str | None, str | None]:
        rows = self._read("SELECT version_arn, alias_arn FROM started_as WHERE execution_arn = ?", (execution_arn,))
        return rows[0] if rows else (None, None)

    def save_map_run(self, record: MapRunRecord) -> None:
        with self._lock:
            self._write(_insert("map_runs", MapRunRecord), [_row(record)])

    def map_run(self, arn: str) -> MapRunRecord | None:
        return next(self._records(MapRunRecord, "map_runs", "WHERE arn = ?", (arn,)), None)

    def map_runs(self, execution_arn: str, after: str, limit: int) -> list[MapRunRecord]:
        where = "WHERE execution_arn = ? AND arn > ? ORDER BY arn LIMIT ?"
        return list(self._records(MapRunRecord, "map_runs", where, (execution_arn, after, limit)))

    def save_activity(self, record: ActivityRecord) -> None:
        with self._lock:
            self._write(_insert("activities", ActivityRecord), [_row(record)])
            self.flush()

    def activity(self, arn: str) -> ActivityRecord | None:
        return next(self._records(ActivityRecord, "activities", "WHERE arn = ?", (arn,)), None)

    def activities(self, after: str, limit: int) -> list[ActivityRecord]:
        return list(self._records(ActivityRecord, "activities", "WHERE arn > ? ORDER BY arn LIMIT ?", (after, limit)))

    def delete_activity(self, arn: str) -> None:
        with self._lock:
            self._write("DELETE FROM activities WHERE arn = ?", [(arn,)])
            self.flush()

    def tag(self, arn: str, tags: dict[str, str]) -> None:
        with self._lock:
            rows = [(arn, key, value) for key, value in tags.items()]
            self._write("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", rows)
            self.flush()

    def untag(self, arn: str, keys: list[str]) -> None:
        with self._lock:
            self._write("DELETE FROM tags WHERE arn = ? AND key = ?", [(arn, key) for key in keys])
            self.flush()

    def tags(self, arn: str) -> dict[str, str]:
        return dict(self._read("SELECT key, value FROM tags WHERE arn = ? ORDER BY key", (arn,)))

    def _flush_when_full(self) -> None:
        if len(self._events) + len(self._executions) >= _BATCH:
            self.flush()

    def _write(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        if rows:  # for none, too, a transaction would begin
            self._connection.executemany(sql, rows)

    def _read(self, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
        with self._lock:
            self.flush()
            return self._connection.execute(sql, parameters).fetchall()

    def _records(self, kind: type, table: str, where: str, parameters: tuple[Any, ...]) -> Iterator[Any]:
        names = [field.name for field in fields(kind)]
        for row in self._read(f"SELECT {', '.join(names)} FROM {table} {where}", parameters):  # noqa: S608
            values = dict(zip(names, row, strict=True))
            if kind is MapRunRecord:
                values |= {name: Counts(**json.loads(values[name])) for name in ("items", "executions")}
            yield kind(**values)


def _insert(table: str, kind: type) -> str:
    marks = ", ".join("?" * len(fields(kind)))
    names = ", ".join(field.name for field in fields(kind))
    return f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608


def _row(record: Any) -> tuple[Any, ...]:
    values = (getattr(record, field.name) for field in fields(record))
    return tuple(json.dumps(asdict(value)) if isinstance(value, Counts) else value for value in values)
