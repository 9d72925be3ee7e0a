"""When schedules fire, over days that pass in no time, and what a cloud that was not running makes up for."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.database import Database
from pipeline.local.delivery import Delivery
from pipeline.local.scheduler.agenda import Agenda
from pipeline.local.scheduler.schedules import Schedule
from pipeline.local.timers import Timers

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
BEGIN = datetime(2026, 11, 20, 12, 0, tzinfo=UTC).timestamp()
HOUR, DAY = 3600, 86_400


class Outbox:
    """Takes what is to be delivered."""

    def __init__(self) -> None:
        self.sent: list[Delivery] = []
        self._arrived = threading.Condition()

    def send(self, delivery: Delivery) -> None:
        with self._arrived:
            self.sent.append(delivery)
            self._arrived.notify_all()

    def times(self, count: int) -> list[str | None]:
        """The scheduled times of what is sent, once there are so many."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.sent) >= count, timeout=20)
            return [delivery.scheduled_time for delivery in self.sent]


class Days:
    """An agenda whose time is turned on by hand, and which can be closed and opened again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.now = BEGIN
        self.open()

    def open(self) -> None:
        self.outbox = Outbox()
        self._timers = Timers(lambda: self.now)
        self._database = Database(self._path)
        self.agenda = Agenda(self._database, self.outbox, self._timers, "123456789012", "us-east-1")  # type: ignore[arg-type]

    def close(self) -> None:
        self._timers.close()
        self._database.close()

    def add(self, expression: str, **settings: Any) -> None:
        target = {"Arn": MACHINE, "RoleArn": "arn:aws:iam::123456789012:role/r", **settings.pop("Target", {})}
        every = {"ScheduleExpression": expression, "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target, **settings}
        arn = "arn:aws:scheduler:us-east-1:123456789012:schedule/default/s"
        since = 0.0 if expression.startswith("at(") else self.now - 1
        self.agenda.save(Schedule("s", "default", arn, every, self.now, self.now, since))

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self._timers.wake()


@pytest.fixture
def days(tmp_path: Path) -> Iterator[Days]:
    days = Days(tmp_path / "db")
    yield days
    days.close()


def test_a_rate_fires_at_once_and_then_again_and_again(days: Days) -> None:
    days.add("rate(1 hour)")
    assert days.outbox.times(1) == ["2026-11-20T12:00:00Z"]
    days.pass_time(HOUR)
    assert days.outbox.times(2)[1:] == ["2026-11-20T13:00:00Z"]


def test_a_schedule_fires_every_night(days: Days) -> None:
    days.add("cron(0 2 * * ? *)", ScheduleExpressionTimezone="Europe/Berlin")
    for night in range(3):
        days.pass_time(DAY)
        assert len(days.outbox.times(night + 1)) == night + 1
    assert days.outbox.times(3) == ["2026-11-21T01:00:00Z", "2026-11-22T01:00:00Z", "2026-11-23T01:00:00Z"]


def test_what_is_to_happen_once_and_is_past_already_happens_at_once(days: Days) -> None:
    days.add("at(2026-11-20T11:00:00)")
    assert days.outbox.times(1) == ["2026-11-20T11:00:00Z"]


def test_a_schedule_that_is_done_is_deleted_when_it_says_so(days: Days) -> None:
    days.add("at(2026-11-20T12:30:00)", ActionAfterCompletion="DELETE")
    assert days.agenda.find("default/s") is not None
    days.pass_time(HOUR)
    days.outbox.times(1)
    with days.agenda._lock:
        assert days.agenda.find("default/s") is None


def test_nothing_fires_before_the_start_or_after_the_end(days: Days) -> None:
    days.add("cron(0 * * * ? *)", StartDate=BEGIN + 2 * HOUR, EndDate=BEGIN + 3 * HOUR)
    for _ in range(6):
        days.pass_time(HOUR)
        days.outbox.times(min(2, max(0, int((days.now - BEGIN) / HOUR) - 1)))
    assert days.outbox.times(2) == ["2026-11-20T14:00:00Z", "2026-11-20T15:00:00Z"]


def test_of_what_was_missed_while_it_was_down_the_latest_fires_once(days: Days) -> None:
    days.add("cron(0 2 * * ? *)")
    days.close()
    days.now += 5 * DAY
    days.open()
    assert days.outbox.times(1) == ["2026-11-25T02:00:00Z"]
    days.pass_time(DAY)
    assert days.outbox.times(2)[1:] == ["2026-11-26T02:00:00Z"]


def test_what_was_missed_counts_as_old_as_it_is(days: Days) -> None:
    days.add("at(2026-11-20T13:00:00)", Target={"RetryPolicy": {"MaximumEventAgeInSeconds": HOUR}})
    days.close()
    days.now += 2 * DAY
    days.open()
    days.outbox.times(1)
    missed = days.outbox.sent[0]
    assert days.now - missed.created > missed.max_age


def test_what_fired_before_a_restart_does_not_fire_again(days: Days) -> None:
    days.add("rate(1 day)")
    days.outbox.times(1)
    days.close()
    days.open()
    days.pass_time(DAY)
    assert days.outbox.times(1) == ["2026-11-21T12:00:00Z"]


def test_a_schedule_that_is_off_does_not_fire(days: Days) -> None:
    days.add("rate(1 hour)", State="DISABLED")
    days.pass_time(HOUR)
    days.add("at(2026-11-20T12:30:00)")
    assert days.outbox.times(1) == ["2026-11-20T12:30:00Z"]


def test_within_its_flexible_window_it_fires_for_the_time_that_was_scheduled(days: Days) -> None:
    days.add("cron(0 2 * * ? *)", FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60})
    days.pass_time(15 * HOUR)
    assert days.outbox.times(1) == ["2026-11-21T02:00:00Z"]


def test_the_input_has_its_context_attributes_filled_in(days: Days) -> None:
    names = ("scheduled-time", "schedule-arn", "execution-id")
    days.add("rate(1 hour)", Target={"Input": " ".join(f"<aws.scheduler.{name}>" for name in names)})
    days.outbox.times(1)
    sent = days.outbox.sent[0]
    arn = "arn:aws:scheduler:us-east-1:123456789012:schedule/default/s"
    assert sent.payload == f"2026-11-20T12:00:00Z {arn} {sent.name}"
