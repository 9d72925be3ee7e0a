"""Photos that a container that is not ours has answered for already, in a job of an earlier plan of the run.

    predictions/<partition>/<key>.out       the answer; of which bucket the photo is, the partition's manifest says

A run that is resumed sends what is left, photo by photo: whoever pays by the request pays for no answer twice.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pipeline import names, objects
from pipeline.contract import Answer
from pipeline.errors import InvalidPrediction
from pipeline.objects import ListedObject
from pipeline.read_ahead import read_ahead
from pipeline.runs import keys
from pipeline.runs.job_inputs import photos
from pipeline.runs.run import Run
from pipeline.validation.batches import Batch

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Photo = tuple[str, str]
"""Bucket and key."""

_THREADS = 16
_ANSWERS_AHEAD = 256


def answers(run: Run, written: Mapping[str, ListedObject], s3: "S3Client") -> dict[Photo, ListedObject]:
    """The latest answer for each photo. `written` is what lies below the run's predictions, by key."""
    by_partition: dict[str, list[str]] = {}
    for key in written:
        if key.endswith(keys.OUT_SUFFIX):
            by_partition.setdefault(keys.partition_of(run.run_id, key), []).append(key)
    found: dict[Photo, ListedObject] = {}
    for partition in sorted(by_partition, key=names.partition_resumed):
        if names.partition_resumed(partition) < run.same_model_since:
            continue
        if (bucket := _bucket(run, partition, s3)) is not None:
            prefix = keys.predictions_prefix(run.run_id, partition)
            for key in by_partition[partition]:
                found[bucket, key.removeprefix(prefix).removesuffix(keys.OUT_SUFFIX)] = written[key]
    return found


def _bucket(run: Run, partition: str, s3: "S3Client") -> str | None:
    """Of the photos that a partition's job was sent; None where nobody knows, whose answers do not count then."""
    try:
        manifest = objects.get_json(s3, run.bucket, keys.manifest_key(run.run_id, partition))
        return str(manifest[0]["prefix"]).removeprefix("s3://").rstrip("/")
    except ClientError as error:
        if not objects.is_out_of_reach(error):
            raise
    except (ValueError, LookupError, TypeError):
        pass
    return None


class Answered:
    """What need not be sent again: every answer is read, and one that does not read is none."""

    def __init__(self, run: Run, format: Answer, batches: Iterable[Batch], s3: "S3Client") -> None:
        from pipeline.inference.foreign_outputs import read_scores  # with numpy, which planning needs for nothing else

        prefix = keys.predictions_prefix(run.run_id)
        written = {item.key: item for item in objects.list_objects(s3, run.bucket, prefix)}
        there = answers(run, written, s3)

        def reads(photo: Photo) -> bool:
            try:
                read_scores(objects.get_bytes(s3, run.bucket, there[photo].key), format, photo[1])
            except InvalidPrediction:
                return False
            return True

        read = read_ahead(reads, there, threads=_THREADS, budget=_ANSWERS_AHEAD)
        self.photos = {photo for photo, good in read if good}
        self.shards: dict[str, str] = dict(self._whole(run, batches, there, s3))
        """Those of which every photo has an answer, and the partition of the latest."""

    def _whole(
        self, run: Run, batches: Iterable[Batch], there: Mapping[Photo, ListedObject], s3: "S3Client"
    ) -> Iterator[tuple[str, str]]:
        if not self.photos:
            return
        for batch in batches:
            for shard in batch.shards:
                if not shard.is_sent:
                    continue
                of_shard = [(shard.originals, key) for key in photos(run, batch, shard, s3)]
                if self.photos.issuperset(of_shard):
                    partitions = {keys.partition_of(run.run_id, there[photo].key) for photo in of_shard}
                    yield shard.id, max(partitions, key=names.partition_resumed)
