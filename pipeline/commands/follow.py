"""A run watched to its end, whatever it runs in: redrawn in place on a terminal, lines elsewhere.

Watching changes nothing. Ctrl-C ends the watching, and the run goes on.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pipeline.commands.cloud import Cloud
from pipeline.interrupts import EXIT_INTERRUPTED, interrupt, on_interrupt

if TYPE_CHECKING:
    from pipeline.deployed.executions import Execution
    from pipeline.deployed.progress import Progress

Show = Callable[["Progress"], None]

_SHORTEST_POLL, _LONGEST_POLL, _SLOWING = 0.2, 5.0, 0.02
"""Seconds between two looks, and how they grow with the run: a short run's end is seen at once, a long one costs no
more than a few requests in five seconds."""

_PATIENCE = 120.0
"""Seconds without any answer before watching is given up: networks and laptops nap."""


def follow(cloud: Cloud, execution: "Execution", name: str) -> "Execution | int":
    """Watch an execution until it has ended; as it is then, or the exit code where somebody presses Ctrl-C.

    `name` is what the run is called in what is said about it.
    """
    on_interrupt(interrupt)
    try:
        with _shown() as show:
            return _until_ended(cloud, execution, show)
    except KeyboardInterrupt:
        print(
            f"\nStopped watching; the run goes on. `imagebatch watch {name}{cloud.options}` takes it up again, "
            f"`imagebatch stop {name}{cloud.options}` ends the run.",
            file=sys.stderr,
        )
        return EXIT_INTERRUPTED


def _until_ended(cloud: Cloud, execution: "Execution", show: Show) -> "Execution":
    from botocore.exceptions import ConnectionError as CannotConnectError
    from botocore.exceptions import HTTPClientError

    from pipeline.deployed import executions
    from pipeline.deployed.progress import RunWatcher

    watcher = RunWatcher(cloud.stepfunctions, cloud.s3, execution.arn)
    started = answered = time.monotonic()
    while True:
        try:
            # Described first: what has ended by then is shown as it ended.
            execution = executions.describe(cloud.stepfunctions, execution.arn)
            show(watcher.poll())
            answered = time.monotonic()
        except (CannotConnectError, HTTPClientError):
            if time.monotonic() - answered > _PATIENCE:
                raise
        if not execution.is_running:
            return execution
        time.sleep(min(_LONGEST_POLL, _SHORTEST_POLL + _SLOWING * (time.monotonic() - started)))


@contextmanager
def _shown() -> Iterator[Show]:
    """What is called with each look. Progress is told on standard error: standard output has the outcome alone."""
    if sys.stderr.isatty() and find_spec("rich") is not None:
        from rich.console import Console

        from pipeline.laptop.live_run import LiveRun

        with LiveRun(Console(stderr=True)).shown("looking at the run") as live:
            yield live.update
    else:
        from pipeline.deployed.live_lines import LiveLines

        yield LiveLines(lambda line: print(line, file=sys.stderr, flush=True)).update
