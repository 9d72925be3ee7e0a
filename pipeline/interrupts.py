"""What Ctrl-C and SIGTERM do, and stretches of code that neither comes between.

Python runs a signal's handler between any two instructions of the main thread, whosever they are. What the handler
raises is for who asked for it to catch, and no library on its way has been tried with it: in Flask it became a
LookupError, and a run that was to stop failed. So those stretches are `held`.
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
    """Stop in good order, by a KeyboardInterrupt in the main thread: at the end of a held stretch, if it is in one. A
    second signal stops at once, and the local cloud's guardian ends what is left.
    """
    on_interrupt(exit_now)
    if _main.held:
        _main.is_interrupted = True
    else:
        raise KeyboardInterrupt


def exit_now(number: int, frame: FrameType | None) -> None:
    os._exit(EXIT_INTERRUPTED)


@contextmanager
def held() -> Iterator[None]:
    """A stretch that `interrupt` does not come between: it raises at its end. On other threads nothing ever does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _main.held += 1
    try:
        yield
    finally:
        _main.held -= 1
        if _main.is_interrupted and not _main.held:
            _main.is_interrupted = False
            raise KeyboardInterrupt


class _MainThread:
    held = 0
    """Stretches, one in the other, that it is in."""
    is_interrupted = False
    """Whether a signal came in one of them."""


_main = _MainThread()
