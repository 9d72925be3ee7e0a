"""Queues of work that is done at least once: an item stays on disk until it is done, whatever the process does."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipeline.local.database import Database
from pipeline.local.timers import Timers

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Again:
    """An item is not done: it is taken up again at `due` (seconds since 1970), as `item`."""

    due: float
    item: Mapping[str, Any]


class DurableQueue:
    """A queue whose items are worked on side by side, in no order that could be relied on.

    Args:
        name: of the queue in the database.
        work: does what an item stands for, on a thread of the queue's.
        threads: how many items are worked on at the same time.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        timers: Timers,
        work: Callable[[Mapping[str, Any]], Again | None],
        *,
        threads: int = 16,
    ) -> None:
        self._database = database
        self._name = name
        self._timers = timers
        self._work = work
        self.closed = False
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        for number, due, item in database.items(name):
            self._plan(number, due, item)

    def put(self, item: Mapping[str, Any]) -> None:
        """Let an item be worked on as soon as there is a thread for it."""
        now = self._timers.clock()
        number = self._database.add_item(self._name, now, item)
        if number is not None:
            self._plan(number, now, item)

    def close(self) -> None:
        """Begin nothing more. What is not done stays on disk."""
        self.closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _plan(self, number: int, due: float, item: Mapping[str, Any]) -> None:
        self._timers.at((self._name, number), due, partial(self._hand_over, number, item))

    def _hand_over(self, number: int, item: Mapping[str, Any]) -> None:
        try:
            self._threads.submit(self._do, number, item)
        except RuntimeError:  # closed: the item waits on disk
            pass

    def _do(self, number: int, item: Mapping[str, Any]) -> None:
        try:
            again = self._work(item)
        except Exception:  # noqa: BLE001 - what an item does to its work costs the others nothing
            if self.closed:
                return  # it failed because everything ends: the item waits on disk
            _log.exception("%s: gave up on %s", self._name, item)
            again = None
        if again is None:
            self._database.remove_item(number)
        elif not self.closed:  # what failed because everything ends is tried anew next time, as if it had not been
            self._database.change_item(number, again.due, again.item)
            self._plan(number, again.due, again.item)
