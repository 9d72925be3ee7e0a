import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.database import Database
from pipeline.local.queues import Again, DurableQueue
from pipeline.local.timers import Timers


def wait_for(condition: Callable[[], bool]) -> None:
    """Until the condition holds; the test's own time limit ends a wait for what does not come."""
    waiting = threading.Event()
    while not condition():
        waiting.wait(0.005)


def test_an_item_that_is_done_is_gone(tmp_path: Path) -> None:
    database, timers, done = Database(tmp_path / "db"), Timers(), threading.Event()
    queue = DurableQueue(database, "q", timers, lambda _: done.set())
    queue.put({"n": 1})
    assert done.wait(20)
    wait_for(lambda: database.items("q") == [])


def test_an_item_is_taken_up_again_as_the_work_says(tmp_path: Path) -> None:
    seen: list[Mapping[str, Any]] = []

    def work(item: Mapping[str, Any]) -> Again | None:
        seen.append(item)
        return Again(0.0, {"attempt": item["attempt"] + 1}) if item["attempt"] < 3 else None

    queue = DurableQueue(Database(tmp_path / "db"), "q", Timers(), work)
    queue.put({"attempt": 1})
    wait_for(lambda: len(seen) == 3)
    assert [item["attempt"] for item in seen] == [1, 2, 3]


def test_what_an_earlier_process_left_is_done_by_the_next(tmp_path: Path) -> None:
    held = Timers(held=True)
    earlier = Database(tmp_path / "db")
    DurableQueue(earlier, "q", held, lambda _: None).put({"from": "earlier"})
    held.close()
    earlier.close()
    seen: list[Mapping[str, Any]] = []
    DurableQueue(Database(tmp_path / "db"), "q", Timers(), seen.append)  # type: ignore[arg-type, func-returns-value]
    wait_for(lambda: bool(seen))
    assert seen == [{"from": "earlier"}]


def test_an_item_whose_work_breaks_does_not_come_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(tmp_path / "db")
    queue = DurableQueue(database, "q", Timers(), lambda item: item["missing"])
    queue.put({"n": 1})
    wait_for(lambda: database.items("q") == [])
    assert "q: gave up on {'n': 1}" in caplog.text
