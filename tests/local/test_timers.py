import threading
from collections.abc import Iterator

import pytest

from pipeline.local.timers import Timers


class Clock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timers(clock: Clock) -> Iterator[Timers]:
    timers = Timers(clock)
    yield timers
    timers.close()


class Heard:
    """What was called, in order, and a way to wait for it."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._changed = threading.Condition()

    def say(self, name: str) -> None:
        with self._changed:
            self.names.append(name)
            self._changed.notify_all()

    def wait(self, count: int) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.names) >= count, timeout=20)
            return list(self.names)


def test_calls_are_made_in_the_order_of_their_moments(timers: Timers, clock: Clock) -> None:
    heard = Heard()
    for name, moment in (("third", 1_003), ("first", 1_001), ("second", 1_002)):
        timers.at(name, moment, lambda name=name: heard.say(name))
    clock.now = 1_003
    timers.wake()
    assert heard.wait(3) == ["first", "second", "third"]


def test_a_call_is_not_made_before_its_moment(timers: Timers, clock: Clock) -> None:
    heard = Heard()
    timers.at("later", 1_010, lambda: heard.say("later"))
    timers.at("now", 1_000, lambda: heard.say("now"))
    assert heard.wait(1) == ["now"]


def test_a_call_that_is_planned_again_is_made_once_at_its_new_moment(timers: Timers, clock: Clock) -> None:
    heard = Heard()
    timers.at("key", 1_001, lambda: heard.say("old"))
    timers.at("key", 1_002, lambda: heard.say("new"))
    timers.at("end", 1_003, lambda: heard.say("end"))
    clock.now = 1_003
    timers.wake()
    assert heard.wait(2) == ["new", "end"]


def test_a_call_that_is_cancelled_is_not_made(timers: Timers, clock: Clock) -> None:
    heard = Heard()
    timers.at("key", 1_001, lambda: heard.say("cancelled"))
    timers.cancel("key")
    timers.at("end", 1_002, lambda: heard.say("end"))
    clock.now = 1_002
    timers.wake()
    assert heard.wait(1) == ["end"]


def test_a_call_that_fails_does_not_take_the_others_along(timers: Timers, caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard()
    timers.at("bad", 1_000, lambda: [].pop())
    timers.at("good", 1_000, lambda: heard.say("good"))
    assert heard.wait(1) == ["good"]
    assert "a planned call failed" in caplog.text


def test_what_is_held_is_called_once_it_is_released(clock: Clock) -> None:
    timers, heard = Timers(clock, held=True), Heard()
    timers.at("key", 1_000, lambda: heard.say("called"))
    timers.wake()
    assert heard.names == []
    timers.release()
    assert heard.wait(1) == ["called"]
    timers.close()
