"""What a run has predicted already: shards whose predictions are there, whole, and of this run's contract."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pipeline import names, objects
from pipeline.contract import Task
from pipeline.errors import CorruptPredictions
from pipeline.inference.predictions import PREDICTIONS_SUFFIX, TRANSFORM_SUFFIX, read_lines
from pipeline.read_ahead import read_ahead
from pipeline.runs import keys
from pipeline.runs.run import Run
from pipeline.validation.batches import BatchShard

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_THREADS = 8
_BYTES_AHEAD = 32_000_000


def finished_shards(run: Run, shards: Iterable[BatchShard], s3: "S3Client") -> dict[str, str]:
    """The shards that need no job any more, and the partition in whose folder their predictions lie: the latest.

    Every file is read: one that was cut in half, or is of another contract, does not count; nor does what other files
    of the model have predicted.
    """
    prefix = keys.predictions_prefix(run.run_id)
    written = {item.key: item.size for item in objects.list_objects(s3, run.bucket, prefix)}
    found: dict[str, str] = {}
    for key in sorted(written, key=lambda key: names.partition_resumed(keys.partition_of(run.run_id, key))):
        name = key.rpartition("/")[2]
        for suffix in (PREDICTIONS_SUFFIX, TRANSFORM_SUFFIX):
            if name.endswith(suffix):
                found[name.removesuffix(suffix)] = key

    def partition_of(shard: BatchShard) -> str:
        return keys.partition_of(run.run_id, found[shard.id])

    there = [
        shard
        for shard in shards
        if shard.id in found and names.partition_resumed(partition_of(shard)) >= run.same_model_since
    ]

    def is_whole(shard: BatchShard) -> bool:
        lines = objects.get_bytes(s3, run.bucket, found[shard.id]).split(b"\n")
        try:
            predictions = list(read_lines(lines))
        except CorruptPredictions:
            return False
        if run.contract.task is Task.RAW and keys.array_key(run.run_id, partition_of(shard), shard.id) not in written:
            return False
        origins = {(each.run_id, each.contract, each.shard) for each in predictions}
        return len(predictions) == shard.rows and origins <= {(run.run_id, run.contract.digest, shard.id)}

    def weight(shard: BatchShard) -> int:
        return written[found[shard.id]]

    checked = read_ahead(is_whole, there, threads=_THREADS, budget=_BYTES_AHEAD, weight=weight)
    return {shard.id: partition_of(shard) for shard, whole in checked if whole}
