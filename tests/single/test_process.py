"""Copy and process: one job for one upload, however often its event comes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pipeline import aws
from pipeline.errors import UnreadableImage
from pipeline.single.process import ProcessSettings, process_image

IMAGES, RESULTS = "example-images", "example-results"
SETTINGS = ProcessSettings(
    images_bucket=IMAGES,
    processing_bucket=RESULTS,
    container_image="123456789012.dkr.ecr.us-east-1.amazonaws.com/imagebatch:latest",
    job_role="arn:aws:iam::123456789012:role/jobs",
    model_uri="s3://example-results/models/tiny/",
    instance_type="ml.c7i.large",
    dead_letters="https://sqs.us-east-1.amazonaws.com/123456789012/dead-letters",
)
CREATED = Path(__file__).parents[1] / "data/events/object_created.json"
KEY = "single/My Daisy\n.JPG"


def uploaded(sequencer: str = "0001", key: str = KEY) -> dict[str, Any]:
    """The event of an upload."""
    event: dict[str, Any] = json.loads(CREATED.read_text(encoding="utf-8"))
    event["detail"]["object"] |= {"key": key, "sequencer": sequencer}
    return event


class Jobs:
    """SageMaker, as far as it is asked: it keeps the requests, and a name once it is taken."""

    def __init__(self, stubber: Stubber) -> None:
        self.requests: list[dict[str, Any]] = []
        stubber.client.meta.events.register("provide-client-params.sagemaker.CreateProcessingJob", self._keep)
        self._stubber = stubber

    def _keep(self, params: dict[str, Any], **_: Any) -> None:
        self.requests.append(params)

    def next_is_new(self) -> None:
        self._stubber.add_response("create_processing_job", {"ProcessingJobArn": "arn:aws:sagemaker:us-east-1:1:job"})
        self._described()

    def next_is_there(self, code: str) -> None:
        message = "Job name must be unique within an AWS account and region, and a job with this name already exists"
        self._stubber.add_client_error("create_processing_job", code, message)
        self._described()

    def next_fails(self, code: str) -> None:
        self._stubber.add_client_error("create_processing_job", code, "Rate exceeded")

    def _described(self) -> None:
        required = {
            "ProcessingJobName": "name",
            "ProcessingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:processing-job/name",
            "ProcessingJobStatus": "InProgress",
            "CreationTime": 0,
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.c7i.large", "VolumeSizeInGB": 30}
            },
            "AppSpecification": {"ImageUri": "image"},
        }
        self._stubber.add_response("describe_processing_job", required)


@pytest.fixture
def jobs(s3: Any) -> Iterator[Jobs]:
    s3.put_object(Bucket=IMAGES, Key=KEY, Body=b"a photo")
    with Stubber(aws.client("sagemaker")) as stubber:
        yield Jobs(stubber)


@pytest.fixture
def process(s3: Any) -> Callable[..., dict[str, Any]]:
    def process(event: Any = None, settings: ProcessSettings = SETTINGS) -> dict[str, Any]:
        return process_image(event or uploaded(), settings, s3, aws.client("sagemaker"))

    return process


def test_a_job_is_started_and_its_arn_answered(jobs: Jobs, process: Callable[..., Any]) -> None:
    jobs.next_is_new()
    answer = process()
    assert answer["started"]
    assert answer["job_arn"] == "arn:aws:sagemaker:us-east-1:123456789012:processing-job/name"
    assert answer["job_name"].startswith("imagebatch-my-daisy-")


def test_the_image_is_copied_under_a_name_of_ours(jobs: Jobs, process: Callable[..., Any], s3: Any) -> None:
    jobs.next_is_new()
    folder = f"processing/{process()['job_name']}/input/"
    assert s3.get_object(Bucket=RESULTS, Key=f"{folder}image.jpg")["Body"].read() == b"a photo"


def test_the_job_is_told_where_the_image_came_from(jobs: Jobs, process: Callable[..., Any], s3: Any) -> None:
    jobs.next_is_new()
    folder = f"processing/{process()['job_name']}/input/"
    source = json.loads(s3.get_object(Bucket=RESULTS, Key=f"{folder}source.json")["Body"].read())
    assert source["image_uri"] == f"s3://{IMAGES}/{KEY}"


def test_the_same_event_again_makes_the_same_name(jobs: Jobs, process: Callable[..., Any]) -> None:
    jobs.next_is_new()
    jobs.next_is_there("ResourceInUse")
    first, second = process(), process()
    assert (first["job_name"], first["started"]) == (second["job_name"], True)
    assert not second["started"]


def test_a_name_that_is_taken_is_known_by_its_other_error_as_well(jobs: Jobs, process: Callable[..., Any]) -> None:
    jobs.next_is_there("ValidationException")
    assert not process()["started"]


def test_another_upload_of_the_same_key_is_another_job(jobs: Jobs, process: Callable[..., Any]) -> None:
    jobs.next_is_new()
    jobs.next_is_new()
    assert process()["job_name"] != process(uploaded("0002"))["job_name"]


def test_a_refusal_is_raised_for_a_retry(jobs: Jobs, process: Callable[..., Any]) -> None:
    jobs.next_fails("ThrottlingException")
    with pytest.raises(ClientError, match="Rate exceeded"):
        process()


@pytest.mark.parametrize("uri", [f"s3://{IMAGES}/none.jpg", "s3://no-such-bucket/a.jpg"])
def test_an_image_that_is_not_there_is_named(jobs: Jobs, process: Callable[..., Any], uri: str) -> None:
    with pytest.raises(UnreadableImage, match=f"'{uri}' cannot be copied: "):
        process({"image_path": uri})
    assert jobs.requests == []


def test_ours_needs_no_network_and_somebody_elses_may(jobs: Jobs, process: Callable[..., Any]) -> None:
    jobs.next_is_new()
    jobs.next_is_new()
    process()
    theirs = replace(SETTINGS, entrypoint=("python3", "mine.py"), environment={"A": "1"})
    process(settings=theirs)
    assert [each["NetworkConfig"]["EnableNetworkIsolation"] for each in jobs.requests] == [True, False]
    assert jobs.requests[1]["AppSpecification"]["ContainerEntrypoint"] == ["python3", "mine.py"]
    assert jobs.requests[1]["Environment"] == {"A": "1"}


@pytest.mark.parametrize(("instance_type", "volumes"), [("ml.c7i.large", True), ("ml.g5.xlarge", False)])
def test_output_and_volume_have_the_key_of_the_stack(
    jobs: Jobs, process: Callable[..., Any], instance_type: str, volumes: bool
) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    jobs.next_is_new()
    process(settings=replace(SETTINGS, instance_type=instance_type, job_key_arn=key))
    (request,) = jobs.requests

    assert request["ProcessingOutputConfig"]["KmsKeyId"] == key
    assert request["ProcessingResources"]["ClusterConfig"].get("VolumeKmsKeyId") == (key if volumes else None)


def test_every_path_lies_where_sagemaker_takes_it(jobs: Jobs, process: Callable[..., Any]) -> None:
    jobs.next_is_new()
    process()
    (request,) = jobs.requests
    places = [each["S3Input"] for each in request["ProcessingInputs"]]
    places += [each["S3Output"] for each in request["ProcessingOutputConfig"]["Outputs"]]
    assert all(place["LocalPath"].startswith("/opt/ml/processing/") for place in places)
    model = botocore.session.get_session().get_service_model("sagemaker").shape_for("CreateProcessingJobRequest")
    assert set(model.required_members) <= set(request)
