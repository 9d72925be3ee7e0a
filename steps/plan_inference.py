"""PlanInference: jobs for what validation accepted."""

from typing import Any

from pipeline import aws
from pipeline.runs.planning import plan_inference
from pipeline.runs.run import load_own_run
from pipeline.settings import PlanInferenceSettings
from pipeline.telemetry.functions import logged

SETTINGS = PlanInferenceSettings.from_env()
aws.prepare("s3", "stepfunctions", "service-quotas")


@logged
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`{"run", "validated": [{"MapRunArn", "ResultWriterDetails"}, ...]}` -> the plan, without its shards."""
    s3 = aws.client("s3")
    run, services = load_own_run(s3, event["run"]), (aws.client("stepfunctions"), aws.client("service-quotas"))
    plan = plan_inference(run, event["validated"], SETTINGS, s3, *services)
    return {**plan, "network": SETTINGS.network.config(isolated=True)}
