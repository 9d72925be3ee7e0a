"""`imagebatch watch`: a run of a deployed stack, followed to its end."""

import argparse
from typing import Any

from pipeline.commands import cloud, status


def add_to(commands: Any) -> None:
    watch = commands.add_parser(
        "watch",
        help="follow a run of a deployed stack to its end",
        description="Follow a run until it ends, and tell how it stands then. The exit code is 0 when it succeeded and "
        "1 when not. Ctrl-C stops the watching, not the run.",
    )
    status.add_run_argument(watch)
    watch.add_argument("--json", action="store_true", help="print one JSON document when the run has ended")
    cloud.add_options(watch)
    watch.set_defaults(command=_watch)


def _watch(options: argparse.Namespace) -> int:
    from pipeline.deployed import executions

    def work(deployed: cloud.Cloud) -> int:
        found = executions.find(deployed.stepfunctions, deployed.s3, deployed.deployment, options.run)
        return to_its_end(deployed, found, options.run or found.name, as_json=options.json)

    return cloud.carry_out(options, work)


def to_its_end(deployed: cloud.Cloud, execution: Any, name: str, *, as_json: bool) -> int:
    """Follow an execution, tell what became of it, and answer the exit code that says the same."""
    from pipeline.commands.follow import follow
    from pipeline.deployed import telling

    ended = follow(deployed, execution, name) if execution.is_running else execution
    if isinstance(ended, int):
        return ended
    if not as_json:
        print(telling.outcome(ended))
    status.show(deployed, ended, as_json=as_json)
    return status.exit_code(ended)
