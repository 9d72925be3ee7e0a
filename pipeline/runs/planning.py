"""Plan the inference of a run: from what validation found to partitions, one for each job.

    map results (one batch result a line) ──► counted against the map run ──► partitions ──► plan.json, manifests

Nothing is taken on trust: each map run is asked how many items it was given, and its batches must account for all.
"""

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from pipeline import names, objects
from pipeline.errors import CorruptArtifact, RunDoesNotAddUp
from pipeline.runs import job_inputs, keys, transform_requests
from pipeline.runs.finished import finished_shards
from pipeline.runs.run import Run
from pipeline.runs.run_input import TRANSFORM
from pipeline.settings import PlanInferenceSettings
from pipeline.validation.batches import Batch, BatchShard, Counts

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NOTHING_TO_DO = "none"
"""The engine of a plan without partitions: nothing was accepted, and the run goes on to its results."""

MAX_JOBS = 100
"""Partitions travel between states, where 256 KB have to hold them all."""

# The volume of a Processing job has 30 GB (VolumeSizeInGB in the state machine), which hold its shards, the model and
# what it predicts.
_BYTES_PER_JOB = 16 * 10**9

# Of one transform job: as many as an account may have of most types until it asks for more.
_MOST_INSTANCES = 20

# An hour's work at five photos a second: as many as a GPU was seen to do that is sent them one by one
# (amazon-sagemaker-examples #918: 18.7 a second on four T4s).
_ORIGINALS_PER_INSTANCE = 20_000

# A job that runs longer than this has lost its way: a slow model on one core, after a slow start. The most is less than
# the day that the state machine waits for a job, so that SageMaker ends the job and says why.
_SECONDS_TO_START = 1800
_SECONDS_PER_IMAGE = 0.25
_MAX_RUNTIME_SECONDS = 20 * 3600


@dataclass(frozen=True)
class Partition:
    """What one job takes, in the words of the state machine."""

    id: str
    job_name: str
    manifest: str
    predictions: str
    images: int
    shards: int
    instance_type: str
    instance_count: int
    max_runtime_seconds: int
    resources: Mapping[str, Any] | None = None
    """`TransformResources` of a transform job; None for a Processing job."""
    next: Mapping[str, Any] | None = None
    """What becomes of this partition where there is no instance to be had: another type, and another name for the job;
    the last of them has None in its own `next`."""

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Plan:
    engine: str
    counts: Counts
    partitions: tuple[Partition, ...]
    batches: tuple[Batch, ...]
    transform: Mapping[str, Any] = field(default_factory=dict)
    """What every transform job of the run is asked (transform_requests.py); empty for other engines."""

    def between_states(self, run_id: str) -> dict[str, Any]:
        """The part that travels; plan.json holds every batch and shard too."""
        return {
            "key": keys.plan_key(run_id),
            "engine": self.engine,
            "counts": asdict(self.counts),
            "transform": dict(self.transform),
            "partitions": [partition.to_json() for partition in self.partitions],
        }

    def to_json(self, run_id: str) -> dict[str, Any]:
        return {**self.between_states(run_id), "batches": [batch.to_json(run_id) for batch in self.batches]}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            engine=document["engine"],
            counts=Counts(**document["counts"]),
            partitions=tuple(Partition(**partition) for partition in document["partitions"]),
            batches=tuple(Batch.from_json(batch) for batch in document["batches"]),
            transform=document["transform"],
        )


def load_plan(s3: "S3Client", run: Run) -> Plan:
    """Raises CorruptArtifact where plan.json is not there, or is none; RunDoesNotAddUp where it contradicts itself."""
    key = keys.plan_key(run.run_id)
    where = f"s3://{run.bucket}/{key}"
    try:
        return Plan.from_json(objects.get_json(s3, run.bucket, key))
    except ClientError as error:
        if not objects.is_missing(error):
            raise
        raise CorruptArtifact(f"{where} is gone: `imagebatch resume` makes it anew.") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CorruptArtifact(
            f"{where} does not read as a plan ({error!r}): `imagebatch resume` makes it anew."
        ) from error


