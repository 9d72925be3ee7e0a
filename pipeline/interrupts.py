"""What Ctrl-C and SIGTERM do, and stretches of code in which they wait for a checkpoint.

Python runs a signal's handler between any two instructions of the main thread, whosever they are. What the handler
raises there is for who asked for it to catch, and what is on its way may not be made for it: a lock of `threading` can
stay locked for good, and Flask raises an error of its own. So a command that only waits for AWS is interrupted wherever
it is, and a local cloud, which has all of that in its process, at checkpoints only.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_INTERRUPTED = 130
"""As shells have it: 128, and the number of SIGINT."""


def on_interrupt(handler: Callable[[int, FrameType | None], None]) -> None:
    """What Ctrl-C and SIGTERM do from now on."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Stop in good order, by a KeyboardInterrupt in the main thread. A second signal stops at once, and the local
    cloud's guardian ends what is left.
    """
    on_interrupt(exit_now)
    _main.is_interrupted = True
    if not _main.held:
        checkpoint()


def exit_now(number: int, frame: FrameType | None) -> None:
    os._exit(EXIT_INTERRUPTED)


@contextmanager
def held() -> Iterator[None]:
    """A stretch that `interrupt` ends at its checkpoints, of which its end is the last. On threads beside the main one,
    which no signal interrupts, it means nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _main.held += 1
    try:
        yield
    finally:
        _main.held -= 1
        if not _main.held:
            checkpoint()


def checkpoint() -> None:
    """Raise KeyboardInterrupt on the main thread if there was an interrupt that nothing was raised for."""
    if _main.is_interrupted and threading.current_thread() is threading.main_thread():
        _main.is_interrupted = False
        raise KeyboardInterrupt


class _MainThread:
    held = 0
    """Stretches, one in the other, that it is in."""
    is_interrupted = False
    """Whether a signal came for which nothing was raised yet."""


_main = _MainThread()
