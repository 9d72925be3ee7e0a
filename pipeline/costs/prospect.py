"""A run that nobody has started: images that are there, planned as PlanInference would plan them.

Every image counts as accepted, since nobody has looked at one. Listings are gone through as they come: ten million keys
are a few numbers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline import shards
from pipeline.contract import ModelContract
from pipeline.costs.estimate import LONGEST_GATHERING_SECONDS, gathering_seconds
from pipeline.costs.workload import BATCH, Workload
from pipeline.limits import DEFAULT_LIMITS, Quarantine
from pipeline.quotas import NOT_ASKED, Quotas
from pipeline.runs.control_files import DEFAULT_MARKER, is_image
from pipeline.runs.planning import Plan, make_plan
from pipeline.runs.run import Run
from pipeline.runs.run_input import PROCESSING, TRANSFORM
from pipeline.runs.triggers import Trigger
from pipeline.settings import PlanInferenceSettings
from pipeline.validation.batches import Batch, BatchShard, Counts

SIZE_UNTOLD = 500_000
"""Bytes that an image is taken for whose listing tells no size."""


@dataclass(frozen=True)
class Images:
    """What a listing came to."""

    images: int = 0
    bytes: int = 0
    passed_over: int = 0
    """Folders, markers, manifests and listings, which are no images by their names."""
    untold: int = 0
    """Images without a size; each is in `bytes` as SIZE_UNTOLD."""


def count(listed: Iterable[tuple[str, int | None]], marker: str = DEFAULT_MARKER) -> Images:
    """Go through keys and sizes."""
    images = total = passed_over = untold = 0
    for key, size in listed:
        if not is_image(key, marker):
            passed_over += 1
            continue
        images += 1
        total += SIZE_UNTOLD if size is None else size
        untold += size is None
    return Images(images, total, passed_over, untold)


def prospect(
    found: Images,
    model: str,
    contract: ModelContract,
    settings: PlanInferenceSettings,
    *,
    engine: str = PROCESSING,
    instance_type: str | None = None,
    ledger: str | None = None,
    quotas: Quotas = NOT_ASKED,
) -> tuple[Workload, Plan]:
    """The work that a run over these images would be, and its plan. Raises NoInstanceQuota as a run would."""
    now = datetime.now(UTC)
    run = Run(
        run_id=f"{now:%Y-%m-%dT%H%M}-plan-000000",
        bucket="none",
        execution_arn="",
        trigger=Trigger("plan", "", now),
        started_at=now,
        sources=(),
        model=model,
        contract=contract,
        engine=TRANSFORM if contract.payload is not None else engine,
        top_k=contract.output.top_k,
        max_failed_fraction=0.0,
        instance_type=instance_type,
        limits=DEFAULT_LIMITS,
        quarantine=Quarantine.LEAVE,
        ledger=ledger,
    )
    plan = make_plan(run, list(_batches(found, contract)), settings, quotas=quotas)
    return Workload.of_plan(run, plan, found.bytes, sources=1), plan


def too_large(work: Workload) -> list[str]:
    """What is said of a run whose results could not be gathered; nothing of others."""
    seconds = gathering_seconds(work)
    if seconds <= LONGEST_GATHERING_SECONDS:
        return []
    return [
        f"this is too much for one run: gathering its results would take about {seconds / 60:.0f} minutes, and"
        f" AggregatePredictions has {LONGEST_GATHERING_SECONDS / 60:.0f}; make several runs of it (docs/operations.md)"
    ]


def _batches(found: Images, contract: ModelContract) -> Iterator[Batch]:
    mean = found.bytes // found.images if found.images else 0
    most = BATCH if contract.payload is not None else shards.rows_per_shard(contract)
    for number, start in enumerate(range(0, found.images, BATCH)):
        images = min(BATCH, found.images - start)
        rows = [min(most, images - first) for first in range(0, images, most)]
        each = mean if contract.payload is not None else contract.input.bytes_per_image
        originals = "images" if contract.payload is not None else ""
        packed = tuple(
            BatchShard(f"b{number}-{part}", count, count * each, originals=originals) for part, count in enumerate(rows)
        )
        yield Batch(f"b{number}", Counts(listed=images, accepted=images), packed)
