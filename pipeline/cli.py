"""`imagebatch`: the command line. Each command is a module of pipeline/commands.

Exit code 0 when the command did what it says (rejected images included), 1 when it failed, 2 for wrong usage, 130 after
Ctrl-C.
"""

import argparse
import atexit
import contextlib
import gc
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from pipeline.commands import EXIT_FAILED
from pipeline.interrupts import EXIT_INTERRUPTED, exit_now, on_interrupt

# When the garbage collector looks, by how many objects are new. Modules and botocore's models are many objects that
# stay: by Python's own thresholds it went through all of them again and again, for two fifths of a small run's time.
_COLLECTION = (500_000, 4, 20)


def process() -> NoReturn:
    """The whole process `imagebatch`: `main`, and a garbage collector that keeps out of the way.

    It ends as an interpreter does, but for taking every module and object apart: the process's memory ends with it.
    """
    gc.set_threshold(*_COLLECTION)
    if not _signs_in_by_awscrt():
        # Read when botocore is loaded. awscrt calls Python back while it signs a request, and what a signal raises
        # there is lost, or becomes an error of its own: Ctrl-C was not heard.
        os.environ.setdefault("BOTO_DISABLE_CRT", "true")
    code = main()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        # One that is closed, or that never was one, was told of when something was written.
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    os._exit(code)


def _signs_in_by_awscrt() -> bool:
    """Whether the user has credentials of `aws login`, which botocore has no other way to."""
    try:
        config = Path(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()
        return b"login_session" in config.read_bytes()
    except (OSError, RuntimeError):  # there is none, or no home
        return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse `arguments` (the process's own by default), do what they say, and return the exit code."""
    on_interrupt(exit_now)
    try:
        options = parser().parse_args(arguments)
        code: int = options.command(options)
        if sys.stdout is not None:  # as it is where its descriptor was closed before the process began
            sys.stdout.flush()
        # Nothing is left to stop in good order, only an interpreter that ends.
        on_interrupt(exit_now)
    except KeyboardInterrupt:
        print("\nStopped: the run was ended and nothing is left running.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Who reads has read enough, as `| head` has. What is still buffered would fail once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    return code


def parser() -> argparse.ArgumentParser:
    """Every command and option there is."""
    # Imported here: whoever presses Ctrl-C while it loads sees no traceback.
    from pipeline.commands import (
        contract,
        deploy,
        destroy,
        doctor,
        lookup,
        model,
        plan,
        predict,
        prices,
        replay,
        report,
        resume,
        run,
        runs,
        serve,
        show,
        start,
        status,
        stop,
        up,
        watch,
    )

    parser = argparse.ArgumentParser(
        prog="imagebatch", description="Predictions for every image in a bucket or a folder, through one state machine."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    run.add_to(commands)
    up.add_to(commands)
    deploy.add_to(commands)
    destroy.add_to(commands)
    plan.add_to(commands)
    prices.add_to(commands)
    for command in (start, status, watch, stop, resume, runs, report):
        command.add_to(commands)
    show.add_to(commands)
    lookup.add_to(commands)
    replay.add_to(commands)
    contract.add_to(commands)
    model.add_to(commands)
    for command in (serve, predict):
        command.add_to(commands)
    doctor.add_to(commands)
    return parser


if __name__ == "__main__":
    process()
