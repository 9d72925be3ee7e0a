"""`imagebatch replay`: run again what an earlier run rejected and somebody has fixed since, here or in AWS."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED, EXIT_USAGE, cloud, local, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.laptop.live_run import LiveRun
    from pipeline.laptop.run_local import RunReport
    from pipeline.runs.replay import Comparison


def add_to(commands: Any) -> None:
    replay = commands.add_parser(
        "replay",
        help="run over those images that an earlier run rejected and that were fixed since",
        description="Look again at the images that RUN rejected, and run over those that were replaced since. "
        "Where none was, there is no run, and that is a success.",
    )
    replay.add_argument("run", metavar="RUN", help="the id of the earlier run: a folder in DIR, or a run of the stack")
    replay.add_argument(
        "--reason",
        action="append",
        default=[],
        metavar="REASON",
        help="only images that were rejected as REASON, such as truncated; may be given more than once",
    )
    where = replay.add_mutually_exclusive_group()
    where.add_argument(
        "--out",
        type=Path,
        default=Path("out"),
        metavar="DIR",
        help="where `imagebatch run` left RUN, and where the new run's results go (default: out)",
    )
    where.add_argument("--stack", metavar="NAME", help="replay a run of this CloudFormation stack, in AWS")
    replay.add_argument("--profile", metavar="NAME", help="with --stack: the AWS profile")
    replay.add_argument("--region", metavar="NAME", help="with --stack: the AWS region")
    cloud.add_local_option(replay)
    local.add_output_options(replay)
    replay.set_defaults(command=_replay)


def _replay(options: argparse.Namespace) -> int:
    if options.stack or options.local is not None:
        return cloud.carry_out(options, lambda deployed: _replay_deployed(options, deployed))
    if options.profile or options.region:
        print("imagebatch: --profile and --region go with --stack, which names what is deployed there", file=sys.stderr)
        return EXIT_USAGE
    return _replay_here(options) if local.is_installed("replay") else EXIT_USAGE


def _replay_here(options: argparse.Namespace) -> int:
    from pipeline.local import forks

    forks.prepare()
    from pipeline.laptop.replay_local import LocalRun, find_run, replay_local
    from pipeline.laptop.terminal import report_document, show_report
    from pipeline.runs.replay import told

    def work(live: "LiveRun") -> tuple[LocalRun, "Comparison", "RunReport | None"]:
        run = find_run(options.out, options.run)
        return (run, *replay_local(run, options.reason, live))

    def show(console: "Console", result: tuple[LocalRun, "Comparison", "RunReport | None"]) -> int:
        run, comparison, report = result
        if options.json:
            document = report and report_document(report)
            print_json({"replays": run.run_id, **comparison.to_json(), "run": document})
        else:
            sentence = told(run.run_id, run.rejections, comparison)
            console.print(sentence, highlight=False, markup=False, soft_wrap=True)
            if report:
                show_report(console, report)
        return 0 if report is None or report.succeeded else EXIT_FAILED

    return local.carry_out(options, work, show)


def _replay_deployed(options: argparse.Namespace, deployed: cloud.Cloud) -> int:
    from pipeline.deployed.executions import console_url
    from pipeline.deployed.replay import find_rejections, start_replay
    from pipeline.runs.replay import choose, compare, told

    deployment, s3, stepfunctions = deployed.deployment, deployed.s3, deployed.stepfunctions
    run, rejections = find_rejections(s3, deployment.bucket, options.run)
    comparison = compare(choose(rejections, options.reason), s3, _tell)
    started = start_replay(deployment, run, comparison, s3, stepfunctions) if comparison.fixed else None
    console = started and console_url(stepfunctions, started.execution)
    if options.json:
        where = {"execution": started and started.execution, "console": console}
        print_json({"replays": run.run_id, **comparison.to_json(), **where})
        return 0
    print(told(run.run_id, rejections, comparison))
    if started:
        print(f"{'Started' if started.is_new else 'Started before'}: {started.execution}")
        if console:
            print(console)
    return 0


def _tell(done: int, total: int) -> None:
    """How far looking at the rejected images has come: in place on a terminal, elsewhere that it has begun."""
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{done:,} of {total:,} rejected images looked at", end=end, file=sys.stderr, flush=True)
    elif not done:
        print(f"Looking at {total:,} rejected images", file=sys.stderr)
