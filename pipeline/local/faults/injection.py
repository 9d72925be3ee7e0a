"""Whether a call is to go wrong, and the journal of what did.

    faults = Faults(state_dir / "faults.jsonl")
    faults.use(plan)
    strike = faults.strike("function", "ValidateImages")    # None: nothing happens to this call
    if strike: ...; strike.record()                         # it has gone wrong now

The journal is a line of JSON for each fault, written before it strikes: it tells a cloud that was killed by its plan,
and is started again on the same folder, what has been done.
"""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pipeline.local.faults.plan import EVERYWHERE, FaultPlan, Rule


@dataclass(frozen=True)
class Injected:
    """A fault that has struck. `rule` and `occurrence` say which call of which rule of the plan it was."""

    on: str
    fault: str
    name: str
    operation: str
    rule: int
    occurrence: int
    at: float


class Strike:
    """One call that is to go wrong."""

    def __init__(self, fault: str, seconds: float, record: Callable[[], None]) -> None:
        self.fault = fault
        self.seconds = seconds
        """How long it takes, or how late it comes."""
        self.record = record
        """Tell that it has gone wrong; to be called just before it does."""


class _Counter:
    """How often a rule has fitted a call, and how often it has struck."""

    def __init__(self, rule: Rule, seed: str) -> None:
        self.rule = rule
        self.random = random.Random(seed)  # noqa: S311
        self.seen = 0
        self.struck = 0

    def draw(self, done: set[int]) -> float | None:
        """The next call: None, or the seconds of a strike. `done` are the calls that were struck before a restart."""
        self.seen += 1
        # Drawn for every call, so that the choice at one does not depend on what became of those before it.
        chance, share = self.random.random(), self.random.random()
        rule = self.rule
        is_hit = self.seen in rule.occurrences if rule.probability is None else chance < rule.probability
        if not is_hit or self.seen in done or (rule.times is not None and self.struck >= rule.times):
            return None
        self.struck += 1
        least, most = rule.seconds
        return least + (most - least) * share


class Faults:
    """The faults of one cloud. Safe to use from any thread; nothing strikes before `use`.

    Args:
        journal: where what has struck is written down, and is read from where an earlier cloud was killed.
    """

    def __init__(self, journal: Path | None = None) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._counters: list[_Counter] = []
        self._injected: list[Injected] = []
        self._done: dict[int, set[int]] = {}
        self.plan = FaultPlan()
        self.stop_executions: Callable[[], None] = lambda: None
        """Stops whatever the cloud's state machines are doing; the cloud sets it."""
        if journal is not None and journal.exists():
            for line in journal.read_text(encoding="utf-8").splitlines():
                injected = Injected(**json.loads(line))
                self._injected.append(injected)
                self._done.setdefault(injected.rule, set()).add(injected.occurrence)

    @property
    def injected(self) -> list[Injected]:
        """Everything that has struck so far, the first first."""
        with self._lock:
            return list(self._injected)

    @property
    def retry_pace(self) -> float:
        return self.plan.retry_pace

    def tally(self) -> list[dict[str, Any]]:
        """The plan's rules, how many calls each has fitted, and how many faults of it have struck."""
        with self._lock:
            struck = Counter(each.rule for each in self._injected)
            return [
                {"on": str(counter.rule), "fault": counter.rule.fault, "fitted": counter.seen, "struck": struck[number]}
                for number, counter in enumerate(self._counters)
            ]

    def use(self, plan: FaultPlan) -> None:
        """Let things go wrong from now on as `plan` says."""
        with self._lock:
            self.plan = plan
            self._counters = [_Counter(rule, f"{plan.seed}:{number}") for number, rule in enumerate(plan.rules)]
            for number, counter in enumerate(self._counters):
                counter.struck = len(self._done.get(number, ()))

    def rest(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self.plan, self._counters, self._done = FaultPlan(), [], {}

    def strike(self, on: str, name: str, service: str = "", operation: str = "") -> Strike | None:
        """What is to go wrong with a call, if anything: of the rules that say so, the first one's fault.

        Every rule that fits the call counts it. Faults of the whole cloud strike here and now, and the call goes on.
        """
        chosen: Strike | None = None
        with self._lock:
            for number, counter in enumerate(self._counters):
                if not _fits(counter.rule, on, name, service, operation):
                    continue
                seconds = counter.draw(self._done.get(number, set()))
                if seconds is None:
                    continue
                what = f"{service}:{operation}" if service else ""
                struck = Injected(on, counter.rule.fault, name, what, number, counter.seen, time.time())
                strike = Strike(counter.rule.fault, seconds, lambda struck=struck: self._record(struck))  # type: ignore[misc]
                if strike.fault in EVERYWHERE:
                    _later(strike.seconds, lambda strike=strike: self._everywhere(strike))  # type: ignore[misc]
                elif chosen is None:
                    chosen = strike
        return chosen

    def _everywhere(self, strike: Strike) -> None:
        strike.record()
        if strike.fault == "cloud_killed":
            os.kill(os.getpid(), signal.SIGKILL)
        self.stop_executions()

    def _record(self, struck: Injected) -> None:
        with self._lock:
            self._injected.append(struck)
            if self._journal is not None:
                with self._journal.open("a", encoding="utf-8") as journal:
                    journal.write(json.dumps(asdict(struck)) + "\n")


def _fits(rule: Rule, on: str, name: str, service: str, operation: str) -> bool:
    return (
        rule.on == on
        and fnmatchcase(service, rule.service)
        and fnmatchcase(operation, rule.operation)
        and fnmatchcase(name, rule.name)
    )


def _later(seconds: float, action: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()
