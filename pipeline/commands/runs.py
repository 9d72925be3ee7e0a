"""`imagebatch runs`: the latest runs of a deployed stack, a line each."""

import argparse
from typing import Any

from pipeline.commands import arguments, cloud, print_json

_MOST = 1000
_STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


def add_to(commands: Any) -> None:
    runs = commands.add_parser(
        "runs",
        help="list the latest runs of a deployed stack",
        description="List runs, newest first: what started them, when and for how long, and what they came to. Step "
        "Functions remembers an execution for 90 days.",
    )
    runs.add_argument(
        "--limit", type=_limit, default=20, metavar="N", help="how many, up to 1000 (default: %(default)s)"
    )
    runs.add_argument("--status", type=str.upper, choices=_STATUSES, help="only runs with this status")
    arguments.add_json_option(runs)
    cloud.add_options(runs)
    runs.set_defaults(command=_runs)


def _limit(text: str) -> int:
    return arguments.whole_number(text, _MOST)


def _runs(options: argparse.Namespace) -> int:
    from pipeline.deployed import overview, telling

    def work(deployed: cloud.Cloud) -> int:
        rows = overview.latest_runs(
            deployed.stepfunctions, deployed.s3, deployed.deployment, options.limit, options.status
        )
        if options.json:
            print_json({"runs": [row.to_json() for row in rows]})
        elif rows:
            print(telling.table(rows))
        elif options.status:
            print(f"No run has the status {options.status}.")
        else:
            print(f"There are no runs yet. `imagebatch start{deployed.options}` starts one.")
        return 0

    return cloud.carry_out(options, work)
