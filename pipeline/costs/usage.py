"""What a run has used, as far as it leaves a trace: what its functions wrote down, and what SageMaker says of its jobs.

Counts are exact. Of validation, each batch wrote down how long it took; of jobs, SageMaker tells from when to when they
ran. Small things that leave no trace (functions that start cold, the report) are taken as an estimate takes them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline import objects
from pipeline.costs import estimate
from pipeline.costs.quantities import Quantities
from pipeline.costs.rates import Measured
from pipeline.costs.workload import Workload
from pipeline.deployed import jobs
from pipeline.runs import keys
from pipeline.runs.run_input import TRANSFORM

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.runs.planning import Plan
    from pipeline.runs.run import Run

# Fewer would tell of beginnings more than of work.
_LEAST_IMAGES = 200
_LEAST_SHARDS, _LEAST_SECONDS = 5, 10.0


@dataclass(frozen=True, slots=True)
class Ran:
    """One job, while it was billed: from TransformStartTime to TransformEndTime (DescribeTransformJob says so), or from
    ProcessingStartTime to ProcessingEndTime."""

    name: str
    instance_type: str
    instances: int
    seconds: float


def ran_jobs(sagemaker: Any, plan: "Plan", run: "Run") -> list[Ran]:
    """Every job that was made for this plan, failed ones included. Raises what boto3 raises."""
    planned = {"engine": plan.engine, "partitions": [partition.to_json() for partition in plan.partitions]}
    found = [_describe(sagemaker, plan.engine, job.name) for job in jobs.list_jobs(sagemaker, planned, run.started_at)]
    return [job for job in found if job is not None]


def _describe(sagemaker: Any, engine: str, name: str) -> Ran | None:
    """None for a job that never ran."""
    described: Mapping[str, Any]
    if engine == TRANSFORM:
        described = sagemaker.describe_transform_job(TransformJobName=name)
        resources, kind = described["TransformResources"], "Transform"
    else:
        described = sagemaker.describe_processing_job(ProcessingJobName=name)
        resources, kind = described["ProcessingResources"]["ClusterConfig"], "Processing"
    started: datetime | None = described.get(f"{kind}StartTime")
    ended: datetime | None = described.get(f"{kind}EndTime")
    if started is None or ended is None:
        return None
    seconds = max((ended - started).total_seconds(), 0.0)
    return Ran(name, resources["InstanceType"], resources["InstanceCount"], seconds)


def used(work: Workload, plan: "Plan", ran: Sequence[Ran], gathering_seconds: float) -> Quantities:
    """Everything that this run has used. `gathering_seconds` are those of AggregatePredictions until now."""
    gb_seconds = sum(batch.work.milliseconds / 1000 * batch.work.memory_mb / 1024 for batch in plan.batches)
    gb_seconds += estimate.invocation_ms(work.batches) / 1000 * estimate.VALIDATION_GB
    gb_seconds += estimate.other_gb_seconds(work, gathering_seconds)
    hours: dict[str, float] = {}
    for job in ran:
        hours[job.instance_type] = hours.get(job.instance_type, 0.0) + job.instances * job.seconds / 3600
    return (
        estimate.fixed_quantities(work)
        + Quantities({"lambda_gb_second_arm64": gb_seconds})
        + estimate.job_quantities(work.engine, hours)
    )


def measure(run: "Run", plan: "Plan", work: Workload, ran: Sequence[Ran], s3: "S3Client", at: datetime) -> Measured:
    """How fast it went, as far as there was enough of it to tell."""
    milliseconds = sum(batch.work.milliseconds for batch in plan.batches)
    per_image = milliseconds / work.read if work.read >= _LEAST_IMAGES and milliseconds else None
    types = {job.instance_type for job in ran}
    only_type = types.pop() if len(types) == 1 else None
    rate = _images_per_second(run, plan, s3) if only_type else None
    start = None
    if rate and ran:
        instances = sum(job.instances for job in ran)
        billed = sum(job.instances * job.seconds for job in ran)
        start = max((billed - sum(part.images for part in plan.partitions) / rate) / instances, 0.0)
    return Measured(
        run_id=run.run_id,
        measured_at=at.isoformat(),
        instance_type=only_type,
        validation_ms_per_image=per_image,
        image_mb=work.image_bytes / 1e6 / work.images if work.images else 0.0,
        job_images_per_second=rate,
        job_start_seconds=start,
    )


def _images_per_second(run: "Run", plan: "Plan", s3: "S3Client") -> float | None:
    """Of one instance: what it predicted after its first shard, by the times at which S3 has had the predictions."""
    rows = {shard.id: shard.rows for batch in plan.batches for shard in batch.shards}
    stored: dict[str, list[tuple[datetime, int]]] = {}
    prefix = keys.predictions_prefix(run.run_id)
    for item in objects.list_objects(s3, run.bucket, prefix):
        partition, _, name = item.key.removeprefix(prefix).partition("/")
        shard = name.partition(".")[0]
        if shard in rows and name.endswith((".jsonl", ".out")):
            stored.setdefault(partition, []).append((item.stored_at, rows[shard]))
    images = seconds = 0.0
    for part in plan.partitions:
        times = sorted(stored.get(part.id, ()))
        if len(times) >= _LEAST_SHARDS:
            images += sum(count for _, count in times[1:])
            seconds += (times[-1][0] - times[0][0]).total_seconds() * part.instance_count
    return images / seconds if seconds >= _LEAST_SECONDS else None
