"""The model server behind an endpoint, asked as an application asks it: through SageMaker Runtime."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.contract.packages import load_package, pack
from pipeline.local.cloud import LocalCloud

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ROLE = "arn:aws:iam::123456789012:role/sagemaker"


@pytest.fixture(scope="module")
def runtime() -> Iterator[Any]:
    """A client of a local cloud with the endpoint `photos`, which serves the example model."""
    with LocalCloud() as cloud:
        archive = io.BytesIO()
        pack(load_package(EXAMPLES / "models/efficientnet-lite0"), archive)
        cloud.client("s3").create_bucket(Bucket="models")
        cloud.client("s3").put_object(Bucket="models", Key="model.tar.gz", Body=archive.getvalue())
        client = cloud.client("sagemaker")
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
        yield cloud.client("sagemaker-runtime")


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
