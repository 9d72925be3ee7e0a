"""Write report.html beside the results of a run, and tell of it in the run's message."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline import objects
from pipeline.deployed.executions import console_url, object_console_url
from pipeline.report.gather import gather
from pipeline.report.page import render
from pipeline.runs import keys
from pipeline.runs.run import Run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def make_report(run: Run, s3: "S3Client", stepfunctions: Any) -> bytes:
    """The page, UTF-8, from what the run left in S3 and the history of its execution."""
    return render(gather(run, s3, stepfunctions, console_url(stepfunctions, run.execution_arn))).encode()


def write_report(run: Run, message: Mapping[str, str], s3: "S3Client", stepfunctions: Any) -> dict[str, Any]:
    """Write the report, and answer with `message`, `{"subject", "body"}`, which now says where it is."""
    key = keys.result_key(run.run_id, keys.REPORT)
    objects.put_bytes(s3, run.bucket, key, make_report(run, s3, stepfunctions), "text/html; charset=utf-8")
    where = [objects.s3_uri(run.bucket, key), object_console_url(s3, run.bucket, key)]
    told = "".join(f"  {line}\n" for line in where if line)
    return {"message": {**message, "body": f"{message['body']}\nA report to look through\n{told}"}}
