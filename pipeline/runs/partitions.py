"""A partition as the state machine has it: what one job reads and writes, on which instances, for how long at most."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline import names, objects
from pipeline.runs import keys, transform_requests, volumes
from pipeline.runs.instances import Offer
from pipeline.runs.run import Run
from pipeline.runs.run_input import TRANSFORM
from pipeline.settings import PlanInferenceSettings
from pipeline.validation.batches import BatchShard

# An hour's work at five photos a second: as many as a GPU was seen to do that is sent them one by one
# (amazon-sagemaker-examples #918: 18.7 a second on four T4s).
_ORIGINALS_PER_INSTANCE = 20_000

# A job that runs longer than this has lost its way: a slow model on one core, after a slow start. The most is less than
# the day that the state machine waits for a job, so that SageMaker ends the job and says why.
_SECONDS_TO_START = 1800
_SECONDS_PER_IMAGE = 0.25
MAX_RUNTIME_SECONDS = 20 * 3600

BYTES_PER_JOB = 16 * 10**9
"""That a Processing job should read and write at most, so that its volume is the usual one."""
_VOLUME_GB = 30
"""Of an instance of a Processing job: BYTES_PER_JOB, the model, and what else is written."""


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
    resources: Mapping[str, Any] = field(default_factory=dict)
    """`TransformResources` of a transform job, `ClusterConfig` of a Processing job."""
    next: Mapping[str, Any] | None = None
    """What becomes of this partition where there is no instance to be had: another type, as many of it as its quota
    admits, and another name for the job; the last of them has None in its own `next`."""

    @property
    def instance_counts(self) -> list[int]:
        """How many instances its job has, on each type of the list."""
        counts, following = [self.instance_count], self.next
        while following is not None:
            counts.append(following["instance_count"])
            following = following["next"]
        return counts

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


def make_partition(
    run: Run, id: str, shards: Sequence[BatchShard], settings: PlanInferenceSettings, offers: Sequence[Offer]
) -> Partition:
    """The partition of these shards, on the first of `offers`, with the others behind it."""
    following: dict[str, Any] | None = None
    for number, offer in reversed(list(enumerate(offers))):
        name = f"{id}-c{number}" if number else id
        following = {
            "job_name": names.job_name(settings.job_name_prefix, run.run_id, name),
            **_machines(run, shards, settings, offer),
            "next": following,
        }
    assert following is not None, "there is an offer"  # noqa: S101  (or NoInstanceQuota)
    return Partition(
        id=id,
        manifest=objects.s3_uri(run.bucket, keys.manifest_key(run.run_id, id)),
        predictions=objects.s3_uri(run.bucket, keys.predictions_prefix(run.run_id, id)),
        images=images(shards),
        shards=len(shards),
        **following,
    )


def images_per_instance(run: Run, settings: PlanInferenceSettings) -> int:
    """How many images are worth an instance of a transform job."""
    if run.contract.payload is None:
        return settings.images_per_instance
    return min(settings.images_per_instance, _ORIGINALS_PER_INSTANCE)


def images(shards: Iterable[BatchShard]) -> int:
    return sum(shard.rows for shard in shards)


def stored_bytes(run: Run, shards: Iterable[BatchShard]) -> int:
    """What a Processing job has on its volume of these shards: their pixels, and whole answers."""
    return sum(shard.bytes + shard.rows * run.array_row_bytes for shard in shards)


def _volume_gb(run: Run, shards: Iterable[BatchShard]) -> int:
    """More than usual where a run has as many jobs as it may, and each has to take more than BYTES_PER_JOB."""
    return _VOLUME_GB + math.ceil(max(stored_bytes(run, shards) - BYTES_PER_JOB, 0) / 10**9)


def _machines(run: Run, shards: Sequence[BatchShard], settings: PlanInferenceSettings, offer: Offer) -> dict[str, Any]:
    """How many instances of a type, and how long they may take."""
    work, instances = images(shards), 1
    if run.engine == TRANSFORM:
        instances = min(math.ceil(work / images_per_instance(run, settings)), offer.most_of_a_job, len(shards))
    seconds = _SECONDS_TO_START + math.ceil(work * _SECONDS_PER_IMAGE / instances)
    return {
        "instance_type": offer.instance_type,
        "instance_count": instances,
        "max_runtime_seconds": min(seconds, MAX_RUNTIME_SECONDS),
        "resources": (
            transform_requests.resources(offer.instance_type, instances)
            if run.engine == TRANSFORM
            else {"InstanceType": offer.instance_type, "InstanceCount": 1, "VolumeSizeInGB": _volume_gb(run, shards)}
        )
        | volumes.encryption(offer.instance_type, settings.job_key_arn),
    }
