"""`imagebatch start`: a run of a deployed stack, begun from a terminal."""

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED, EXIT_USAGE, arguments, cloud, print_json, watch
from pipeline.runs.run_input import ENGINES

if TYPE_CHECKING:
    from pipeline.deployed.executions import Execution, Started

_WAIT = 90.0
"""Seconds in which StartRun answers, or never will: its function may take a minute, and be tried again."""

_EXECUTION_NAME = re.compile(r"[0-9A-Za-z_-]{1,80}")  # CreateStateMachine, "name": what CloudWatch Logs takes, too
_EXPECTED = 'expected a JSON object such as {} or {"prefixes": ["incoming/"]}'
_WRONG_INPUT = {"InvalidRunInput", "UnknownModel"}


def add_to(commands: Any) -> None:
    start = commands.add_parser(
        "start",
        help="start a run of a deployed stack",
        description="Start the stack's state machine, and wait until it has said which run this is, or what is wrong "
        "with the input. Options come before what --input says.",
    )
    start.add_argument(
        "prefixes",
        nargs="*",
        metavar="PREFIX",
        help="what to run over: prefixes of the images bucket, or s3://bucket/prefix/ (default: the stack's own)",
    )
    start.add_argument(
        "--input", metavar="JSON", help="the execution's input: JSON, @FILE, or - for standard input (default: {})"
    )
    start.add_argument("--name", metavar="NAME", help="what the run id calls the run")
    start.add_argument("--model", metavar="NAME", help="a model package of the results bucket")
    start.add_argument("--engine", choices=ENGINES, help="what runs the model")
    start.add_argument("--top-k", type=arguments.top_k, metavar="K", help="labels kept for an image")
    arguments.add_limit_option(start)
    arguments.add_max_cost_option(start)
    start.add_argument(
        "--reprocess",
        action="store_true",
        help="predict also what the stack's ledger knows, and what has not changed since",
    )
    start.add_argument(
        "--execution",
        type=_execution_name,
        metavar="NAME",
        help="what the execution is called: started twice under one name, with the same input, it is one run. Without "
        "a name, each start is a run of its own",
    )
    start.add_argument("--wait", action="store_true", help="follow the run to its end, as `imagebatch watch` does")
    arguments.add_json_option(start)
    cloud.add_options(start)
    start.set_defaults(command=_start)


def _execution_name(text: str) -> str:
    if not _EXECUTION_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name of up to 80 letters, digits, hyphens and underscores")
    return text


def _start(options: argparse.Namespace) -> int:
    try:
        document = given_input(options)
    except (ValueError, OSError) as error:
        print(f"imagebatch: --input: {error}", file=sys.stderr)
        return EXIT_USAGE
    return cloud.carry_out(options, lambda deployed: _start_in(deployed, document, options))


def given_input(options: argparse.Namespace) -> dict[str, Any]:
    """The execution's input. What is wrong with its fields is for the state machine to say.

    Raises ValueError for what is no JSON object, OSError for a file that cannot be read.
    """
    document = _parsed(_text(options.input)) if options.input is not None else {}
    if options.prefixes:
        document["prefixes"] = options.prefixes
    for field in ("name", "model", "engine", "top_k"):
        if getattr(options, field) is not None:
            document[field] = getattr(options, field)
    if options.max_cost is not None:
        document["max_cost_usd"] = options.max_cost
    if options.reprocess:
        document["reprocess"] = True
    if options.limit:
        limits = document.get("limits", {})
        if not isinstance(limits, dict):
            raise ValueError(f'expected limits to be an object such as {{"max_pixels": 100000000}}, got {limits!r}')
        document["limits"] = limits | arguments.merged(options.limit)
    return document


def _text(given: str) -> str:
    if given == "-":
        return sys.stdin.read()
    return Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given


def _parsed(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"{_EXPECTED}: {error}") from error
    if isinstance(document, dict):
        return document
    raise ValueError(f"{_EXPECTED}, got {text[:100]!r}")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _start_in(deployed: cloud.Cloud, document: dict[str, Any], options: argparse.Namespace) -> int:
    from pipeline.deployed import executions

    deployment, stepfunctions = deployed.deployment, deployed.stepfunctions
    try:
        started = executions.start(stepfunctions, deployment, document, options.execution)
    except ValueError as error:
        print(f"imagebatch: --execution: {error}. Choose another name.", file=sys.stderr)
        return EXIT_USAGE
    if not options.json:
        print(f"{'Started' if started.is_new else 'Started before'}: {started.execution}", flush=True)
    pointer, execution = executions.wait_for_run(stepfunctions, started.execution, _WAIT)
    if options.wait:
        name = str(pointer["run_id"]) if pointer else execution.name
        return watch.to_its_end(deployed, execution, name, as_json=options.json)
    if options.json:
        print_json(_document(deployed, started, execution, pointer))
    else:
        _tell(deployed, execution, pointer)
    return _exit_code(execution, pointer)


def _document(
    deployed: cloud.Cloud, started: "Started", execution: "Execution", pointer: Mapping[str, Any] | None
) -> dict[str, Any]:
    from pipeline.deployed.executions import console_url
    from pipeline.results import causes

    return {
        "run_id": pointer["run_id"] if pointer else None,
        "execution": execution.arn,
        "console": console_url(deployed.stepfunctions, execution.arn),
        "status": execution.status,
        "is_new": started.is_new,
        "claimed": pointer.get("claimed", True) if pointer else None,
        "note": pointer.get("note") or None if pointer else None,
        "error": execution.error,
        "cause": causes.readable(execution.cause) or None,
    }


def _tell(deployed: cloud.Cloud, execution: "Execution", pointer: Mapping[str, Any] | None) -> None:
    from pipeline.deployed import telling
    from pipeline.deployed.executions import console_url
    from pipeline.deployed.history import is_claimed
    from pipeline.results import causes

    if pointer:
        print(f"Run:     {pointer['run_id']}")
        if not is_claimed(pointer):
            print(f"         {telling.note(pointer)}")
    elif not execution.is_running:
        print(f"imagebatch: {execution.error}: {causes.readable(execution.cause)}", file=sys.stderr)
    else:
        print(f"StartRun has not answered within {_WAIT:.0f} seconds; the execution goes on.")
    console = console_url(deployed.stepfunctions, execution.arn)
    if console:
        print(f"Console: {console}")
    if pointer or execution.is_running:
        name = pointer["run_id"] if pointer else execution.name
        print(f"Watch:   imagebatch watch {name}{deployed.options}")


def _exit_code(execution: "Execution", pointer: Mapping[str, Any] | None) -> int:
    """0 where there is a run; 2 where its input is wrong; 1 where it failed of anything else."""
    if pointer or execution.is_running:
        return 0
    return EXIT_USAGE if execution.error in _WRONG_INPUT else EXIT_FAILED
