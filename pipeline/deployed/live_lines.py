"""A run under way, in plain lines: for a log, a pipe, and a terminal that cannot be redrawn."""

import time
from collections.abc import Callable

from pipeline.deployed.pace import PaceMaker
from pipeline.deployed.progress import Progress
from pipeline.deployed.telling import images

_LINE_EVERY = 30.0


class LiveLines:
    """A line when a run comes to a state for the first time, and every half minute while counts grow."""

    def __init__(self, say: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._pace = PaceMaker(clock)
        self._states: set[str | None] = set()
        self._counts = ""
        self._told_at = clock()

    def update(self, progress: Progress) -> None:
        counts, pace = images(progress), self._pace.of(progress)
        is_due = counts != self._counts and self._clock() - self._told_at >= _LINE_EVERY
        if progress.state not in self._states or is_due:
            self._states.add(progress.state)
            self._counts, self._told_at = counts, self._clock()
            told = f"; {pace.told}" if pace.told and is_due else ""
            self._say(f"{progress.state or 'starting':<22} {counts}{told}")
