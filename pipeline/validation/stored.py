"""Batch results, kept beside the verdicts, so that a run that is resumed validates nothing twice.

    runs/<run_id>/batches/<batch>.json      the batch result, written when everything that it names is written

A batch is called after what it holds. What is kept counts only while it is whole: its verdicts are read, and its shards
are there in the size that they had.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline import names, objects
from pipeline.errors import CorruptVerdicts
from pipeline.runs import keys
from pipeline.runs.listings import read_items
from pipeline.runs.run import Run
from pipeline.validation import verdicts

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)


def validate_once(
    run: Run, bucket: str, items: Sequence[Mapping[str, Any]], s3: "S3Client", validate: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """The batch result of these items: that of an earlier execution of the run, or what `validate` answers now."""
    listed = read_items(items)
    batch = names.batch_id(bucket, ((item.key, item.etag or "") for item in listed), run.contract.digest)
    key = keys.batch_key(run.run_id, batch)
    if run.resumed and (found := _stored(run, key, s3)) is not None:
        logger.info("batch %s: validated before", batch)
        return found
    started = time.perf_counter()
    result = validate()
    # A few of these make a run's bill, and the estimate of the next (pipeline/costs).
    result["work"] = {
        "milliseconds": round((time.perf_counter() - started) * 1000),
        "memory_mb": int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0")),
        "bytes": sum(item.size or 0 for item in listed),
    }
    objects.put_json(s3, run.bucket, key, result)
    return result


def _stored(run: Run, key: str, s3: "S3Client") -> dict[str, Any] | None:
    try:
        result: dict[str, Any] = objects.get_json(s3, run.bucket, key)
        lines = objects.get_lines(s3, run.bucket, result["verdicts"])
        if sum(1 for _ in map(verdicts.from_json, lines)) != result["listed"]:
            return None
        if run.same_model_since and result["skipped"]:
            return None  # what was skipped, the model knew whose files were replaced
        for shard in result["shards"]:
            if "key" in shard and _size(s3, run.bucket, shard["key"]) != shard["bytes"]:
                return None
    except ClientError as error:
        if objects.is_out_of_reach(error):
            return None
        raise
    except (CorruptVerdicts, ValueError, KeyError, TypeError) as error:
        logger.warning("%s is not whole (%r): its images are validated again", key, error)
        return None
    return result


def _size(s3: "S3Client", bucket: str, key: str) -> int:
    return int(s3.head_object(Bucket=bucket, Key=key)["ContentLength"])
