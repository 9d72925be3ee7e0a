"""What a partition's job reads: SageMaker's ManifestFile, a prefix and keys relative to it (`S3DataSource`, `S3Uri`).

    [{"prefix": "s3://results/runs/<run_id>/shards/"}, "<shard>.safetensors", ...]
    [{"prefix": "s3://images/"}, "incoming/a.jpg", ...]           originals, for a container that is not ours

Originals are found in the verdicts, where their keys stand: a partition's are in memory at a time, and never a run's.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pipeline import objects
from pipeline.read_ahead import read_ahead
from pipeline.runs import keys
from pipeline.runs.run import Run
from pipeline.validation import verdicts
from pipeline.validation.batches import Batch, BatchShard
from pipeline.validation.verdicts import Accepted

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_READING_THREADS = 16
_FILES_AHEAD = 64


def manifests(
    run: Run, batches: Iterable[Batch], s3: "S3Client", answered: Collection[tuple[str, str]] = ()
) -> Iterator[tuple[str, list[Any]]]:
    """Each partition and its manifest, in the order of the batches; without the photos, by bucket and key, that are
    answered for."""
    by_partition: dict[str, list[tuple[Batch, BatchShard]]] = defaultdict(list)
    for batch in batches:
        for shard in batch.shards:
            if shard.is_sent:
                by_partition[shard.partition].append((batch, shard))
    for partition, share in by_partition.items():
        if run.contract.payload is None:
            prefix = keys.shards_prefix(run.run_id)
            names = (keys.shard_key(run.run_id, shard.id).removeprefix(prefix) for _, shard in share)
            yield partition, [{"prefix": objects.s3_uri(run.bucket, prefix)}, *names]
        else:
            (bucket,) = {shard.originals for _, shard in share}
            yield partition, [{"prefix": objects.s3_uri(bucket, "")}, *_originals(run, share, s3, answered)]


def photos(run: Run, batch: Batch, shard: BatchShard, s3: "S3Client") -> list[str]:
    """The keys of the accepted images whose verdicts name a shard."""
    lines = objects.get_lines(s3, run.bucket, keys.verdicts_key(run.run_id, batch.id))
    found = map(verdicts.from_json, lines)
    return [verdict.row.key for verdict in found if isinstance(verdict, Accepted) and verdict.shard == shard.id]


def _originals(
    run: Run, share: Iterable[tuple[Batch, BatchShard]], s3: "S3Client", answered: Collection[tuple[str, str]]
) -> Iterator[str]:
    """The keys of the images of these shards that are not answered for."""

    def read(each: tuple[Batch, BatchShard]) -> list[str]:
        batch, shard = each
        return [key for key in photos(run, batch, shard, s3) if (shard.originals, key) not in answered]

    for _, found in read_ahead(read, share, threads=_READING_THREADS, budget=_FILES_AHEAD):
        yield from found


def is_of_originals(manifest: Sequence[Any], bucket: str, run_id: str) -> bool:
    """Whether a manifest names originals, and not the run's shards."""
    return bool(manifest[0]["prefix"] != objects.s3_uri(bucket, keys.shards_prefix(run_id)))
