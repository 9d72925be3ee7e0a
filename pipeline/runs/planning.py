"""Plan the inference of a run: from what validation found to partitions, one for each job.

    map results (one batch result a line) ──► counted against the map run ──► partitions ──► plan.json, manifests

Nothing is taken on trust: each map run is asked how many items it was given, and its batches must account for all.
"""

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from pipeline import names, objects
from pipeline.costs import budget
from pipeline.errors import CorruptArtifact, RunDoesNotAddUp
from pipeline.quotas import NOT_ASKED, Quotas, read
from pipeline.runs import instances, job_inputs, keys, transform_requests, unaccounted
from pipeline.runs.answered import Answered, Photo
from pipeline.runs.finished import finished_shards
from pipeline.runs.instances import Offer
from pipeline.runs.partitions import (
    BYTES_PER_JOB,
    Partition,
    images,
    images_per_instance,
    make_partition,
    stored_bytes,
)
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


@dataclass(frozen=True)
class Plan:
    engine: str
    counts: Counts
    partitions: tuple[Partition, ...]
    batches: tuple[Batch, ...]
    max_concurrency: int = 1
    """How many of its jobs run at once, on whichever type of the list: as many as the quotas that are known admit, if
    nobody else runs any."""
    transform: Mapping[str, Any] = field(default_factory=dict)
    """What every transform job of the run is asked (transform_requests.py); empty for other engines."""
    quotas: Mapping[str, Any] = field(default_factory=dict)
    """The account's quotas that it was planned by, and which of them are not known, for people."""
    cost: Mapping[str, Any] = field(default_factory=dict)
    """What it was expected to take (pipeline/costs/budget.py)."""

    def between_states(self, run_id: str) -> dict[str, Any]:
        """The part that travels; plan.json holds every batch and shard too."""
        return {
            "key": keys.plan_key(run_id),
            "engine": self.engine,
            "counts": asdict(self.counts),
            "transform": dict(self.transform),
            "partitions": [partition.to_json() for partition in self.partitions],
            "max_concurrency": self.max_concurrency,
        }

    def to_json(self, run_id: str) -> dict[str, Any]:
        batches = [batch.to_json(run_id) for batch in self.batches]
        told = {"quotas": dict(self.quotas), "cost": dict(self.cost)}
        return {**self.between_states(run_id), **told, "batches": batches}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            engine=document["engine"],
            counts=Counts(**document["counts"]),
            partitions=tuple(Partition(**partition) for partition in document["partitions"]),
            batches=tuple(Batch.from_json(batch) for batch in document["batches"]),
            transform=document["transform"],
            max_concurrency=document.get("max_concurrency", 1),
            quotas=document.get("quotas", {}),
            cost=document.get("cost", {}),
        )


def load_plan(s3: "S3Client", run: Run) -> Plan:
    """Raises CorruptArtifact where plan.json is not there, or is none; RunDoesNotAddUp where it contradicts itself."""
    key = keys.plan_key(run.run_id)
    where = f"s3://{run.bucket}/{key}"
    try:
        return Plan.from_json(objects.get_json(s3, run.bucket, key))
    except ClientError as error:
        if not objects.is_out_of_reach(error):
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
    service_quotas: Any,
) -> dict[str, Any]:
    """Plan the run, write plan.json and the partitions' manifests, and answer with the part that travels.

    `validated` holds what each source's distributed map answered: `{"MapRunArn", "ResultWriterDetails": {"Bucket",
    "Key"}}`. Raises RunDoesNotAddUp where a map run was given other items than its batches account for, NoInstanceQuota
    where the account may run no instance of any type that the run may have, and OverBudget and UnknownPrice where the
    run may not cost what it would.
    """
    batches: list[Batch] = []
    for source, mapped in zip(run.sources, validated, strict=True):
        found = list(_read_batches(s3, mapped["ResultWriterDetails"]))
        _check_items(run, stepfunctions, source.uri, mapped["MapRunArn"], found, s3)
        # As they were listed: what is written of them in this order is found by a prefix of their keys.
        batches.extend(sorted(found, key=lambda batch: (batch.first, batch.id)))
    _check_apart(batches)
    done, answered = _done(run, batches, s3) if run.resumed else ({}, frozenset())
    quotas = read(service_quotas, instances.quota_names(run, settings)) if _to_infer(batches, done) else NOT_ASKED
    plan = make_plan(run, batches, settings, done, quotas)
    plan = replace(plan, cost=budget.cost_of_plan(run, plan, settings.max_cost_usd, s3))
    for partition, manifest in job_inputs.manifests(run, plan.batches, s3, answered):
        if partition not in done.values():
            objects.put_json(s3, run.bucket, keys.manifest_key(run.run_id, partition), manifest)
    objects.put_json(s3, run.bucket, keys.plan_key(run.run_id), plan.to_json(run.run_id))
    return plan.between_states(run.run_id)


