"""ValidateBatch, ValidateImage and CondemnImage: verdicts and shards for a batch of listed objects."""

import os
from typing import Any

from pipeline import aws
from pipeline.images import decoders
from pipeline.runs.run import load_own_run
from pipeline.telemetry.functions import logged
from pipeline.telemetry.throughput import measure_batch
from pipeline.validation.batch import validate_batch
from pipeline.validation.stored import validate_once

decoders.install(os.environ.get("DECODERS", ""))
aws.prepare("s3")


@logged
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`{"run": {"bucket", "key"}, "bucket", "items", "condemn"?}` -> a batch result (validation/batches.py)."""
    s3 = aws.object_reader()
    run, bucket, items = load_own_run(s3, event["run"]), event["bucket"], event["items"]
    dynamodb = aws.client("dynamodb") if run.ledger else None
    if condemned := event.get("condemn"):
        return validate_batch(run, bucket, items, s3, condemned)

    def validate() -> dict[str, Any]:
        return measure_batch(run.run_id, lambda: validate_batch(run, bucket, items, s3, dynamodb=dynamodb))

    return validate_once(run, bucket, items, s3, validate)
