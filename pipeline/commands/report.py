"""`imagebatch report`: the report of a run of a deployed stack, made again."""

import argparse
import sys
from pathlib import Path
from typing import Any

from pipeline.commands import EXIT_FAILED, EXIT_USAGE, cloud, status


def add_to(commands: Any) -> None:
    report = commands.add_parser(
        "report",
        help="make the report of a run of a deployed stack again",
        description="Make report.html of what a run left in S3, and of the history of its execution. Pixels are there "
        "for some days and histories for 90: what was deleted since is left out.",
    )
    status.add_run_argument(report)
    report.add_argument(
        "--out", type=Path, metavar="FILE", help="write it to FILE, and not beside the results of the run"
    )
    cloud.add_options(report)
    report.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    return cloud.carry_out(options, lambda deployed: _report_in(deployed, options))


def _report_in(deployed: cloud.Cloud, options: argparse.Namespace) -> int:
    try:
        from pipeline.report.writing import make_report
    except ImportError as error:
        print(f"imagebatch: a report takes {error.name}: pip install 'imagebatch[results]'", file=sys.stderr)
        return EXIT_USAGE
    from botocore.exceptions import ClientError

    from pipeline import objects
    from pipeline.deployed import executions, history
    from pipeline.runs import keys
    from pipeline.runs.run import load_run

    stepfunctions, s3 = deployed.stepfunctions, deployed.s3
    execution = executions.find(stepfunctions, s3, deployed.deployment, options.run)
    pointer = history.find_pointer(stepfunctions, execution.arn)
    if pointer is None:
        print(f"imagebatch: {execution.name} has no run, and so no report: see `imagebatch status`", file=sys.stderr)
        return EXIT_FAILED
    run = load_run(s3, pointer)
    try:
        page = make_report(run, s3, stepfunctions)
    except ClientError as error:
        if not objects.is_missing(error):
            raise
        print(f"imagebatch: the run {run.run_id} has no results to report yet", file=sys.stderr)
        return EXIT_FAILED
    if options.out:
        try:
            options.out.write_bytes(page)
        except OSError as error:
            print(f"imagebatch: --out: {options.out}: {error.strerror}", file=sys.stderr)
            return EXIT_USAGE
        print(options.out)
    else:
        key = keys.result_key(run.run_id, keys.REPORT)
        objects.put_bytes(s3, run.bucket, key, page, "text/html; charset=utf-8")
        print(objects.s3_uri(run.bucket, key))
    return 0
