"""`imagebatch stop`: a run of a deployed stack, ended before its time, with the jobs that it has under way."""

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED, EXIT_USAGE, arguments, cloud, print_json, status

if TYPE_CHECKING:
    from pipeline.deployed.standing import Standing

_LONGEST_REASON = 1000
_WAIT = 60.0
"""Seconds to wait until jobs have ended. SageMaker gives a job two minutes to do so (StopProcessingJob)."""
_POLL = 1.0


def add_to(commands: Any) -> None:
    stop = commands.add_parser(
        "stop",
        help="stop a run of a deployed stack",
        description="Stop a run, its validation and the jobs that it has under way. What it wrote so far stays, and "
        "`imagebatch resume` goes on from there. The exit code is 1 where the run had ended otherwise before.",
    )
    status.add_run_argument(stop)
    stop.add_argument(
        "--reason", metavar="TEXT", default="stopped from the terminal", help="kept with the execution, as its cause"
    )
    arguments.add_json_option(stop)
    cloud.add_options(stop)
    stop.set_defaults(command=_stop)


def _stop(options: argparse.Namespace) -> int:
    if len(options.reason) > _LONGEST_REASON:
        print(f"imagebatch: --reason: expected at most {_LONGEST_REASON:,} characters", file=sys.stderr)
        return EXIT_USAGE
    return cloud.carry_out(options, lambda deployed: _stop_in(deployed, options))


def _stop_in(deployed: cloud.Cloud, options: argparse.Namespace) -> int:
    from pipeline.deployed import executions, standing, telling

    stepfunctions, sagemaker = deployed.stepfunctions, deployed.client("sagemaker")
    execution = executions.find(stepfunctions, deployed.s3, deployed.deployment, options.run)
    before = execution
    if execution.is_running:
        executions.stop(stepfunctions, execution.arn, options.reason)
        execution = executions.wait_for_end(stepfunctions, execution.arn, _WAIT)
    found = standing.look(stepfunctions, deployed.s3, sagemaker, execution)
    deadline = time.monotonic() + _WAIT
    while before.is_running and any(job.is_under_way for job in found.jobs) and time.monotonic() < deadline:
        time.sleep(_POLL)
        found = standing.look(stepfunctions, deployed.s3, sagemaker, execution)
    # It may have ended by itself between the look at it and the request.
    stopped = before.is_running and execution.status == "ABORTED"
    if options.json:
        print_json({**found.to_json(), "stopped": stopped})
    elif stopped:
        print("\n".join(_told(found, deployed.options)))
    else:
        print(f"There was nothing to stop: {found.run_id or execution.name}. {telling.outcome(execution)}")
    return 0 if execution.status == "ABORTED" else EXIT_FAILED


def _told(found: "Standing", options: str) -> list[str]:
    """What was stopped, what is safe, and how to go on."""
    from pipeline import objects
    from pipeline.runs import keys

    lines = [f"Stopped: {found.run_id or found.execution.name}"]
    ended = [job.name for job in found.jobs if job.status == "Stopped"]
    if ended:
        lines.append(f"Stopped with it: {', '.join(ended)}")
    still = [job.name for job in found.jobs if job.is_under_way]
    if still:
        lines.append(f"Still stopping, which SageMaker gives up to two minutes: {', '.join(still)}")
    if found.pointer is None:
        lines.append("Safe:    nothing was listed or written. The images are as they were.")
    elif found.results:
        lines.append(f"Safe:    the results are complete: {found.results}")
    else:
        where = objects.s3_uri(found.pointer["bucket"], f"{keys.RUNS_PREFIX}{found.pointer['run_id']}/")
        lines.append(f"Safe:    verdicts, shards and predictions so far are in {where}. There are no results.")
    name = found.run_id or found.execution.name
    return [*lines, f"Next:    imagebatch resume {name}{options} goes on where it was"]
