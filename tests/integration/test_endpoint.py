"""The model server behind an endpoint, asked as an application asks it, and by `imagebatch predict`."""

import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.contract.packages import load_package, pack
from pipeline.deployed.cloud_file import CloudFile
from pipeline.local.cloud import LocalCloud

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MODEL = EXAMPLES / "models/efficientnet-lite0"
DAISY = EXAMPLES / "photos/garden/daisy.jpg"
ROLE = "arn:aws:iam::123456789012:role/sagemaker"


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    """A local cloud with the endpoint `photos`, which serves the example model."""
    with LocalCloud() as running:
        archive = io.BytesIO()
        pack(load_package(MODEL), archive)
        running.client("s3").create_bucket(Bucket="models")
        running.client("s3").put_object(Bucket="models", Key="model.tar.gz", Body=archive.getvalue())
        client = running.client("sagemaker")
        container = {"Image": "imagebatch:latest", "ModelDataUrl": "s3://models/model.tar.gz"}
        client.create_model(ModelName="photos", PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "one", "ModelName": "photos", "InstanceType": "ml.c7i.large"}
        client.create_endpoint_config(
            EndpointConfigName="photos", ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
        )
        client.create_endpoint(EndpointName="photos", EndpointConfigName="photos")
        client.get_waiter("endpoint_in_service").wait(
            EndpointName="photos", WaiterConfig={"Delay": 0.1, "MaxAttempts": 600}
        )
        yield running


@pytest.fixture(scope="module")
def runtime(cloud: LocalCloud) -> Any:
    return cloud.client("sagemaker-runtime")


def test_an_endpoint_says_what_is_on_a_photo(runtime: Any) -> None:
    photo = (EXAMPLES / "photos/garden/daisy.jpg").read_bytes()
    answer = runtime.invoke_endpoint(EndpointName="photos", Body=photo, ContentType="image/jpeg")
    assert answer["ContentType"] == "application/jsonlines"
    (line,) = answer["Body"].read().splitlines()
    assert json.loads(line)["top"][0]["label"] == "daisy"


def test_an_endpoint_says_what_is_wrong_with_a_photo(runtime: Any) -> None:
    photo = (EXAMPLES / "photos/travel/phone/upload-broke-off.jpg").read_bytes()
    with pytest.raises(ClientError) as refused:
        runtime.invoke_endpoint(EndpointName="photos", Body=photo, ContentType="image/jpeg")
    assert refused.value.response["OriginalStatusCode"] == 422
    assert json.loads(refused.value.response["OriginalMessage"])["reason"] == "truncated"


@pytest.fixture(scope="module")
def ask(
    cloud: LocalCloud, imagebatch: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Any]:
    """`ask(FILE, ...)` is `imagebatch predict FILE ... --json` of the cloud, found as `imagebatch up` leaves it."""
    folder = tmp_path_factory.mktemp("state")
    CloudFile(cloud.endpoint_url, cloud.region, cloud.account_id, "imagebatch", os.getpid()).write(folder)

    def predict(*arguments: object, endpoint: str = "photos") -> Any:
        return imagebatch("predict", *arguments, "--endpoint", endpoint, "--local", folder, "--json")

    return predict


@pytest.mark.parametrize("codec", ["image", "json", "multipart", "npy"])
def test_an_endpoint_is_asked_in_every_way_that_our_server_takes(ask: Callable[..., Any], codec: str) -> None:
    ended = ask(DAISY, "--as", codec, "--model", MODEL, "--top-k", 1)
    assert ended.code == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert (told["top"][0]["label"], told["endpoint"]) == ("daisy", "photos")
    assert told["top"][0]["score"] == pytest.approx(0.3649, abs=0.01)


def test_what_the_container_refuses_is_told_in_its_words(ask: Callable[..., Any]) -> None:
    ended = ask(EXAMPLES / "photos/travel/phone/upload-broke-off.jpg")
    told = json.loads(ended.stdout)
    assert (ended.code, told["error"]) == (1, "EndpointRefused")
    assert "endpoint photos answered 422: truncated" in told["detail"]


def test_a_photo_over_six_megabytes_is_predicted_once_it_is_resized(ask: Callable[..., Any], tmp_path: Path) -> None:
    large = tmp_path / "daisy.jpg"
    # A decoder stops at the end of the picture: what follows it makes the file large, and the picture no other.
    large.write_bytes(DAISY.read_bytes() + bytes(6_291_456))
    refused = json.loads(ask(large, "--model", MODEL).stdout)
    assert refused["error"] == "ImageTooLarge"
    told = json.loads(ask(large, "--model", MODEL, "--fit", "--top-k", 1).stdout)
    assert (told["resized"], told["top"][0]["label"]) == (True, "daisy")
    assert told["top"][0]["score"] == pytest.approx(0.3649, abs=0.05)


def test_an_endpoint_that_is_not_there_is_named(ask: Callable[..., Any]) -> None:
    ended = ask(DAISY, endpoint="videos")
    told = json.loads(ended.stdout)
    assert (ended.code, told["error"]) == (1, "EndpointNotFound")
    assert "endpoint videos is not there" in told["detail"]
