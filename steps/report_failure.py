"""ReportFailure: what failed, what is safe, and how to go on."""

from typing import Any

from pipeline import aws
from pipeline.results import causes
from pipeline.results.failures import root_error
from pipeline.results.messages import run_failed


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`{"execution", "state", "error": {"Error", "Cause"}}` -> the message, and the error for the Fail state."""
    error = root_error(event["error"], event["execution"]["arn"], aws.client("stepfunctions"))
    return {
        "message": run_failed(event["execution"], event["state"], error),
        "error": error.get("Error", ""),
        # What a Lambda raised comes as JSON with a stack trace; whoever opens the execution reads a sentence.
        "cause": causes.readable(error.get("Cause")),
    }