def plan_inference(
    run: Run,
    validated: Sequence[Mapping[str, Any]],
    settings: PlanInferenceSettings,
    s3: "S3Client",
    stepfunctions: Any,
) -> dict[str, Any]:
    """Plan the run, write plan.json and the partitions' manifests, and answer with the part that travels.

    `validated` holds what each source's distributed map answered: `{"MapRunArn", "ResultWriterDetails": {"Bucket",
    "Key"}}`. Raises RunDoesNotAddUp where a map run was given other items than its batches account for.
    """
    batches: list[Batch] = []
    for source, mapped in zip(run.sources, validated, strict=True):
        found = list(_read_batches(s3, mapped["ResultWriterDetails"]))
        _check_items(stepfunctions, source.uri, mapped["MapRunArn"], found)
        batches.extend(found)
    _check_apart(batches)
    shards = (shard for batch in batches for shard in batch.shards)
    done = finished_shards(run, shards, s3) if run.resumed else {}
    plan = make_plan(run, sorted(batches, key=lambda batch: batch.id), settings, done)
    for partition, manifest in job_inputs.manifests(run, plan.batches, s3):
        if partition not in done.values():
            objects.put_json(s3, run.bucket, keys.manifest_key(run.run_id, partition), manifest)
    objects.put_json(s3, run.bucket, keys.plan_key(run.run_id), plan.to_json(run.run_id))
    return plan.between_states(run.run_id)


