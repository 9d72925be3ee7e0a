"""ReportFailure: what failed, what is safe, and how to go on. A rule calls it when an execution has not succeeded."""

from typing import Any

from pipeline import aws
from pipeline.results.announcing import report_failure
from pipeline.settings import ReportFailureSettings
from pipeline.telemetry.functions import logged

SETTINGS = ReportFailureSettings.from_env()
aws.prepare("s3", "stepfunctions", "sns")


@logged
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A "Step Functions Execution Status Change" event -> whether this call published the message about it."""
    s3, stepfunctions, sns = aws.client("s3"), aws.client("stepfunctions"), aws.client("sns")
    return report_failure(event["detail"], context.aws_request_id, SETTINGS, s3, stepfunctions, sns)
