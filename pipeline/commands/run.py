"""`imagebatch run`: the batch state machine on this machine, over a folder or an s3:// prefix."""

import argparse
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from pipeline.commands import EXIT_FAILED, EXIT_USAGE, on_interrupt, stop
from pipeline.run_input import ENGINES


def add_to(commands: Any) -> None:
    run = commands.add_parser(
        "run",
        help="run the batch state machine on this machine, over a folder or an s3:// prefix",
        description="Deploy infra/template.yaml into a local cloud and run the batch state machine over PATH.",
    )
    run.add_argument("source", metavar="PATH", help="a folder of images (with its sub-folders), or s3://bucket/prefix/")
    run.add_argument("--model", type=Path, metavar="DIR", help="a model package: contract.json, labels.txt, model.onnx")
    run.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="results go to DIR/RUN_ID (default: out)"
    )
    run.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help="what runs the model (default: %(default)s)")
    run.add_argument("--top-k", type=_positive, metavar="K", help="labels kept for an image (default: the contract's)")
    run.add_argument(
        "--json", action="store_true", help="print one JSON document, and nothing else, on standard output"
    )
    run.add_argument("-v", "--verbose", action="store_true", help="say more on standard error")
    run.set_defaults(command=_run)


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number


def _run(options: argparse.Namespace) -> int:
    # Imported here: `imagebatch --help` and a wrong option answer at once.
    try:
        from botocore.exceptions import BotoCoreError, ClientError
        from rich.console import Console

        from pipeline.local.deploy import TemplateError
        from pipeline.local.sources import UsageError
        from pipeline.run_local import EXAMPLE_MODEL, RunRequest, run_local
        from pipeline.terminal import LiveRun, report_as_json, show_report
    except ModuleNotFoundError as missing:
        print(
            f"`imagebatch run` needs the local cloud, and {missing.name!r} is not installed: "
            "pip install 'imagebatch[local]'",
            file=sys.stderr,
        )
        return EXIT_USAGE

    # Not before: an exception that is raised while modules load may be swallowed by the import system.
    on_interrupt(stop)
    console = Console(stderr=options.json)
    request = RunRequest(options.source, options.model or EXAMPLE_MODEL, options.out, options.engine, options.top_k)
    live = LiveRun(console)
    try:
        with live.shown():
            report = run_local(request, live.update, live.note if options.verbose else _silent)
    except UsageError as error:
        print(f"imagebatch: {error}", file=sys.stderr)
        return EXIT_USAGE
    except (TemplateError, BotoCoreError, ClientError, OSError) as error:
        # The machine's doing (a full disk) or the template's, not the run's: there is no report to show.
        if options.verbose:
            traceback.print_exc()
        print(f"imagebatch: the run could not be carried out: {error} (-v shows where)", file=sys.stderr)
        return EXIT_FAILED
    try:
        if options.json:
            print(report_as_json(report), flush=True)
        else:
            show_report(console, report)
    except OSError as error:
        # What is still buffered would fail once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"imagebatch: the report could not be printed: {error}. Results: {report.results}", file=sys.stderr)
        return EXIT_FAILED
    return 0 if report.succeeded else EXIT_FAILED


def _silent(sentence: str) -> None:
    """A person who did not ask for detail gets none."""
