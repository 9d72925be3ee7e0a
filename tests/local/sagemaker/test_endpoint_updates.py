"""UpdateEndpoint: another configuration, while the endpoint goes on answering."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.cloud import LocalCloud

CreateModel = Callable[..., str]


@pytest.fixture
def configure(cloud: LocalCloud, create_model: CreateModel) -> Callable[..., str]:
    """Creates a model and an endpoint configuration of the same name; variables are the container's."""

    def create(name: str, **variables: str) -> str:
        variant = {"VariantName": "all", "ModelName": create_model(name, **variables), "InstanceType": "ml.c5.xlarge"}
        cloud.client("sagemaker").create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
        )
        return name

    return create


@pytest.fixture
def settled(cloud: LocalCloud) -> Callable[[], dict[str, Any]]:
    """Waits until the endpoint is in service, and describes it."""

    def wait() -> dict[str, Any]:
        client = cloud.client("sagemaker")
        client.get_waiter("endpoint_in_service").wait(
            EndpointName="point", WaiterConfig={"Delay": 0.02, "MaxAttempts": 5000}
        )
        described: dict[str, Any] = client.describe_endpoint(EndpointName="point")
        return described

    return wait


def asked(cloud: LocalCloud, variable: str) -> str | None:
    """A variable of the server that answers."""
    answer = cloud.client("sagemaker-runtime").invoke_endpoint(EndpointName="point", Body=b"look")
    value: str | None = json.loads(answer["Body"].read())["environment"].get(variable)
    return value


def test_an_updated_endpoint_answers_by_its_new_model(
    cloud: LocalCloud, configure: Callable[..., str], settled: Callable[[], dict[str, Any]]
) -> None:
    client = cloud.client("sagemaker")
    client.create_endpoint(EndpointName="point", EndpointConfigName=configure("old", WHICH="old"))
    settled()
    client.update_endpoint(EndpointName="point", EndpointConfigName=configure("new", WHICH="new"))
    assert (settled()["EndpointConfigName"], asked(cloud, "WHICH")) == ("new", "new")


def test_an_endpoint_answers_while_it_is_updated(
    cloud: LocalCloud, configure: Callable[..., str], settled: Callable[[], dict[str, Any]]
) -> None:
    client = cloud.client("sagemaker")
    client.create_endpoint(EndpointName="point", EndpointConfigName=configure("old", WHICH="old"))
    settled()
    never = configure("never", FAILING_PINGS="1000000")
    client.update_endpoint(EndpointName="point", EndpointConfigName=never)
    assert client.describe_endpoint(EndpointName="point")["EndpointStatus"] == "Updating"
    assert asked(cloud, "WHICH") == "old"
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        client.update_endpoint(EndpointName="point", EndpointConfigName=never)


def test_an_update_that_fails_leaves_the_endpoint_as_it_was(
    cloud: LocalCloud, configure: Callable[..., str], settled: Callable[[], dict[str, Any]], role: str
) -> None:
    client = cloud.client("sagemaker")
    client.create_endpoint(EndpointName="point", EndpointConfigName=configure("old", WHICH="old"))
    settled()
    client.create_model(ModelName="theirs", PrimaryContainer={"Image": "theirs:1"}, ExecutionRoleArn=role)
    variant = {"VariantName": "all", "ModelName": "theirs", "InstanceType": "ml.c5.xlarge", "InitialInstanceCount": 1}
    client.create_endpoint_config(EndpointConfigName="theirs", ProductionVariants=[variant])
    client.update_endpoint(EndpointName="point", EndpointConfigName="theirs")
    described = settled()
    assert (described["EndpointConfigName"], asked(cloud, "WHICH")) == ("old", "old")
    assert described["FailureReason"].startswith("The image 'theirs:1' cannot be run")
