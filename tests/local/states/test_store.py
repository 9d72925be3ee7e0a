"""The tables behind the service."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.states.history import Event
from pipeline.local.states.records import Counts, ExecutionRecord, MapRunRecord
from pipeline.local.states.store import Store


def execution(store: Store, number: int, **members: object) -> ExecutionRecord:
    record = ExecutionRecord(
        id=store.new_execution_id(),
        arn=f"arn:{number}",
        name=str(number),
        machine_arn="arn:machine",
        revision_id="r",
        input="{}",
        started=float(number),
    )
    for name, value in members.items():
        setattr(record, name, value)
    store.save_execution(record)
    return record


@given(st.integers(0, 30), st.integers(1, 7), st.booleans())
def test_pages_of_events_join_into_all_of_them(count: int, size: int, reverse: bool) -> None:
    store = Store(None)
    events = [Event(number, number - 1, 0.5, "PassStateEntered", "") for number in range(1, count + 1)]
    for event in events:
        store.add_event(7, event)
        store.add_event(8, event)
    read: list[Event] = []
    while page := store.events(7, after=read[-1].id if read else 0, limit=size, reverse=reverse):
        read += page
    assert read == (events[::-1] if reverse else events)
    store.close()


def test_the_children_of_a_map_run_come_in_the_order_of_its_items() -> None:
    store = Store(None)
    count = 2_300
    for number in range(count):
        position = (number * 7) % count
        status = "FAILED" if position % 10 == 0 else "SUCCEEDED"
        execution(store, number, map_run_arn="arn:run", position=position, status=status)
    succeeded = [child.position for child in store.children("arn:run", "SUCCEEDED")]
    assert succeeded == [position for position in range(count) if position % 10]
    store.close()


def test_a_record_saved_again_replaces_itself() -> None:
    store = Store(None)
    record = execution(store, 1)
    store.flush()
    record.status, record.output = "SUCCEEDED", "[1]"
    store.save_execution(record)
    assert store.execution("arn:1") == record
    store.close()


def test_everything_is_read_back_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "states.sqlite"
    store = Store(path)
    record = execution(store, 1, status="SUCCEEDED", output="é", cause="\x00")
    run = MapRunRecord("arn:run", "arn:1", "arn:machine", 1.0, 0, None, 12.5, items=Counts(total=3, succeeded=3))
    store.save_map_run(run)
    store.close()
    again = Store(path)
    assert again.execution("arn:1") == record
    assert again.map_run("arn:run") == run
    assert again.new_execution_id() > record.id
    again.close()


def test_only_what_ran_is_abandoned() -> None:
    store = Store(None)
    execution(store, 1)
    ended = execution(store, 2, status="FAILED", stopped=2.0)
    store.flush()
    store.abandon(9.0)
    abandoned = store.execution("arn:1")
    assert abandoned is not None
    assert (abandoned.status, abandoned.stopped) == ("ABORTED", 9.0)
    assert store.execution("arn:2") == ended
    store.close()


def test_what_a_full_disk_does_not_take_is_written_when_there_is_room(tmp_path: Path) -> None:
    store = Store(tmp_path / "states.sqlite")
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    written = execution(store, 1)
    events = [Event(number, number - 1, 0.5, "PassStateEntered", "x" * 2000) for number in range(1, 31)]
    for event in events:
        store.add_event(written.id, event)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.flush()
    store._connection.execute("PRAGMA max_page_count = 1000000")

    assert store.execution("arn:1") == written
    assert store.events(written.id, after=0, limit=100) == events
    store.close()
