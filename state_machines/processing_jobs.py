"""RunProcessingJobs: infer.py over the shards of each partition, in a SageMaker Processing job.

RunProcessingJob      completed: PartitionCompleted
                      anything else: state_machines/job_failures.py
                      no instance to be had: from there, after a while or with another type, back to RunProcessingJob
"""

from typing import Any

from state_machines.job_failures import Engine, keep_why_it_failed
from state_machines.sdk import Chain, Map, Pass, Task
from state_machines.tasks import JOB_NAME, JOB_RETRIES

JOB_INPUT = "/opt/ml/processing/input"
JOB_OUTPUT = "/opt/ml/processing/output"


def run_processing_jobs() -> Map:
    """One job per partition."""
    return Map(
        "RunProcessingJobs",
        items_path="$.plan.partitions",
        item_selector={
            "run.$": "$.run",
            "partition.$": "$$.Map.Item.Value",
            "network.$": "$.plan.network",
            "waited": 0,
        },
        max_concurrency_path="$.plan.max_concurrency",
        processor=run_processing_job(),
        result_path="$.partitions",
    )


def run_processing_job() -> Chain:
    job = Task(
        "RunProcessingJob",
        resource="arn:aws:states:::sagemaker:createProcessingJob.sync",
        # SageMaker ends a job at its own limit (StoppingCondition); this ends the wait for one that never starts.
        timeout_seconds=86400,
        parameters={
            "ProcessingJobName.$": JOB_NAME,
            "RoleArn": "${JobRoleArn}",
            "AppSpecification": {
                "ImageUri": "${ContainerImageUri}",
                "ContainerEntrypoint": ["python3", "-m", "processing_scripts.entrypoint"],
                "ContainerArguments": ["infer"],
            },
            "Environment": {
                "RUN_ID.$": "$.run.run_id",
                "PARTITION_ID.$": "$.partition.id",
                "STACK_NAME": "${StackName}",
            },
            "ProcessingInputs": [
                job_input("run", "S3Prefix", "States.Format('s3://{}/{}', $.run.bucket, $.run.key)"),
                job_input("shards", "ManifestFile", "$.partition.manifest"),
                job_input("model", "S3Prefix", "States.Format('s3://{}/models/{}/', $.run.bucket, $.run.model)"),
            ],
            "ProcessingOutputConfig": {
                "KmsKeyId": "${KeyArn}",
                "Outputs": [
                    {
                        "OutputName": "predictions",
                        "S3Output": {
                            "S3Uri.$": "$.partition.predictions",
                            "LocalPath": f"{JOB_OUTPUT}/predictions",
                            # What a job has predicted survives the job.
                            "S3UploadMode": "Continuous",
                        },
                    }
                ],
            },
            "ProcessingResources": {"ClusterConfig.$": "$.partition.resources"},
            "StoppingCondition": {"MaxRuntimeInSeconds.$": "$.partition.max_runtime_seconds"},
            # The model and the pixels come through SageMaker: the container itself needs no network, and is isolated.
            "NetworkConfig.$": "$.network",
            "Tags": [
                {"Key": "imagebatch:run", "Value.$": "$.run.run_id"},
                {"Key": "imagebatch:partition", "Value.$": "$.partition.id"},
            ],
        },
        # The description of a finished job is a few KB, and there may be a hundred.
        result_path=None,
        retry=JOB_RETRIES,
    )
    said_in = {"ExitMessage": "$.error.job.ExitMessage", "FailureReason": "$.error.job.FailureReason"}
    keep_why_it_failed(job, Engine("", "ProcessingJob", "network", said_in))
    completed = Pass("PartitionCompleted", parameters={"id.$": "$.partition.id", "status": "Completed"})
    return Chain([job, completed])


def job_input(name: str, data_type: str, uri: str) -> dict[str, Any]:
    """One input that SageMaker copies into the job's `input/<name>`; `uri` is a path or an intrinsic."""
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri.$": uri,
            "LocalPath": f"{JOB_INPUT}/{name}",
            "S3DataType": data_type,
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
        },
    }
