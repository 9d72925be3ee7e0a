"""What became of a shard: the predictions that its job has stored, which are checked, or why there are none."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import aws, objects
from pipeline.contract import Task
from pipeline.errors import CorruptPredictions
from pipeline.inference import arrays
from pipeline.inference.predictions import ShardFailure
from pipeline.objects import ListedObject
from pipeline.results import causes
from pipeline.results.predicted import Predicted
from pipeline.runs import keys
from pipeline.runs.run import Run
from pipeline.validation.batches import BatchShard

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class StoredPredictions:
    """The predictions of a shard, as its job stored them."""

    predictions: Predicted
    stored_at: datetime


def fetch_shard(
    s3: "S3Client",
    run: Run,
    shard: BatchShard,
    predictions: str,
    written: Mapping[str, ListedObject],
    ended: Mapping[str, Any],
) -> Callable[[], StoredPredictions | ShardFailure]:
    """Fetch what the job of a shard stored. What is answered reads it: the predictions at the key `predictions`, whose
    array is then among the results; or why there are none, as the job recorded it, or else as the job ended.

    Fetching waits for S3, and is for many threads. Reading takes the interpreter, and is for one: eight that did both
    were in each other's way, which was a third of the processor time of an image.
    """
    failure = keys.failed_shard_key(run.run_id, shard.partition, shard.id)
    if predictions in written:
        lines = objects.get_bytes(s3, run.bucket, predictions)
        read = partial(_read, s3, run, shard, predictions, lines, written)
        # S3 copies an array for each shard: that is waiting, too.
        return read if run.contract.task is not Task.RAW else _constantly(read())
    if failure in written:
        return partial(_read_failure, shard, objects.get_bytes(s3, run.bucket, failure))
    return partial(failure_of_job, shard, ended)


def _constantly(ended: StoredPredictions | ShardFailure) -> Callable[[], StoredPredictions | ShardFailure]:
    return lambda: ended


def _read(
    s3: "S3Client", run: Run, shard: BatchShard, key: str, lines: bytes, written: Mapping[str, ListedObject]
) -> StoredPredictions | ShardFailure:
    try:
        stored = StoredPredictions(Predicted.parse(lines), written[key].stored_at)
        _check_origin(run, shard, key, stored.predictions)
        if run.contract.task is Task.RAW:
            _keep_array(s3, run, shard, stored.predictions, written)
    except CorruptPredictions as error:
        return ShardFailure(shard.id, type(error).__name__, str(error))
    return stored


def _read_failure(shard: BatchShard, document: bytes) -> ShardFailure:
    try:
        return ShardFailure.from_json(document)
    except CorruptPredictions as error:
        return ShardFailure(shard.id, type(error).__name__, str(error))


def _check_origin(run: Run, shard: BatchShard, key: str, predicted: Predicted) -> None:
    """Raise CorruptPredictions where the file at `key` is another's: a shard is called alike in each run over it."""
    own = {"run_id": run.run_id, "contract": run.contract.digest, "shard": shard.id}
    for name, expected in own.items():
        if others := sorted(predicted.named(name) - {expected}):
            where = objects.s3_uri(run.bucket, key)
            raise CorruptPredictions(f"{where}: {name} should be {expected!r}, and is {others[0]!r}")


def _keep_array(s3: "S3Client", run: Run, shard: BatchShard, predicted: Predicted, written: Collection[str]) -> None:
    """Have S3 copy a shard's array to the results, and forget the original in a while.

    Raises CorruptPredictions where the array is not what lines name.
    """
    source = keys.array_key(run.run_id, shard.partition, shard.id)
    if source not in written:
        raise CorruptPredictions(f"the predictions of shard {shard.id} name rows of {source}, which is not there")
    array = f"{arrays.FOLDER}{arrays.file_name(shard.id)}"
    if predicted.array_rows != [(array, row) for row in range(len(predicted))]:
        raise CorruptPredictions(f"the predictions of shard {shard.id} do not name the rows of {array} in their order")
    target = keys.result_key(run.run_id, array)
    # What is gathered again has the tag already, with which the result would be deleted.
    untagged = {"TaggingDirective": "REPLACE"}
    s3.copy({"Bucket": run.bucket, "Key": source}, run.bucket, target, untagged, Config=aws.COPY_IN_ONE_REQUEST)
    objects.put_tags(s3, run.bucket, source, keys.SHARD_TAGS)


def failure_of_job(
    shard: BatchShard, ended: Mapping[str, Any], lacking: str = "predictions for this shard"
) -> ShardFailure:
    if ended.get("status") == "Failed":
        return ShardFailure(shard.id, str(ended.get("error", "Unknown")), causes.readable(ended.get("cause")))
    return ShardFailure(shard.id, "NoPredictions", f"the job of partition {shard.partition} ended without {lacking}")
