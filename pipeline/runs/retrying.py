"""What is left of a partition whose transform job failed: a partition of its own, for one more job.

    <partition>.manifest ──► what it names, less what has an answer, <name>.out ──► <partition>-retry.manifest

A transform job is Failed for one object that failed, and the answers for the others are in S3 all the same
(CreateTransformJob, TransformOutput).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline import names, objects, shards
from pipeline.runs import keys
from pipeline.runs.job_inputs import is_of_originals
from pipeline.settings import PlanRetrySettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def plan_retry(
    run: Mapping[str, Any], partition: Mapping[str, Any], settings: PlanRetrySettings, s3: "S3Client"
) -> dict[str, Any]:
    """The partition as the state machine has it, with those shards, or originals, alone that have no answer, and
    another job's name; `missing` is how many they are.

    `run` is the run's pointer. What is there is looked up, so a retried step answers the same.
    """
    bucket, run_id, id = run["bucket"], run["run_id"], partition["id"]
    prefix, *planned = planned_manifest = objects.get_json(s3, bucket, keys.manifest_key(run_id, id))
    written = {item.key for item in objects.list_objects(s3, bucket, keys.predictions_prefix(run_id, id))}
    if is_of_originals(planned_manifest, bucket, run_id):
        missing = [key for key in planned if keys.answer_key(run_id, id, key) not in written]
    else:
        predicted = keys.transform_outputs(written)
        missing = [name for name in planned if name.removesuffix(shards.SUFFIX) not in predicted]
    manifest = keys.retry_manifest_key(run_id, id)
    objects.put_json(s3, bucket, manifest, [prefix, *missing])
    instances = max(1, min(partition["instance_count"], len(missing)))
    return {
        "id": id,
        "job_name": names.job_name(settings.job_name_prefix, run_id, f"{id}-retry"),
        "retry_of": partition["job_name"],
        "manifest": objects.s3_uri(bucket, manifest),
        "predictions": partition["predictions"],
        "missing": len(missing),
        "instance_type": partition["instance_type"],
        "instance_count": instances,
        "max_runtime_seconds": partition["max_runtime_seconds"],
        "resources": {**partition["resources"], "InstanceCount": instances},
        "next": partition.get("next"),
    }
