"""StartRun: one run of what a person, a schedule or an upload asked for."""

from typing import Any

from pipeline import aws
from pipeline.runs import resuming
from pipeline.runs.start import start_run
from pipeline.settings import StartRunSettings
from pipeline.telemetry.functions import logged

SETTINGS = StartRunSettings.from_env()
aws.prepare("s3")


@logged
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`{"execution": {"arn", "name", "started_at"}, "input"}` -> the run's pointer, and whether it was claimed."""
    given, execution, s3 = event["input"], event["execution"], aws.client("s3")
    if resuming.is_resumption(given):
        return resuming.resume(given, execution, SETTINGS, s3, aws.client("stepfunctions"))
    return start_run(given, execution, SETTINGS, s3)