def make_plan(
    run: Run, batches: Sequence[Batch], settings: PlanInferenceSettings, done: Mapping[str, str] | None = None
) -> Plan:
    """As few jobs as the engine allows, but at most 100, each with about as many bytes.

    `done` are shards that need no job any more, and the partition of an earlier plan that their predictions are of.
    A manifest is of one bucket (S3DataSource, `S3Uri`), and so is a job that is sent originals.
    """
    done = done or {}
    counts = Counts.total(batch.counts for batch in batches)
    by_bucket: dict[str, list[BatchShard]] = defaultdict(list)
    for shard in (shard for batch in batches for shard in batch.shards if shard.is_sent and shard.id not in done):
        by_bucket[shard.originals].append(shard)
    wanted = _transform_jobs if run.engine == TRANSFORM else _processing_jobs
    shared: list[list[BatchShard]] = []
    for _, shards in sorted(by_bucket.items()):
        shared += balance(shards, min(wanted(run, shards, settings), MAX_JOBS // len(by_bucket), len(shards)))
    shares = {names.partition_id(number, run.resumed): share for number, share in enumerate(shared)}
    partition_of = {**done, **{shard.id: partition for partition, share in shares.items() for shard in share}}
    return Plan(
        engine=run.engine if shares else NOTHING_TO_DO,
        counts=counts,
        partitions=tuple(_partition(run, partition, share, settings) for partition, share in shares.items()),
        batches=tuple(
            replace(
                batch, shards=tuple(replace(shard, partition=partition_of.get(shard.id, "")) for shard in batch.shards)
            )
            for batch in batches
        ),
        transform=transform_requests.of_run(run) if run.engine == TRANSFORM else {},
    )


def _processing_jobs(run: Run, shards: Sequence[BatchShard], settings: PlanInferenceSettings) -> int:
    """A job is one instance, whose volume holds what it reads and writes."""
    by_images = math.ceil(_images(shards) / settings.images_per_job)
    stored = sum(shard.bytes + shard.rows * run.array_row_bytes for shard in shards)
    return max(by_images, math.ceil(stored / _BYTES_PER_JOB))


def _transform_jobs(run: Run, shards: Sequence[BatchShard], settings: PlanInferenceSettings) -> int:
    """A job deals its shards out among instances of its own, through which they only pass."""
    return math.ceil(_images(shards) / (_images_per_instance(run, settings) * _MOST_INSTANCES))


def _images_per_instance(run: Run, settings: PlanInferenceSettings) -> int:
    if run.contract.payload is None:
        return settings.images_per_instance
    return min(settings.images_per_instance, _ORIGINALS_PER_INSTANCE)


def _images(shards: Iterable[BatchShard]) -> int:
    return sum(shard.rows for shard in shards)


def balance(shards: Iterable[BatchShard], jobs: int) -> list[list[BatchShard]]:
    """Share shards out among `jobs` so that each has about as many bytes.

    The largest goes first, and always to the lightest job: no job gets more than 4/3 of what the best plan gives its
    heaviest (Graham 1969, "Bounds on multiprocessing timing anomalies"). Ties are broken by id, so that a retried step
    plans the same.
    """
    shares: list[list[BatchShard]] = [[] for _ in range(jobs)]
    by_weight = [(0, number) for number in range(jobs)]
    for shard in sorted(shards, key=lambda shard: (-shard.bytes, shard.id)):
        weight, lightest = by_weight[0]
        shares[lightest].append(shard)
        heapq.heapreplace(by_weight, (weight + shard.bytes, lightest))
    return shares


def _partition(run: Run, partition: str, shards: Sequence[BatchShard], settings: PlanInferenceSettings) -> Partition:
    images = _images(shards)
    default_type, instances = settings.default_instance_type, 1
    if run.engine == TRANSFORM:
        default_type = settings.transform_instance_type
        instances = min(math.ceil(images / _images_per_instance(run, settings)), _MOST_INSTANCES, len(shards))
    seconds = _SECONDS_TO_START + math.ceil(images * _SECONDS_PER_IMAGE / instances)
    instance_type, *others = [run.instance_type] if run.instance_type else default_type.replace(" ", "").split(",")
    following: dict[str, Any] | None = None
    for number, other in reversed(list(enumerate(others, 1))):
        following = {
            "job_name": names.job_name(settings.job_name_prefix, run.run_id, f"{partition}-c{number}"),
            "instance_type": other,
            "resources": transform_requests.resources(other, instances) if run.engine == TRANSFORM else None,
            "next": following,
        }
    return Partition(
        id=partition,
        job_name=names.job_name(settings.job_name_prefix, run.run_id, partition),
        manifest=objects.s3_uri(run.bucket, keys.manifest_key(run.run_id, partition)),
        predictions=objects.s3_uri(run.bucket, keys.predictions_prefix(run.run_id, partition)),
        images=images,
        shards=len(shards),
        instance_type=instance_type,
        instance_count=instances,
        max_runtime_seconds=min(seconds, _MAX_RUNTIME_SECONDS),
        resources=transform_requests.resources(instance_type, instances) if run.engine == TRANSFORM else None,
        next=following,
    )


def _read_batches(s3: "S3Client", written: Mapping[str, str]) -> Iterator[Batch]:
    """The batch results behind a ResultWriter's manifest (Step Functions Developer Guide, "ResultWriter (Map)").

    A batch that was walked image by image answered with a list, which the writer's FLATTEN made into lines of its own.
    """
    manifest = objects.get_json(s3, written["Bucket"], written["Key"])
    for file in manifest["ResultFiles"].get("SUCCEEDED", ()):
        yield from map(Batch.from_json, objects.get_lines(s3, manifest["DestinationBucket"], file["Key"]))


def _check_apart(batches: Iterable[Batch]) -> None:
    """Batches are named after what they hold, and write under that name: two of one name are one, counted twice."""
    ids = Counter(batch.id for batch in batches)
    for id, count in ids.items():
        if count > 1:
            raise RunDoesNotAddUp(
                f"Batch {id} was validated {count} times: a listing names the same images more than once. Write each "
                "key on one line, and start the run again."
            )


def _check_items(stepfunctions: Any, source: str, map_run: str, batches: Iterable[Batch]) -> None:
    given = stepfunctions.describe_map_run(mapRunArn=map_run)["itemCounts"]["total"]
    accounted = sum(batch.counts.items for batch in batches)
    if given != accounted:
        difference = f"{abs(given - accounted):,} too {'few' if accounted < given else 'many'}"
        raise RunDoesNotAddUp(
            f"{source}: {given:,} objects were listed, and the batches account for {accounted:,}, {difference}. "
            f"Look at the children of {map_run}, and start the run again."
        )
