"""ReportFailure: what failed, what is safe, and how to go on."""

from typing import Any

from pipeline.messages import run_failed


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`{"execution", "state", "error": {"Error", "Cause"}}` -> the message, and the error again for the Fail state."""
    error = event["error"]
    return {
        "message": run_failed(event["execution"], event["state"], error),
        "error": error.get("Error", ""),
        "cause": error.get("Cause", ""),
    }
