"""What there is to do in a run, as far as time and money depend on it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.contract import Task

if TYPE_CHECKING:
    from pipeline.runs.planning import Plan
    from pipeline.runs.run import Run

BATCH = 160
"""Items of a batch (ItemBatcher, MaxItemsPerBatch, in state_machines/batch.py)."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one SageMaker job is given."""

    instance_type: str
    instances: int
    images: int


@dataclass(frozen=True)
class Workload:
    """Counts of images mean those that were listed, unless said otherwise."""

    engine: str
    model: str
    images: int
    image_bytes: int
    read: int
    """Images that are opened: those that the ledger does not know."""
    accepted: int
    sources: int
    batches: int
    shards: int
    shard_bytes: int
    jobs: tuple[Job, ...]
    has_ledger: bool
    jobs_at_once: int = 40
    sends_originals: bool = False
    """Whether a container that is not ours gets the photos as they are, each in a request of its own."""
    arrays: bool = False
    """Whether each shard has an array of answers besides its lines."""

    @property
    def types(self) -> tuple[str, ...]:
        """The types of instances that its jobs ask for first."""
        return tuple(sorted({job.instance_type for job in self.jobs}))

    @classmethod
    def of_plan(cls, run: "Run", plan: "Plan", image_bytes: int, sources: int | None = None) -> "Workload":
        """The work of a run that is planned. Of a run that is resumed, what is left of it.

        `sources` stands in for the run's own number of them.
        """
        counts = plan.counts
        shards = [shard for batch in plan.batches for shard in batch.shards]
        return cls(
            engine=plan.engine,
            model=run.model,
            images=counts.listed,
            image_bytes=image_bytes,
            read=counts.listed - counts.skipped,
            accepted=counts.accepted,
            sources=len(run.sources) if sources is None else sources,
            batches=len(plan.batches),
            shards=len(shards),
            shard_bytes=0 if run.contract.payload else sum(shard.bytes for shard in shards),
            jobs=tuple(Job(part.instance_type, part.instance_count, part.images) for part in plan.partitions),
            has_ledger=run.ledger is not None,
            jobs_at_once=plan.max_concurrency,
            sends_originals=run.contract.payload is not None,
            arrays=run.contract.task is Task.RAW,
        )


def most_images(jobs: Iterable[Job]) -> int:
    """Of one instance of a job."""
    return max((-(-job.images // job.instances) for job in jobs), default=0)
