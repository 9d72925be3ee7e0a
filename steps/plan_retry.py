"""PlanRetry: one more transform job for those shards of a partition that the first left without predictions."""

from typing import Any

from pipeline import aws
from pipeline.runs.retrying import plan_retry
from pipeline.settings import PlanRetrySettings
from pipeline.telemetry.functions import logged

SETTINGS = PlanRetrySettings.from_env()
aws.prepare("s3")


@logged
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`{"run", "partition"}` -> the partition, with the shards that are missing."""
    return plan_retry(event["run"], event["partition"], SETTINGS, aws.client("s3"))
