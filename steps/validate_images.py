"""ValidateBatch, ValidateImage and CondemnImage: verdicts and shards for a batch of listed objects."""

import os
from typing import Any

from pipeline import aws
from pipeline.images import decoders
from pipeline.runs.run import load_run
from pipeline.validation.batch import validate_batch

decoders.install(os.environ.get("DECODERS", ""))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`{"run": {"bucket", "key"}, "bucket", "items", "condemn"?}` -> a batch result (validation/batches.py)."""
    s3 = aws.object_reader()
    return validate_batch(load_run(s3, event["run"]), event["bucket"], event["items"], s3, event.get("condemn"))
