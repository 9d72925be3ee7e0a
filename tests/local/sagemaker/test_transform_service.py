"""The API of transform jobs: what is refused, names, listings, and Step Functions waiting for one."""

import json
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.cloud import LocalCloud
from pipeline.local.protocol import ServiceError
from pipeline.local.sagemaker import SageMakerService
from pipeline.local.sagemaker.invocations import output_uri

Run = Callable[..., dict[str, Any]]
CreateModel = Callable[..., str]
Put = Callable[[dict[str, str | bytes]], None]


def source(kind: str = "S3Prefix", uri: str = "s3://data/in/", **members: str) -> dict[str, Any]:
    return {"TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": kind, "S3Uri": uri}}, **members}}


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"ModelName": "nix"}, "Could not find model"),
        ({"MaxPayloadInMB": 101}, "MaxPayloadInMB 101 is over 100"),
        ({"MaxPayloadInMB": 26, "MaxConcurrentTransforms": 4}, "4 times MaxPayloadInMB 26 is over 100 MB"),
        ({"ModelClientConfig": {"InvocationsMaxRetries": 4}}, "less than or equal to 3"),
        ({"ModelClientConfig": {"InvocationsTimeoutInSeconds": 3601}}, "less than or equal to 3600"),
        ({"Environment": {f"V{number}": "" for number in range(17)}}, "less than or equal to 16"),
        ({"TransformResources": {"InstanceType": "ml.huge", "InstanceCount": 1}}, "'ml.huge'"),
        ({"TransformResources": {"InstanceType": "ml.c5.xlarge", "InstanceCount": 101}}, "InstanceCount 101 is over"),
        ({"TransformOutput": {"S3OutputPath": "https://data/out"}}, "S3OutputPath 'https://data/out' has to begin"),
        ({"DataProcessing": {"JoinSource": "Input"}}, "JoinSource Input is not served"),
        ({"DataProcessing": {"InputFilter": "$.image"}}, "InputFilter .* is not served"),
        ({"DataCaptureConfig": {"DestinationS3Uri": "s3://data/"}}, "DataCaptureConfig is not served"),
        (source("AugmentedManifestFile"), "AugmentedManifestFile is not served: use S3Prefix or ManifestFile"),
        (source(SplitType="Line"), "SplitType Line is not served: use None"),
        (source(SplitType="RecordIO"), "SplitType RecordIO is not served: use None"),
        (source(CompressionType="Gzip"), "CompressionType Gzip is not served: use None"),
    ],
)
def test_a_job_that_aws_or_this_machine_cannot_run_is_refused(
    service: SageMakerService, transform_request: Run, members: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ServiceError, match=rf"ValidationException.*{reason}"):
        service.handle("CreateTransformJob", transform_request(**members))


def test_an_image_that_cannot_be_run_fails_the_job_by_name(
    cloud: LocalCloud, role: str, put: Put, transform: Run
) -> None:
    put({"in/a": "1"})
    container = {"Image": "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6"}
    cloud.client("sagemaker").create_model(ModelName="net", PrimaryContainer=container, ExecutionRoleArn=role)
    job = transform()
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(f"ClientError: The image {container['Image']!r} cannot be run")


def test_model_data_that_is_not_there_fails_the_job(create_model: CreateModel, put: Put, transform: Run) -> None:
    put({"in/a": "1"})
    create_model(data="s3://data/nix.tar.gz")
    assert transform()["FailureReason"].startswith("ClientError: Failed to download model data from")


def test_an_input_without_objects_fails_the_job(s3: Any, create_model: CreateModel, transform: Run) -> None:
    create_model()
    assert transform()["FailureReason"].startswith("ClientError: No S3 objects found under S3 URL 's3://data/in/'")


def test_an_output_that_cannot_be_written_fails_the_job(create_model: CreateModel, put: Put, transform: Run) -> None:
    create_model()
    put({"in/a": "1"})
    job = transform(TransformOutput={"S3OutputPath": "s3://no-such-bucket/out"})
    assert job["FailureReason"].startswith("ClientError: Failed to upload s3://no-such-bucket/out/a.out: ")


def test_an_output_whose_key_is_too_long_fails_the_job_alone(
    cloud: LocalCloud, create_model: CreateModel, put: Put, transform: Run, outputs: Callable[[], dict[str, str]]
) -> None:
    create_model()
    long = "x" * (1024 - len("in/"))
    put({f"in/{long}": "1", "in/y": "2"})
    assert transform()["FailureReason"] == "ClientError: See job logs for more information"
    assert outputs() == {"y.out": "2"}
    assert f"data/in/{long}: Failed to upload s3://data/out/{long}.out: " in cloud.job_log("job")


