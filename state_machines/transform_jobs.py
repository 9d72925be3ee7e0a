"""RunTransformJobs: a SageMaker Batch Transform job for each partition, over its shards, or over original photos.

    RunTransformJob       completed: TransformPartitionCompleted
                          failed, the first time: PlanRetry, ChooseRetry, and back to RunTransformJob
                          anything else: state_machines/job_failures.py
                          no instance to be had: from there, after a while or with another type, back to RunTransformJob

One object that fails makes a whole transform job Failed, and what the others gave is kept all the same
(CreateTransformJob, TransformOutput). So PlanRetry looks what has no answer and puts a partition of that alone
at `$.partition`; `retry_of` in it says that this was the retry, and names the first job. A job that somebody
stopped, that took too long, or that SageMaker did not start is not tried again.
"""

from state_machines.job_failures import Engine, keep_why_it_failed, partition_failed
from state_machines.sdk import Catch, Chain, Choice, ChoiceRule, Map, Pass, Task
from state_machines.tasks import ALL, JOB_NAME, JOB_RETRIES, invoke


def run_transform_jobs() -> Map:
    """One job per partition, each over instances of its own."""
    return Map(
        "RunTransformJobs",
        items_path="$.plan.partitions",
        item_selector={
            "run.$": "$.run",
            "transform.$": "$.plan.transform",
            "partition.$": "$$.Map.Item.Value",
            "waited": 0,
        },
        max_concurrency_path="$.plan.max_concurrency",
        processor=run_transform_job(),
        result_path="$.partitions",
    )


def run_transform_job() -> Chain:
    job = Task(
        "RunTransformJob",
        resource="arn:aws:states:::sagemaker:createTransformJob.sync",
        # A transform job has no limit of its own, as Processing jobs have: when this ends the wait, the job is stopped.
        timeout_seconds_path="$.partition.max_runtime_seconds",
        parameters={
            "TransformJobName.$": JOB_NAME,
            "ModelName": "${TransformModelName}",
            # One object is one request: nothing in it could be split or joined.
            "BatchStrategy": "SingleRecord",
            "ModelClientConfig": {"InvocationsTimeoutInSeconds": 600, "InvocationsMaxRetries": 2},
            # What the run's contract asks for, and what a partition needs: pipeline/runs/transform_requests.py.
            "MaxConcurrentTransforms.$": "$.transform.MaxConcurrentTransforms",
            "MaxPayloadInMB.$": "$.transform.MaxPayloadInMB",
            "Environment.$": "$.transform.Environment",
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri.$": "$.partition.manifest"}},
                "ContentType.$": "$.transform.ContentType",
                "CompressionType": "None",
                "SplitType": "None",
            },
            "TransformOutput": {
                "S3OutputPath.$": "$.partition.predictions",
                "Accept.$": "$.transform.Accept",
                "AssembleWith": "None",
                # Otherwise it is AWS's key for S3, whatever the bucket's (TransformOutput, `KmsKeyId`).
                "KmsKeyId": "${KeyArn}",
            },
            "TransformResources.$": "$.partition.resources",
            "Tags": [
                {"Key": "imagebatch:run", "Value.$": "$.run.run_id"},
                {"Key": "imagebatch:partition", "Value.$": "$.partition.id"},
            ],
        },
        # The description of a finished job is a few KB, and there may be a hundred.
        result_path=None,
        retry=JOB_RETRIES,
    )
    completed = Pass("TransformPartitionCompleted", parameters={"id.$": "$.partition.id", "status": "Completed"})
    failed_first = ChoiceRule.And(
        [
            ChoiceRule.StringEquals("$.error.job.TransformJobStatus", "Failed"),
            ChoiceRule.IsPresent("$.partition.retry_of", False),
        ]
    )
    # What a transform job says of a bad object is "See job logs for more information": of which job is worth keeping.
    said = "States.Format('{}: {}', $.error.job.TransformJobName, $.error.job.FailureReason)"
    engine = Engine("Transform", "TransformJob", "transform", {"FailureReason": said})
    keep_why_it_failed(job, engine, retry=(failed_first, plan_retry(job, completed)))
    return Chain([job, completed])


def plan_retry(job: Task, completed: Pass) -> Task:
    """Make the partition one of what is missing, and run `job` again where there are any."""
    retry = invoke(
        "PlanRetry",
        "PlanRetryFunction",
        {"run.$": "$.run", "partition.$": "$.partition"},
        comment="Find what has no answer, and make a job of its own of it.",
        timeout_seconds=310,
        result_selector={
            "id.$": "$.Payload.id",
            "job_name.$": "$.Payload.job_name",
            "retry_of.$": "$.Payload.retry_of",
            "manifest.$": "$.Payload.manifest",
            "predictions.$": "$.Payload.predictions",
            "missing.$": "$.Payload.missing",
            "instance_type.$": "$.Payload.instance_type",
            "instance_count.$": "$.Payload.instance_count",
            "max_runtime_seconds.$": "$.Payload.max_runtime_seconds",
            "resources.$": "$.Payload.resources",
            "next.$": "$.Payload.next",
        },
        result_path="$.partition",
    )
    not_planned = partition_failed("RetryNotPlanned", {"cause.$": "$.error.Cause"})
    retry.add_catch(Catch(error_equals=ALL, result_path="$.error", next_step=not_planned))
    choose = Choice("ChooseRetry")
    choose.add_choice(ChoiceRule.NumericEquals("$.partition.missing", 0), completed)
    choose.default_choice(job)
    retry.next(choose)
    return retry
