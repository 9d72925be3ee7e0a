"""The batch state machine in a local cloud, on the ways that a good run does not take.

The machine, Step Functions, Lambda, S3, SNS and SageMaker are the local cloud's own; the steps are steps_for_tests.py.
"""

import json
import time
from pathlib import Path

import pytest

from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import deploy

ROOT = Path(__file__).resolve().parents[2]
STEPS = {
    "StartRunFunction": "start_run",
    "ValidateImagesFunction": "validate_images",
    "PlanInferenceFunction": "plan_inference",
    "PlanRetryFunction": "plan_retry",
    "AggregatePredictionsFunction": "aggregate_predictions",
    "WriteReportFunction": "write_report",
}
# Where an execution may fail, and be redriven: the states of the main line whose steps are ours.
BREAKABLE = ("StartRun", "ForEachSource", "PlanInference", "AggregatePredictions")
INPUTS = {
    "claimed": {"name": "claimed"},
    "empty": {"name": "empty"},
    "failing-job": {"name": "failing-job"},
    "unreportable": {"name": "unreportable"},
    "no-object": ["a", "list"],
    "listed": {"name": "listed"},
    "poisoned": {"name": "poisoned"},
    "transform-complete": {"name": "transform-complete"},
    "transform-endless": {"name": "transform-endless"},
    "transform-failing": {"name": "transform-failing"},
    "transform-refused": {"name": "transform-refused"},
    "transform-stopped": {"name": "transform-stopped"},
    "transform-unplannable": {"name": "transform-unplannable"},
    "unplannable": {"name": "unplannable"},
    **{f"redriven-{state}": {"name": f"redriven-{state}"} for state in BREAKABLE},
}
LISTED = ["chosen \u2028 +%2F.jpg", "elsewhere/poison", "é/last.jpg"]
IMAGES = {"redriven-ForEachSource": ["only"], "poisoned": ["first", "poison", "third"], "failing-job": ["only"]}
# Jobs of the others find no manifest, and fail; these find one, and a server that never says that it is ready.
WAITING = ["transform-endless", "transform-stopped"]


def template(folder, broken):
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "CodeUri": str(folder),
            "Runtime": "python3.13",
            "Timeout": 30,
            "Role": "arn:aws:iam::123456789012:role/test",
            "Environment": {
                "Variables": {"IMAGES": {"Ref": "Images"}, "RESULTS": {"Ref": "Results"}, "BROKEN": str(broken)}
            },
        },
    }
    machine = {
        "Type": "AWS::Serverless::StateMachine",
        "Properties": {
            "Role": "arn:aws:iam::123456789012:role/test",
            "DefinitionUri": str(ROOT / "state_machines" / "batch.asl.json"),
            "DefinitionSubstitutions": {
                **{f"{name}Arn": {"Fn::GetAtt": [name, "Arn"]} for name in STEPS},
                "ContainerImageUri": "image",
                "KeyArn": "arn:aws:kms:us-east-1:123456789012:key/test",
                "JobRoleArn": "arn:aws:iam::123456789012:role/test",
                "StackName": "test",
                "TopicArn": {"Ref": "Topic"},
                "TransformModelName": "unready",
            },
        },
    }
    handlers = {
        name: {**function, "Properties": {**function["Properties"], "Handler": f"steps_for_tests.{step}"}}
        for name, step in STEPS.items()
    }
    buckets = {name: {"Type": "AWS::S3::Bucket"} for name in ("Images", "Results")}
    return {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"Machine": machine, "Topic": {"Type": "AWS::SNS::Topic"}, **buckets, **handlers},
        "Outputs": {name: {"Value": {"Ref": name}} for name in ("Machine", "Topic", "Images", "Results")},
    }


