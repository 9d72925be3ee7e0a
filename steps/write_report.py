"""WriteReport: report.html, for the person who opens it in the morning."""

from typing import Any

from pipeline import aws
from pipeline.report.writing import write_report
from pipeline.runs.run import load_run
from pipeline.settings import WriteReportSettings
from pipeline.telemetry.functions import logged

SETTINGS = WriteReportSettings.from_env()
aws.prepare("s3", "stepfunctions")


@logged
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`{"run", "message"}` -> the message, which says where the report is."""
    s3, stepfunctions = aws.client("s3"), aws.client("stepfunctions")
    run = load_run(s3, event["run"])
    return write_report(run, event["message"], s3, stepfunctions, SETTINGS.certainty_threshold)