def _done(run: Run, batches: Sequence[Batch], s3: "S3Client") -> tuple[dict[str, str], Collection[Photo]]:
    """The shards that earlier jobs have predicted, with their partitions, and the photos that are answered for."""
    if run.contract.output.answer is not None and run.contract.payload is not None:
        answered = Answered(run, run.contract.output.answer, batches, s3)
        return answered.shards, answered.photos
    return finished_shards(run, (shard for batch in batches for shard in batch.shards), s3), ()


def make_plan(
    run: Run,
    batches: Sequence[Batch],
    settings: PlanInferenceSettings,
    done: Mapping[str, str] | None = None,
    quotas: Quotas = NOT_ASKED,
) -> Plan:
    """As few jobs as the engine allows, but at most 100, each with about as many bytes.

    `done` are shards that need no job any more, and the partition of an earlier plan that their predictions are of.
    A manifest is of one bucket (S3DataSource, `S3Uri`), and so is a job that is sent originals.
    """
    done = done or {}
    by_bucket: dict[str, list[BatchShard]] = defaultdict(list)
    for shard in _to_infer(batches, done):
        by_bucket[shard.originals].append(shard)
    offers = instances.offers(run, settings, quotas) if by_bucket else []
    wanted = _transform_jobs if run.engine == TRANSFORM else _processing_jobs
    shared: list[list[BatchShard]] = []
    for _, shards in sorted(by_bucket.items()):
        jobs = min(wanted(run, shards, settings, offers[0]), MAX_JOBS // len(by_bucket), len(shards))
        shared += balance(shards, jobs)
    shares = {names.partition_id(number, run.resumed): share for number, share in enumerate(shared)}
    partition_of = {**done, **{shard.id: partition for partition, share in shares.items() for shard in share}}
    partitions = tuple(make_partition(run, id, share, settings, offers) for id, share in shares.items())
    largest = [max(counts) for counts in zip(*(partition.instance_counts for partition in partitions), strict=True)]
    at_once = [instances.jobs_at_once(offer, most, settings) for offer, most in zip(offers, largest, strict=True)]
    return Plan(
        engine=run.engine if shares else NOTHING_TO_DO,
        counts=Counts.total(batch.counts for batch in batches),
        partitions=partitions,
        batches=tuple(
            replace(
                batch, shards=tuple(replace(shard, partition=partition_of.get(shard.id, "")) for shard in batch.shards)
            )
            for batch in batches
        ),
        max_concurrency=min(at_once, default=1),
        transform=transform_requests.of_run(run) if run.engine == TRANSFORM else {},
        quotas=instances.noted(quotas, offers, at_once, len(partitions)).to_json(),
    )


def _to_infer(batches: Iterable[Batch], done: Mapping[str, str]) -> list[BatchShard]:
    """The shards that take a job."""
    return [shard for batch in batches for shard in batch.shards if shard.is_sent and shard.id not in done]


def _processing_jobs(run: Run, shards: Sequence[BatchShard], settings: PlanInferenceSettings, offer: Offer) -> int:
    """A job is one instance, whose volume holds what it reads and writes; a quota makes jobs wait, and no fewer."""
    by_images = math.ceil(images(shards) / settings.images_per_job)
    return max(by_images, math.ceil(stored_bytes(run, shards) / BYTES_PER_JOB))


def _transform_jobs(run: Run, shards: Sequence[BatchShard], settings: PlanInferenceSettings, offer: Offer) -> int:
    """A job deals its shards out among instances of its own, through which they only pass."""
    return math.ceil(images(shards) / (images_per_instance(run, settings) * offer.most_of_a_job))


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


def _check_items(
    run: Run, stepfunctions: Any, source: str, map_run: str, batches: Sequence[Batch], s3: "S3Client"
) -> None:
    given = stepfunctions.describe_map_run(mapRunArn=map_run)["itemCounts"]["total"]
    accounted = sum(batch.counts.items for batch in batches)
    if given != accounted:
        difference = f"{abs(given - accounted):,} too {'few' if accounted < given else 'many'}"
        raise RunDoesNotAddUp(
            f"{source}: {given:,} objects were listed, and the batches account for {accounted:,}, {difference}."
            f"{unaccounted.of_map_run(run, stepfunctions, map_run, batches, s3)} Look at the children of {map_run}, and"
            " start the run again."
        )
