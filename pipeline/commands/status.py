"""`imagebatch status`: how a run of a deployed stack stands."""

import argparse
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED, arguments, cloud, print_json

if TYPE_CHECKING:
    from pipeline.deployed.executions import Execution


def add_to(commands: Any) -> None:
    status = commands.add_parser(
        "status",
        help="tell how a run of a deployed stack stands",
        description="Tell where a run has come to: states, counts of images, batches and shards, jobs, and what it "
        "failed of. The exit code is 0 whatever became of the run.",
    )
    add_run_argument(status)
    arguments.add_json_option(status)
    cloud.add_options(status)
    status.set_defaults(command=_status)


def add_run_argument(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "run",
        nargs="?",
        metavar="RUN",
        help="a run id, or the name or ARN of an execution (default: the latest run)",
    )


def _status(options: argparse.Namespace) -> int:
    from pipeline.deployed import executions

    def work(deployed: cloud.Cloud) -> int:
        found = executions.find(deployed.stepfunctions, deployed.s3, deployed.deployment, options.run)
        show(deployed, found, as_json=options.json)
        return 0

    return cloud.carry_out(options, work)


def show(deployed: cloud.Cloud, execution: "Execution", *, as_json: bool) -> None:
    """Print how an execution stands."""
    from pipeline.deployed import standing, telling
    from pipeline.deployed.executions import console_url

    found = standing.look(deployed.stepfunctions, deployed.s3, deployed.client("sagemaker"), execution)
    console = console_url(deployed.stepfunctions, execution.arn)
    if as_json:
        print_json({**found.to_json(), "console": console})
        return
    print(telling.standing(found))
    if console:
        print(f"{'console':<11}{console}")


def exit_code(execution: "Execution") -> int:
    """What became of the run, for a script."""
    return 0 if execution.succeeded else EXIT_FAILED