@pytest.fixture(scope="module")
def cloud():
    with LocalCloud() as cloud:
        cloud.add_image("unready", ["sleep", "1000"], Path(__file__).parent)
        cloud.client("sagemaker").create_model(
            ModelName="unready",
            PrimaryContainer={"Image": "unready"},
            ExecutionRoleArn="arn:aws:iam::123456789012:role/test",
        )
        yield cloud


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A folder with a file for each execution that fails until the file is gone."""
    folder = tmp_path_factory.mktemp("broken")
    for state in BREAKABLE:
        (folder / f"redriven-{state}").touch()
    return folder


@pytest.fixture(scope="module")
def stack(cloud, broken, tmp_path_factory):
    path = tmp_path_factory.mktemp("stack") / "template.json"
    path.write_text(json.dumps(template(Path(__file__).parent, broken)), encoding="utf-8")
    return deploy(cloud, path, {}, "behaviour")


@pytest.fixture(scope="module")
def inbox(cloud, stack):
    """Reads the subjects of all messages so far."""
    sqs = cloud.client("sqs")
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    cloud.client("sns").subscribe(TopicArn=stack.outputs["Topic"], Protocol="sqs", Endpoint=arn)
    subjects = set()

    def read():
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            subjects.update(json.loads(message["Body"])["Subject"] for message in messages)
        return subjects

    return read


@pytest.fixture(scope="module")
def executions(cloud, stack, inbox):
    """Every execution, started at once: most of their time is spent waiting for retries."""
    for name, keys in IMAGES.items():
        for key in keys:
            cloud.client("s3").put_object(Bucket=stack.outputs["Images"], Key=f"{name}/{key}", Body=b"image")
    for name in WAITING:
        manifest = json.dumps([{"prefix": f"s3://{stack.outputs['Images']}/"}, "failing-job/only"]).encode()
        cloud.client("s3").put_object(
            Bucket=stack.outputs["Results"], Key=f"runs/{name}/plan/p0000.manifest", Body=manifest
        )
    lines = [json.dumps({"Key": key, "Etag": "e", "Size": 5}) for key in LISTED]
    body = "\n".join(lines).encode()
    cloud.client("s3").put_object(Bucket=stack.outputs["Images"], Key="listed.jsonl", Body=body)
    return {
        name: cloud.client("stepfunctions").start_execution(
            stateMachineArn=stack.outputs["Machine"], name=name, input=json.dumps(given)
        )["executionArn"]
        for name, given in INPUTS.items()
    }


@pytest.fixture
def ended(cloud, executions):
    """The execution of that name when it has ended."""

    def wait(name):
        while True:
            described = cloud.client("stepfunctions").describe_execution(executionArn=executions[name])
            if described["status"] != "RUNNING":
                return described
            time.sleep(0.05)

    return wait


@pytest.fixture
def results(cloud, stack):
    """What validation answered for each image of an execution: its key, and the error that it was condemned for."""

    def read(name):
        s3, bucket = cloud.client("s3"), stack.outputs["Results"]
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"runs/{name}/map/0/")["Contents"]
        (written,) = (item["Key"] for item in listed if "SUCCEEDED" in item["Key"])
        lines = s3.get_object(Bucket=bucket, Key=written)["Body"].read().decode().split("\n")
        batches = map(json.loads, filter(None, lines))
        return {batch["keys"][0]: (batch["condemned"] or {}).get("Error") for batch in batches}

    return read


@pytest.fixture
def states(cloud, executions):
    """The names of the states that an execution has entered, in order."""

    def entered(name):
        pages = cloud.client("stepfunctions").get_paginator("get_execution_history")
        return [
            event["stateEnteredEventDetails"]["name"]
            for page in pages.paginate(executionArn=executions[name])
            for event in page["events"]
            if "stateEnteredEventDetails" in event
        ]

    return entered


def test_a_trigger_that_was_delivered_twice_ends_quietly(ended, states):
    assert ended("claimed")["status"] == "SUCCEEDED"
    assert states("claimed") == ["StartRun", "ChooseStart", "AlreadyStarted"]


def test_a_trigger_whose_run_is_taken_says_so_in_its_output(ended):
    output = json.loads(ended("claimed")["output"])
    assert (output["run_id"], output["note"]) == ("claimed", "another execution has this run")


def test_a_run_with_nothing_to_infer_succeeds_with_a_message(ended, inbox):
    output = json.loads(ended("empty")["output"])
    assert output["summary"] == {"partitions": []}
    assert "empty finished" in inbox()


def test_a_report_that_cannot_be_made_fails_no_run(ended, states, inbox):
    assert ended("unreportable")["status"] == "SUCCEEDED"
    assert states("unreportable")[-4:] == ["WriteReport", "Notify", "PublishEvent", "Done"]
    assert "unreportable finished" in inbox()


def test_the_message_is_that_which_tells_of_the_report(ended, inbox):
    assert (
        json.loads(ended("empty")["output"])["message"]["body"] == '{"default": "all is well, and there is a report"}'
    )


def test_an_input_that_is_no_object_fails_in_the_words_of_start_run(ended):
    described = ended("no-object")
    assert (described["status"], described["error"], described["cause"]) == (
        "FAILED",
        "InvalidRunInput",
        "the input: expected a JSON object",
    )


def test_a_failing_step_ends_the_execution_where_it_is(ended, states):
    described = ended("unplannable")
    assert (described["status"], described["error"]) == ("FAILED", "RunDoesNotAddUp")
    assert json.loads(described["cause"])["errorMessage"] == "1 of 2 images is missing"
    assert states("unplannable")[-1] == "PlanInference"


@pytest.mark.parametrize("state", BREAKABLE)
def test_a_redrive_takes_up_the_state_that_failed_and_none_before_it(cloud, broken, executions, ended, states, state):
    name = f"redriven-{state}"
    assert ended(name)["status"] == "FAILED"
    before = states(name)

    (broken / name).unlink()
    cloud.client("stepfunctions").redrive_execution(executionArn=executions[name])

    assert ended(name)["status"] == "SUCCEEDED"
    after = states(name)[len(before) :]
    assert set(after) & set(before) <= {state}
    assert after[-1] == "Done"


def test_one_image_that_kills_its_function_costs_only_itself(ended, results):
    assert ended("poisoned")["status"] == "SUCCEEDED"
    assert results("poisoned") == {
        "poisoned/first": None,
        "poisoned/poison": "Runtime.ExitError",
        "poisoned/third": None,
    }


def test_a_listing_is_validated_and_walked_like_a_prefix(ended, results):
    assert ended("listed")["status"] == "SUCCEEDED"
    assert results("listed") == dict(zip(LISTED, [None, "Runtime.ExitError", None], strict=True))


def test_a_job_that_fails_costs_its_partition_and_keeps_its_reason(ended):
    (partition,) = json.loads(ended("failing-job")["output"])["summary"]["partitions"]
    assert (partition["id"], partition["status"], partition["error"]) == ("p0000", "Failed", "States.TaskFailed")
    # One sentence, and not the description of the job that it came with.
    assert partition["cause"]
    assert not partition["cause"].startswith("{")


@pytest.fixture
def partition(ended):
    """How the only partition of an execution ended."""

    def read(name):
        (partition,) = json.loads(ended(name)["output"])["summary"]["partitions"]
        return partition

    return read


@pytest.fixture
def transform_states(states, ended):
    """The states behind RunTransformJobs that an execution has entered, from the first job on."""

    def entered(name):
        ended(name)
        names = states(name)
        return names[names.index("RunTransformJobs") + 1 : names.index("AggregatePredictions")]

    return entered


REASON_OF_A_JOB = ["WhyTransformPartitionFailed", "ReadTransformJobDescription", "WhyTransformJobFailed"]


def test_a_transform_job_that_fails_is_run_once_more(transform_states):
    assert transform_states("transform-failing") == [
        "RunTransformJob",
        *REASON_OF_A_JOB,
        "PlanRetry",
        "ChooseRetry",
        "RunTransformJob",
        *REASON_OF_A_JOB,
        "TransformJobFailedWithFailureReason",
    ]


def test_a_partition_keeps_the_reason_of_its_last_transform_job_and_its_name(partition):
    found = partition("transform-failing")
    assert (found["id"], found["status"], found["error"]) == ("p0000", "Failed", "States.TaskFailed")
    assert found["cause"].startswith("transform-failing-retry-0-0-0: ClientError: ")


def test_a_transform_job_that_failed_and_left_nothing_out_completes_its_partition(partition, transform_states):
    assert partition("transform-complete") == {"id": "p0000", "status": "Completed"}
    assert transform_states("transform-complete")[-3:] == ["PlanRetry", "ChooseRetry", "TransformPartitionCompleted"]


def test_a_retry_that_cannot_be_planned_costs_its_partition(partition):
    found = partition("transform-unplannable")
    assert (found["status"], found["error"]) == ("Failed", "OSError")
    assert "nothing can be listed" in found["cause"]


def test_a_transform_job_that_sagemaker_does_not_start_is_not_planned_again(partition, transform_states):
    assert partition("transform-refused")["error"] == "SageMaker.AmazonSageMakerException"
    assert set(transform_states("transform-refused")) == {
        "RunTransformJob",
        "WhyTransformPartitionFailed",
        "TransformJobNotStarted",
    }


def test_a_transform_job_that_takes_too_long_is_not_run_again(cloud, partition, transform_states):
    assert partition("transform-endless")["error"] == "States.Timeout"
    assert transform_states("transform-endless") == [
        "RunTransformJob",
        "FindTimedOutTransformJob",
        "StopTimedOutTransformJobs",
        "StopTimedOutTransformJob",
        "TransformJobTimedOut",
    ]


def test_a_transform_job_that_takes_too_long_is_stopped(cloud, ended):
    assert ended("transform-endless")["status"] == "SUCCEEDED"
    sagemaker = cloud.client("sagemaker")
    sagemaker.get_waiter("transform_job_completed_or_stopped").wait(
        TransformJobName="transform-endless-0-0-0", WaiterConfig={"Delay": 0.05, "MaxAttempts": 2400}
    )
    described = sagemaker.describe_transform_job(TransformJobName="transform-endless-0-0-0")
    assert described["TransformJobStatus"] == "Stopped"


def test_a_transform_job_that_somebody_stops_is_not_run_again(cloud, executions, partition, transform_states):
    sagemaker = cloud.client("sagemaker")
    while not sagemaker.list_transform_jobs(NameContains="transform-stopped")["TransformJobSummaries"]:
        time.sleep(0.05)
    sagemaker.stop_transform_job(TransformJobName="transform-stopped-0-0-0")
    assert partition("transform-stopped")["cause"].startswith("The job gave no reason: it was stopped")
    assert transform_states("transform-stopped") == ["RunTransformJob", *REASON_OF_A_JOB, "TransformJobStopped"]
