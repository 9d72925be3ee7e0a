"""How fast a run is, and how long what it is at may take: measured from outside, and said with care.

A run validates everything before it predicts anything, so the pace is that of the one or the other. What comes after is
not guessed at: how long jobs take to start, nobody knows, and predictions have a pace of their own.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.deployed.course import PREDICTS, VALIDATES
from pipeline.deployed.progress import Progress

_LONGEST = 120.0
"""Seconds that are looked back on: predictions come a shard at a time, and jobs side by side."""
_SHORTEST = 2.0
"""Seconds before anything is said."""


@dataclass(frozen=True)
class Pace:
    """Of the stage that is under way: `does` is VALIDATES, PREDICTS, or empty where a run does neither."""

    does: str = ""
    done: int = 0
    total: int = 0
    rate: float | None = None
    """Images a second; None where nothing can be said yet."""
    seconds_left: float | None = None
    """Of this stage."""
    grows: bool = False
    """Whether there is still more being listed: it takes at least so long."""

    @property
    def told(self) -> str:
        """`820 images/s, about 40 s left to predict`; empty where nothing can be said."""
        if self.does == PREDICTS and not self.done:
            return "waiting for the first predictions: jobs take a while to start"
        words = [] if self.rate is None else [f"{_number(self.rate)} images/s"]
        if self.seconds_left is not None:
            verb = "predict" if self.does == PREDICTS else "validate"
            words.append(f"{'at least' if self.grows else 'about'} {_time(self.seconds_left)} left to {verb}")
        return ", ".join(words)


class PaceMaker:
    """Measures one run by its looks, `of` each of them in turn."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._does = ""
        self._seen: deque[tuple[float, int]] = deque()
        self._total = 0

    def of(self, progress: Progress) -> Pace:
        now = self._clock()
        does, done, total = _stage(progress)
        if does != self._does:
            self._does, self._total = does, total
            self._seen.clear()
        grows, self._total = does == VALIDATES and total > self._total, total
        # A stage begins with its first image: before that its jobs start.
        if not self._seen or self._seen[-1][1] == 0:
            self._seen.clear()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[1][0] > _LONGEST:
            self._seen.popleft()
        then, done_then = self._seen[0]
        if not does or now - then < _SHORTEST or done <= done_then:
            return Pace(does, done, total, grows=grows)
        rate = (done - done_then) / (now - then)
        left = (total - done) / rate if total > done else None
        return Pace(does, done, total, rate, left, grows)


def _stage(progress: Progress) -> tuple[str, int, int]:
    """What is under way, how many images it has done, and of how many."""
    does = next((step.does for step in progress.steps if step.entered and not step.left and step.does), "")
    if does == VALIDATES:
        return does, progress.validated, progress.listed
    if does == PREDICTS:
        return does, progress.predicted + progress.failed, progress.accepted
    return "", 0, 0


def _number(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def _time(seconds: float) -> str:
    """To two figures at most: it is a guess."""
    if seconds < 90:
        return f"{max(round(seconds / 5) * 5, 5)} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
