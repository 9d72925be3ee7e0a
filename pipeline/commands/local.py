"""What the commands that run the state machine on this machine have in common: options, errors, a report."""

import argparse
import os
import sqlite3
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.commands import EXIT_FAILED, EXIT_USAGE, arguments
from pipeline.interrupts import interrupt, on_interrupt

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.laptop.live_run import LiveRun

T = TypeVar("T")
_NEEDED = ("boto3", "moto", "pyarrow", "rich", "samtranslator")


def add_output_options(command: Any) -> None:
    arguments.add_json_option(command)
    arguments.add_verbose_option(command)


def is_installed(command: str) -> bool:
    """Whether the local cloud is there; where it is not, this says how to get it."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        print(
            f"`imagebatch {command}` needs the local cloud, and {missing[0]!r} is not installed: "
            "pip install 'imagebatch[local]'",
            file=sys.stderr,
        )
    return not missing


def load_botocore_without_awscrt() -> None:
    """Load botocore as AWS's runtime of functions has it: beside awscrt it would take 40 ms longer, a fiftieth of a run
    of a few photos.

    Not for who calls AWS: the credentials of `aws login` are signed by awscrt, and by nothing else.
    """
    if "awscrt" in sys.modules:
        return
    sys.modules["awscrt"] = None  # type: ignore[assignment]
    try:
        import_module("botocore.compat")  # which finds out for all of botocore
    finally:
        del sys.modules["awscrt"]


def carry_out(
    options: argparse.Namespace,
    work: Callable[["LiveRun"], T],
    show: Callable[["Console", T], int],
) -> int:
    """Do `work` under a live line, then `show` what it came to, which answers the exit code."""
    from botocore.exceptions import BotoCoreError, ClientError
    from rich.console import Console

    from pipeline.errors import InvalidReplay, UnknownRun
    from pipeline.laptop.live_run import LiveRun
    from pipeline.local.deploy import ParameterError, TemplateError
    from pipeline.local.faults import FaultPlanError
    from pipeline.local.sources import UsageError

    # Not before: what is raised while modules load may be swallowed by the import system.
    on_interrupt(interrupt)
    console = Console(stderr=options.json)
    live = LiveRun(console, verbose=options.verbose)
    try:
        with live.shown():
            result = work(live)
    except (UsageError, ParameterError, FaultPlanError, InvalidReplay, UnknownRun) as error:
        print(f"imagebatch: {error}", file=sys.stderr)
        return EXIT_USAGE
    except (TemplateError, BotoCoreError, ClientError, OSError, sqlite3.OperationalError) as error:
        # The machine's doing (a full disk) or the template's, not the run's: there is no report to show.
        if options.verbose:
            traceback.print_exc()
        print(f"imagebatch: the run could not be carried out: {error} (-v shows where)", file=sys.stderr)
        return EXIT_FAILED
    try:
        return show(console, result)
    except OSError as error:
        # What is still buffered would fail once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(
            f"imagebatch: the report could not be printed: {error}. Results are in {str(options.out)!r}",
            file=sys.stderr,
        )
        return EXIT_FAILED
