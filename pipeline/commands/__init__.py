"""The commands of `imagebatch`, one a module.

A module has `add_to(commands)`, which declares the command and its options and sets `command`, the function that is
called with them and answers the exit code. What a command needs is imported when it is called, not when it is declared:
`imagebatch --help` and a wrong option answer at once.
"""

import json
import os
import signal
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document on standard output. What is no UTF-8 in it, as an argument may be, is escaped."""
    text = json.dumps(document, ensure_ascii=False, indent=2)
    print(text.encode(errors="backslashreplace").decode(), flush=True)


def on_interrupt(handler: Callable[[int, FrameType | None], None]) -> None:
    """What Ctrl-C and SIGTERM do from now on."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Stop in good order; a second signal stops at once, and the local cloud's guardian ends what is left."""
    on_interrupt(exit_now)
    raise KeyboardInterrupt


def exit_now(number: int, frame: FrameType | None) -> None:
    os._exit(EXIT_INTERRUPTED)
