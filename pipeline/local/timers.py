"""What happens later: calls at a moment, made by one thread in the order of their moments.

The thread appears with the first call that is planned. It asks the clock again at least every ten seconds, so that a
laptop that slept makes up for it soon after it wakes: what the system counts as waiting does not go on meanwhile.
"""

import heapq
import logging
import threading
import time
from collections.abc import Callable, Hashable
from itertools import count

_LONGEST_WAIT = 10.0

_log = logging.getLogger(__name__)


class Timers:
    """Calls that are planned. Safe to use from any thread.

    Args:
        clock: tells the time in seconds since 1970. Whoever turns it by hand calls `wake` afterwards.
        held: make no calls before `release`.
    """

    def __init__(self, clock: Callable[[], float] = time.time, *, held: bool = False) -> None:
        self.clock = clock
        self._condition = threading.Condition()
        self._planned: dict[Hashable, tuple[int, Callable[[], None]]] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._numbers = count()
        self._held = held
        self._thread: threading.Thread | None = None
        self._closed = False

    def at(self, key: Hashable, moment: float, call: Callable[[], None]) -> None:
        """Plan a call, in the place of one planned for the same key; a moment that is past is now.

        Calls delay one another: they hand over what takes long.
        """
        with self._condition:
            if self._closed:
                return
            number = next(self._numbers)
            self._planned[key] = (number, call)
            heapq.heappush(self._heap, (moment, number, key))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="timers", daemon=True)
                self._thread.start()
            self._condition.notify_all()

    def cancel(self, key: Hashable) -> None:
        """Plan nothing for a key any more."""
        with self._condition:
            self._planned.pop(key, None)

    def release(self) -> None:
        """Hold nothing back any more."""
        with self._condition:
            self._held = False
            self._condition.notify_all()

    def wake(self) -> None:
        """Look at the clock again."""
        with self._condition:
            self._condition.notify_all()

    def close(self) -> None:
        """Make no more calls."""
        with self._condition:
            self._closed = True
            self._planned.clear()
            self._condition.notify_all()

    def _run(self) -> None:
        while (call := self._next()) is not None:
            try:
                call()
            except Exception:  # noqa: BLE001 - one call that fails does not take the others along
                _log.exception("a planned call failed")

    def _next(self) -> Callable[[], None] | None:
        """Wait for the next call; None after `close`."""
        with self._condition:
            while not self._closed:
                while self._heap and self._planned.get(self._heap[0][2], (-1,))[0] != self._heap[0][1]:
                    heapq.heappop(self._heap)  # cancelled, or planned anew
                if not self._heap or self._held:
                    self._condition.wait()
                    continue
                moment, _, key = self._heap[0]
                left = moment - self.clock()
                if left <= 0:
                    heapq.heappop(self._heap)
                    return self._planned.pop(key)[1]
                self._condition.wait(min(left, _LONGEST_WAIT))
            return None
