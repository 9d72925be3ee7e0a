"""Retry: which error is tried again, how often and after how long.

Every retrier counts for itself from the moment its state is entered
(Amazon States Language, "Retrying After Error"; Developer Guide, "Retrying after an error").
"""

import random
from collections.abc import Sequence

from pipeline.local.states.definition import Retrier
from pipeline.local.states.definition.handlers import MAX_DELAY_SECONDS
from pipeline.local.states.errors import StateError


class Retries:
    """The retriers of one state while it is being entered; `count` is what `$$.State.RetryCount` reads."""

    def __init__(self, retriers: Sequence[Retrier]) -> None:
        self._retriers = retriers
        self._attempts = [0] * len(retriers)
        self.count = 0

    def delay(self, error: StateError) -> float | None:
        """Seconds to wait before the next try, or None when the error is not tried again."""
        for position, retrier in enumerate(self._retriers):
            if error.matches(retrier.errors):
                if self._attempts[position] >= retrier.max_attempts:
                    return None
                delay = backoff(retrier, self._attempts[position])
                self._attempts[position] += 1
                self.count += 1
                return delay
        return None


def backoff(retrier: Retrier, attempts: int) -> float:
    """Seconds before the next try after `attempts` earlier ones: growing, capped, with FULL jitter anywhere below."""
    longest = retrier.max_delay_seconds or MAX_DELAY_SECONDS
    try:
        delay = min(retrier.interval_seconds * float(retrier.backoff_rate) ** attempts, longest)
    except OverflowError:
        delay = longest
    return random.uniform(0, delay) if retrier.full_jitter else delay  # noqa: S311