def test_an_object_that_a_manifest_names_and_nobody_put_fails_the_job_alone(
    cloud: LocalCloud, create_model: CreateModel, put: Put, transform: Run, outputs: Callable[[], dict[str, str]]
) -> None:
    create_model()
    put({"in/a": "1", "list": json.dumps([{"prefix": "s3://data/in/"}, "nix", "a"])})
    assert transform(**source("ManifestFile", "s3://data/list"))["TransformJobStatus"] == "Failed"
    assert outputs() == {"a.out": "1"}
    assert "data/in/nix: Data download failed: " in cloud.job_log("job")


def test_everything_that_was_given_comes_back(create_model: CreateModel, put: Put, transform: Run) -> None:
    create_model()
    put({"in/a": "1"})
    members = {"Environment": {"WORD": "hello"}, "MaxPayloadInMB": 24, "BatchStrategy": "SingleRecord"}
    job = transform(**members)
    assert members.items() <= job.items()
    assert job["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]


def test_a_name_is_used_up_for_ever(
    cloud: LocalCloud, create_model: CreateModel, transform: Run, transform_request: Run, s3: Any
) -> None:
    create_model()
    transform()
    with pytest.raises(cloud.client("sagemaker").exceptions.ResourceInUse, match="unique"):
        cloud.client("sagemaker").create_transform_job(**transform_request(name="JOB"))


def test_a_transform_job_and_a_processing_job_may_share_a_name(
    cloud: LocalCloud, create_model: CreateModel, put: Put, run: Run, transform: Run
) -> None:
    create_model()
    put({"in/a": "1"})
    run("print('processed')")
    transform()
    log = cloud.job_log("job")
    assert log.startswith("processed\nserving\n")


def test_an_unknown_job_is_not_found(cloud: LocalCloud) -> None:
    client = cloud.client("sagemaker")
    for operation in (client.describe_transform_job, client.stop_transform_job):
        with pytest.raises(client.exceptions.ResourceNotFound, match="nix"):
            operation(TransformJobName="nix")


def test_a_job_that_has_ended_cannot_be_stopped(
    cloud: LocalCloud, s3: Any, create_model: CreateModel, transform: Run
) -> None:
    create_model()
    transform()
    with pytest.raises(ClientError, match="the transform job is Failed"):
        cloud.client("sagemaker").stop_transform_job(TransformJobName="job")


def test_jobs_are_listed_by_name_and_status(
    cloud: LocalCloud, create_model: CreateModel, put: Put, transform: Run
) -> None:
    create_model()
    transform("first-a", TransformOutput={"S3OutputPath": "s3://data/out"}, **source(uri="s3://data/none/"))
    put({"in/a": "1"})
    transform("second")
    client = cloud.client("sagemaker")
    listed = client.list_transform_jobs()["TransformJobSummaries"]
    assert [(job["TransformJobName"], job["TransformJobStatus"]) for job in listed] == [
        ("second", "Completed"),
        ("first-a", "Failed"),
    ]
    assert listed[1]["FailureReason"].startswith("ClientError: No S3 objects found")
    assert [
        job["TransformJobName"]
        for job in client.list_transform_jobs(NameContains="-a", StatusEquals="Failed")["TransformJobSummaries"]
    ] == ["first-a"]


@pytest.mark.parametrize(("body", "status"), [("1", "SUCCEEDED"), ("status 400", "FAILED")])
def test_a_state_machine_waits_for_a_job(
    cloud: LocalCloud, create_model: CreateModel, put: Put, transform_request: Run, role: str, body: str, status: str
) -> None:
    create_model()
    put({"in/a": body})
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sagemaker:createTransformJob.sync",
        "Parameters": transform_request(),
        "End": True,
    }
    states = cloud.client("stepfunctions")
    machine = states.create_state_machine(
        name="m", definition=json.dumps({"StartAt": "Transform", "States": {"Transform": task}}), roleArn=role
    )
    pause = Event()
    execution = states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    while (ended := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        pause.wait(0.02)
    assert ended["status"] == status
    told = json.loads(ended["output"] if status == "SUCCEEDED" else ended["cause"])
    assert told["TransformJobStatus"] == {"SUCCEEDED": "Completed", "FAILED": "Failed"}[status]


@given(st.text(min_size=1), st.text(min_size=1), st.sampled_from(["s3://data/out", "s3://data/out/", "s3://data"]))
def test_two_objects_never_share_an_output(one: str, other: str, output_path: str) -> None:
    assert output_uri(output_path, one).endswith(f"/{one}.out")
    assert (output_uri(output_path, one) == output_uri(output_path, other)) is (one == other)
