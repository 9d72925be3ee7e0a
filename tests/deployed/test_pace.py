"""How fast a run is, and what is said of the time that is left."""

from datetime import UTC, datetime

import pytest

from pipeline.deployed.course import PREDICTS, VALIDATES, Step
from pipeline.deployed.pace import PaceMaker
from pipeline.deployed.progress import Progress

BEGAN = datetime(2026, 11, 20, 2, tzinfo=UTC)


class Run:
    """A run that the test moves on, looked at with the clock that it moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pace = PaceMaker(lambda: self.now)

    def validated(self, now: float, done: int, listed: int) -> str:
        self.now = now
        step = Step("ValidateImages", BEGAN, does=VALIDATES)
        return self.pace.of(Progress(listed=listed, validated=done, steps=(step,))).told

    def predicted(self, now: float, done: int, accepted: int) -> str:
        self.now = now
        step = Step("RunProcessingJobs", BEGAN, does=PREDICTS)
        return self.pace.of(Progress(predicted=done, accepted=accepted, steps=(step,))).told


@pytest.fixture
def run() -> Run:
    return Run()


def test_nothing_is_said_before_there_is_something_to_measure(run: Run) -> None:
    assert run.validated(0, 0, 1000) == ""
    assert run.validated(1, 50, 1000) == ""


def test_the_rate_and_what_is_left_are_of_what_was_seen(run: Run) -> None:
    run.validated(0, 100, 1000)
    assert run.validated(10, 200, 1000) == "10 images/s, about 80 s left to validate"


def test_while_more_is_listed_it_takes_at_least_so_long(run: Run) -> None:
    run.validated(0, 100, 1000)
    assert run.validated(10, 200, 2000) == "10 images/s, at least 3 min left to validate"


def test_until_jobs_have_started_nothing_is_guessed(run: Run) -> None:
    waiting = "waiting for the first predictions: jobs take a while to start"
    assert [run.predicted(now, 0, 1000) for now in (0, 60, 300)] == [waiting] * 3


def test_the_start_of_jobs_does_not_count_as_slowness(run: Run) -> None:
    for now in (0, 100, 200):
        run.predicted(now, 0, 1000)
    run.predicted(300, 100, 1000)
    assert run.predicted(310, 200, 1000) == "10 images/s, about 80 s left to predict"


def test_predicting_has_a_pace_of_its_own(run: Run) -> None:
    run.validated(0, 100, 1000)
    run.validated(10, 1000, 1000)
    run.predicted(20, 10, 1000)
    assert run.predicted(30, 20, 1000) == "1.0 images/s, about 16 min left to predict"


def test_a_job_that_writes_in_bursts_is_looked_at_over_some_time(run: Run) -> None:
    told = [run.predicted(now, 160 * (1 + now // 30), 16_000) for now in range(0, 121, 5)]
    assert "5.3 images/s" in told[-1]


def test_a_run_that_stands_still_is_not_called_fast(run: Run) -> None:
    run.predicted(0, 100, 1000)
    run.predicted(10, 200, 1000)
    for now in range(20, 400, 10):
        told = run.predicted(now, 200, 1000)
    assert told == ""


@pytest.mark.parametrize(("rate", "left"), [(1, "2.8 h"), (100, "100 s"), (5000, "5 s")])
def test_what_is_left_is_told_to_two_figures(run: Run, rate: int, left: str) -> None:
    run.predicted(0, 1, 10_000 + 10 * rate)
    told = run.predicted(10, 1 + 10 * rate, 10_000 + 10 * rate)
    assert left.replace("100 s", "2 min") in told
