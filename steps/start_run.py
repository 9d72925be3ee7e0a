"""StartRun: one run of what a person, a schedule or an upload asked for."""

from typing import Any

from pipeline import aws
from pipeline.runs.start import start_run
from pipeline.settings import StartRunSettings

SETTINGS = StartRunSettings.from_env()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`{"execution": {"arn", "name", "started_at"}, "input"}` -> the run's pointer, and whether it was claimed."""
    return start_run(event["input"], event["execution"], SETTINGS, aws.client("s3"))
