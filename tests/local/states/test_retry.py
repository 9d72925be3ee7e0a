"""Retry: how often, and after how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.states.definition import Retrier
from pipeline.local.states.definition.handlers import MAX_DELAY_SECONDS
from pipeline.local.states.errors import StateError, StatesRuntimeError
from pipeline.local.states.retry import Retries, backoff

RETRIERS = st.builds(
    Retrier,
    errors=st.just(("States.ALL",)),
    interval_seconds=st.integers(1, 100),
    max_attempts=st.integers(0, 5),
    backoff_rate=st.floats(1, 4),
    max_delay_seconds=st.none() | st.integers(1, 500),
    full_jitter=st.booleans(),
)


@given(RETRIERS, st.integers(0, 20))
def test_a_delay_is_never_longer_than_the_growing_interval_and_its_cap(retrier: Retrier, attempts: int) -> None:
    growing = retrier.interval_seconds * retrier.backoff_rate**attempts
    longest = min(growing, retrier.max_delay_seconds or MAX_DELAY_SECONDS)
    delay = backoff(retrier, attempts)
    assert 0 <= delay <= longest
    assert retrier.full_jitter or delay == longest


@pytest.mark.parametrize("rate", [2, 2.0])
@pytest.mark.parametrize(("max_delay_seconds", "longest"), [(60, 60), (None, MAX_DELAY_SECONDS)])
def test_after_many_tries_the_delay_stays_at_the_longest(
    rate: float, max_delay_seconds: int | None, longest: int
) -> None:
    retrier = Retrier(("Any",), backoff_rate=rate, max_delay_seconds=max_delay_seconds)
    assert backoff(retrier, 100_000) == longest


@given(RETRIERS)
def test_an_error_is_tried_again_max_attempts_times(retrier: Retrier) -> None:
    retries = Retries([retrier])
    while retries.delay(StateError("Some")) is not None:
        pass
    assert retries.count == retrier.max_attempts


def test_the_first_retrier_that_matches_decides() -> None:
    retries = Retries([Retrier(("A",), max_attempts=0), Retrier(("States.ALL",), max_attempts=1)])
    assert retries.delay(StateError("A")) is None
    assert retries.delay(StateError("B")) == 1


@pytest.mark.parametrize("error", [StatesRuntimeError("bad path"), StateError("Any", terminal=True)])
def test_a_terminal_error_is_not_tried_again(error: StateError) -> None:
    assert Retries([Retrier(("States.ALL", error.error))]).delay(error) is None
