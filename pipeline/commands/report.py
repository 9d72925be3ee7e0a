"""`imagebatch report`: the report of a run, made again: of a deployed stack, or of a folder of results."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED, EXIT_USAGE, cloud

if TYPE_CHECKING:
    from pipeline.runs.run import Run

# What is raised of results that no run wrote, or that are broken; pyarrow's ArrowInvalid is a ValueError.
_UNREADABLE = (ValueError, KeyError, TypeError)


def add_to(commands: Any) -> None:
    report = commands.add_parser(
        "report",
        help="make the report of a run again",
        description="Make report.html of what a run left: of a deployed stack, in S3 and in the history of its "
        "execution; or in a folder, as `imagebatch run` leaves it. Pixels are there for some days and histories for "
        "90: what was deleted since is taken from the report that is there, or else left out.",
    )
    report.add_argument(
        "run",
        nargs="?",
        metavar="RUN|FOLDER",
        help="a run id, or the name or ARN of an execution (default: the latest run); or a folder with the results "
        "of a run",
    )
    report.add_argument("--out", type=Path, metavar="FILE", help="write it to FILE, and not beside the results")
    cloud.add_options(report)
    report.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    try:
        import pipeline.report.writing  # noqa: F401
    except ImportError as error:
        print(f"imagebatch: a report takes {error.name}: pip install 'imagebatch[results]'", file=sys.stderr)
        return EXIT_USAGE
    if options.run and (Path(options.run).is_dir() or _is_path(options.run)):
        return _report_of_folder(Path(options.run), options.out)
    return cloud.carry_out(options, lambda deployed: _report_in(deployed, options))


def _is_path(name: str) -> bool:
    """Whether this cannot be the name of a run or of an execution."""
    return "/" in name and not name.startswith("arn:")


def _report_of_folder(folder: Path, out: Path | None) -> int:
    from pipeline.report.writing import make_report_of
    from pipeline.runs.keys import REPORT

    if not folder.is_dir():
        print(f"imagebatch: there is no folder {folder}; give one with results, or a run id", file=sys.stderr)
        return EXIT_USAGE
    try:
        page = make_report_of(folder)
    except FileNotFoundError as error:
        print(f"imagebatch: {folder} has no results of a run to report: {error.filename} is missing", file=sys.stderr)
        return EXIT_USAGE
    except (OSError, *_UNREADABLE) as error:
        return _does_not_read(f"the results in {folder}", error)
    return _write(page, out or folder / REPORT)


def _report_in(deployed: cloud.Cloud, options: argparse.Namespace) -> int:
    from pipeline import objects
    from pipeline.report.writing import make_report
    from pipeline.runs import keys

    run = _find_run(deployed, options.run)
    if run is None:
        return EXIT_FAILED
    try:
        page = make_report(run, deployed.s3, deployed.stepfunctions)
    except FileNotFoundError:
        print(f"imagebatch: the run {run.run_id} has no results to report: see `imagebatch status`", file=sys.stderr)
        return EXIT_FAILED
    except _UNREADABLE as error:
        return _does_not_read(f"the results of {run.run_id}", error)
    if options.out:
        return _write(page, options.out)
    key = keys.result_key(run.run_id, keys.REPORT)
    objects.put_bytes(deployed.s3, run.bucket, key, page, "text/html; charset=utf-8")
    print(objects.s3_uri(run.bucket, key))
    return 0


def _find_run(deployed: cloud.Cloud, name: str | None) -> "Run | None":
    """The run of that name, also where Step Functions has forgotten its execution; None, told, of what has no run."""
    from botocore.exceptions import ClientError

    from pipeline import objects
    from pipeline.deployed import executions, history
    from pipeline.runs.keys import run_key
    from pipeline.runs.run import load_run

    stepfunctions, s3, bucket = deployed.stepfunctions, deployed.s3, deployed.deployment.bucket
    if name is not None and not name.startswith("arn:"):
        try:
            return load_run(s3, {"bucket": bucket, "key": run_key(name)})
        except ClientError as error:
            if not objects.is_missing(error):
                raise
    execution = executions.find(stepfunctions, s3, deployed.deployment, name)
    pointer = history.find_pointer(stepfunctions, execution.arn)
    if pointer is None:
        print(f"imagebatch: {execution.name} has no run, and so no report: see `imagebatch status`", file=sys.stderr)
        return None
    return load_run(s3, pointer)


def _does_not_read(results: str, error: Exception) -> int:
    missing = f"there is no {error}" if isinstance(error, KeyError) else error
    print(f"imagebatch: {results} do not read: {missing}", file=sys.stderr)
    return EXIT_FAILED


def _write(page: bytes, path: Path) -> int:
    try:
        path.write_bytes(page)
    except OSError as error:
        print(f"imagebatch: {path}: {error.strerror}", file=sys.stderr)
        return EXIT_USAGE
    print(path)
    return 0
