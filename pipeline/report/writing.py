"""Write report.html beside the results of a run, and tell of it in the run's message."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import objects
from pipeline.deployed.executions import console_url, object_console_url
from pipeline.report.gather import gather
from pipeline.report.page import render
from pipeline.results import message_forms
from pipeline.runs import keys
from pipeline.runs.files import CopiedFiles, StoredFiles
from pipeline.runs.run import Run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def make_report(run: Run, s3: "S3Client", stepfunctions: Any, threshold: float | None = None) -> bytes:
    """The page, UTF-8, from what the run left in S3 and the history of its execution.

    `threshold` is the score from which on an answer counts as certain; that of the report before, where there is none.
    Raises FileNotFoundError where the run left no results.
    """
    files = StoredFiles(s3, run.bucket, run.run_id)
    console = console_url(stepfunctions, run.execution_arn)
    with _without_collections():
        return render(gather(files, stepfunctions, console, threshold)).encode()


def make_report_of(folder: Path) -> bytes:
    """The page of what lies in a folder. Raises FileNotFoundError where that has no results of a run."""
    with _without_collections():
        return render(gather(CopiedFiles(folder))).encode()


@contextmanager
def _without_collections() -> Iterator[None]:
    """A page is made of some hundred thousand objects, and hardly any in circles. The garbage collector went through
    them again and again, for a quarter of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def write_report(
    run: Run, message: Mapping[str, str], s3: "S3Client", stepfunctions: Any, threshold: float
) -> dict[str, Any]:
    """Write the report, and answer with `message` (results/message_forms.py), which now says where it is."""
    key = keys.result_key(run.run_id, keys.REPORT)
    objects.put_bytes(s3, run.bucket, key, make_report(run, s3, stepfunctions, threshold), "text/html; charset=utf-8")
    uri, page = objects.s3_uri(run.bucket, key), object_console_url(s3, run.bucket, key)
    return {"message": message_forms.with_report(message, uri, page)}
