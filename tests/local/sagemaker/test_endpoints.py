"""Endpoints as a client of SageMaker Runtime sees them."""

import json
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.cloud import LocalCloud
from pipeline.local.protocol import ServiceError
from pipeline.local.sagemaker import SageMakerService

CreateModel = Callable[..., str]
CreateEndpoint = Callable[..., dict[str, Any]]
Invoke = Callable[..., dict[str, Any]]
ARN = "arn:aws:sagemaker:us-east-1:123456789012:"


def variant(**members: Any) -> dict[str, Any]:
    shape = {"VariantName": "AllTraffic", "ModelName": "net", "InstanceType": "ml.c5.xlarge", "InitialInstanceCount": 2}
    return {**shape, **members}


@pytest.fixture
def create_endpoint(cloud: LocalCloud) -> CreateEndpoint:
    """Creates an endpoint of the model `net`, waits until it is InService or Failed, and describes it."""

    def create(name: str = "point", **members: Any) -> dict[str, Any]:
        client = cloud.client("sagemaker")
        client.create_endpoint_config(EndpointConfigName=f"{name}-1", ProductionVariants=[variant(**members)])
        client.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-1")
        try:
            client.get_waiter("endpoint_in_service").wait(
                EndpointName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 5000}
            )
        except Exception as error:
            if "terminal failure state" not in str(error):
                raise
        described: dict[str, Any] = client.describe_endpoint(EndpointName=name)
        return described

    return create


@pytest.fixture
def invoke(cloud: LocalCloud) -> Invoke:
    """Invokes an endpoint; the answer's Body is bytes."""

    def send(body: str | bytes, name: str = "point", **members: Any) -> dict[str, Any]:
        answer = cloud.client("sagemaker-runtime").invoke_endpoint(EndpointName=name, Body=body, **members)
        return {**answer, "Body": answer["Body"].read()}

    return send


def is_answered(runtime: Any) -> bool:
    try:
        runtime.invoke_endpoint(EndpointName="point", Body=b"hello")
    except (runtime.exceptions.ServiceUnavailable, runtime.exceptions.ModelError):
        return False
    return True


def test_an_endpoint_answers_with_what_its_server_says(
    create_model: CreateModel, create_endpoint: CreateEndpoint, invoke: Invoke
) -> None:
    create_model()
    described = create_endpoint()
    assert described["EndpointStatus"] == "InService"
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    answer = invoke("hello", ContentType="text/csv", Accept="text/plain", CustomAttributes="trace=1")
    assert answer["Body"] == b"hello"
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("text/plain", "AllTraffic")
    assert answer["CustomAttributes"] == "trace=1"


def test_a_content_type_with_parameters_passes_through_as_it_is(
    create_model: CreateModel, create_endpoint: CreateEndpoint, invoke: Invoke
) -> None:
    create_model()
    create_endpoint()
    triton = "application/vnd.sagemaker-triton.binary+json;json-header-size=2"
    assert invoke("typed {}", ContentType=triton, Accept=triton)["ContentType"] == triton


def test_a_server_gets_its_model_and_the_headers_of_the_request(
    create_model: CreateModel,
    create_endpoint: CreateEndpoint,
    invoke: Invoke,
    put: Callable[..., None],
    packed: Callable[..., bytes],
) -> None:
    put({"model.tar.gz": packed(("labels.txt", b"cat"))})
    create_model(data="s3://data/model.tar.gz", COLOUR="red")
    create_endpoint()
    seen = json.loads(invoke("look", ContentType="image/jpeg", Accept="application/json")["Body"])
    assert seen["files"] == {"labels.txt": "cat"}
    assert (seen["headers"]["Content-Type"], seen["headers"]["Accept"]) == ("image/jpeg", "application/json")
    assert seen["environment"]["COLOUR"] == "red"
    assert "SAGEMAKER_BATCH" not in seen["environment"]


@pytest.mark.parametrize(("status", "whose"), [(400, "client"), (503, "server")])
def test_what_the_server_refuses_is_a_model_error_in_its_words(
    cloud: LocalCloud,
    create_model: CreateModel,
    create_endpoint: CreateEndpoint,
    invoke: Invoke,
    status: int,
    whose: str,
) -> None:
    create_model()
    create_endpoint()
    with pytest.raises(cloud.client("sagemaker-runtime").exceptions.ModelError) as caught:
        invoke(f"status {status}")
    said = f"told to say {status}\nand more"
    assert caught.value.response["OriginalStatusCode"] == status
    assert caught.value.response["OriginalMessage"] == said
    message = caught.value.response["Error"]["Message"]
    assert message.startswith(f'Received {whose} error ({status}) from primary with message "{said}". See https://')


def test_a_server_that_does_not_answer_in_time_is_a_model_error(
    cloud: LocalCloud,
    create_model: CreateModel,
    create_endpoint: CreateEndpoint,
    invoke: Invoke,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.local.sagemaker.runtime.INVOCATION_LIMIT", 0.2)
    create_model(FIFO="/dev/null")
    create_endpoint()
    with pytest.raises(cloud.client("sagemaker-runtime").exceptions.ModelError, match="Your invocation timed out"):
        invoke("wait")


def test_a_server_that_drops_a_request_is_a_model_error_of_no_status(
    cloud: LocalCloud, create_model: CreateModel, create_endpoint: CreateEndpoint, invoke: Invoke
) -> None:
    create_model()
    create_endpoint()
    said = r"server error \(0\).*could not get a response from the point endpoint"
    with pytest.raises(cloud.client("sagemaker-runtime").exceptions.ModelError, match=said):
        invoke("drop")


def test_a_server_that_crashes_is_started_again(
    cloud: LocalCloud,
    create_model: CreateModel,
    create_endpoint: CreateEndpoint,
    invoke: Invoke,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.local.sagemaker.endpoints.RESTART_DELAY", 0)
    create_model()
    create_endpoint()
    runtime, pause = cloud.client("sagemaker-runtime"), Event()
    with pytest.raises(runtime.exceptions.ModelError, match="exit code 9"):
        invoke("crash")
    while not is_answered(runtime):
        pause.wait(0.02)
    assert cloud.endpoint_log("point").count("serving") == 2


def test_a_body_over_the_limit_is_refused_with_the_limit(
    create_model: CreateModel, create_endpoint: CreateEndpoint, invoke: Invoke
) -> None:
    create_model()
    create_endpoint()
    assert len(invoke(b"x" * 6_291_456)["Body"]) == 6_291_456
    with pytest.raises(ClientError, match=r"\(413\).*HTTP content length exceeded 6291456 bytes"):
        invoke(b"x" * 6_291_457)


def test_an_endpoint_is_invoked_by_its_name_in_the_case_that_it_was_given(
    create_model: CreateModel, create_endpoint: CreateEndpoint, invoke: Invoke, cloud: LocalCloud
) -> None:
    create_model()
    create_endpoint("Point")
    assert invoke("hello", "Point")["Body"] == b"hello"
    with pytest.raises(ClientError, match="Endpoint point of account 123456789012 not found"):
        invoke("hello", "point")
    with pytest.raises(ClientError, match="already existing"):
        cloud.client("sagemaker").create_endpoint(EndpointName="point", EndpointConfigName="Point-1")


def test_an_endpoint_that_is_not_there_is_not_found(invoke: Invoke, cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match=r"\(ValidationError\).*Endpoint nix of account 123456789012 not found"):
        invoke("hello", name="nix")


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"TargetVariant": "Other"}, "Variant Other not found"),
        ({"TargetModel": "m.tar.gz"}, "TargetModel is not served"),
        ({"InferenceId": "x" * 65}, "'inferenceId' failed to satisfy constraint"),
    ],
)
def test_a_request_that_one_container_cannot_serve_is_refused(
    create_model: CreateModel, create_endpoint: CreateEndpoint, invoke: Invoke, members: dict[str, str], reason: str
) -> None:
    create_model()
    create_endpoint()
    with pytest.raises(ClientError, match=rf"\(ValidationError\).*{reason}"):
        invoke("hello", **members)


def test_a_server_that_does_not_start_fails_the_endpoint_with_its_last_words(
    create_model: CreateModel, create_endpoint: CreateEndpoint, invoke: Invoke
) -> None:
    create_model(script='raise SystemExit("no such model")')
    described = create_endpoint()
    assert described["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in described["FailureReason"]
    assert described["FailureReason"].endswith("exit code 1: no such model")
    with pytest.raises(ClientError, match="not found"):
        invoke("hello")


def test_a_server_that_takes_too_long_fails_the_endpoint(
    create_model: CreateModel, create_endpoint: CreateEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.local.sagemaker.endpoints.PING_LIMIT", 0.1)
    create_model(FAILING_PINGS="1000000")
    assert create_endpoint()["EndpointStatus"] == "Failed"


def test_an_image_that_cannot_be_run_fails_the_endpoint_by_name(
    cloud: LocalCloud, role: str, create_endpoint: CreateEndpoint
) -> None:
    cloud.client("sagemaker").create_model(
        ModelName="net", PrimaryContainer={"Image": "theirs:1"}, ExecutionRoleArn=role
    )
    assert create_endpoint()["FailureReason"].startswith("The image 'theirs:1' cannot be run")


def test_a_deleted_endpoint_is_gone_with_its_server_and_its_name_is_free_again(
    cloud: LocalCloud, create_model: CreateModel, create_endpoint: CreateEndpoint, invoke: Invoke
) -> None:
    create_model()
    create_endpoint()
    root = Path(json.loads(invoke("look")["Body"])["environment"]["IMAGEBATCH_ROOT"])
    client = cloud.client("sagemaker")
    client.delete_endpoint(EndpointName="point")
    client.get_waiter("endpoint_deleted").wait(EndpointName="point", WaiterConfig={"Delay": 0.02, "MaxAttempts": 5000})
    assert not root.exists()
    with pytest.raises(ClientError, match="not found"):
        invoke("hello")
    client.create_endpoint(EndpointName="point", EndpointConfigName="point-1")


def test_an_endpoint_that_is_still_starting_can_be_deleted(cloud: LocalCloud, create_model: CreateModel) -> None:
    create_model(FAILING_PINGS="1000000")
    client = cloud.client("sagemaker")
    client.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant()])
    client.create_endpoint(EndpointName="point", EndpointConfigName="c")
    assert client.describe_endpoint(EndpointName="point")["EndpointStatus"] == "Creating"
    client.delete_endpoint(EndpointName="point")
    client.get_waiter("endpoint_deleted").wait(EndpointName="point", WaiterConfig={"Delay": 0.02, "MaxAttempts": 5000})


def test_configurations_and_endpoints_are_described_and_listed(
    cloud: LocalCloud, create_model: CreateModel, create_endpoint: CreateEndpoint
) -> None:
    create_model()
    create_endpoint("Point-A")
    client = cloud.client("sagemaker")
    config = client.describe_endpoint_config(EndpointConfigName="Point-A-1")
    assert (config["EndpointConfigArn"], config["ProductionVariants"]) == (
        f"{ARN}endpoint-config/point-a-1",
        [variant()],
    )
    assert [item["EndpointConfigName"] for item in client.list_endpoint_configs()["EndpointConfigs"]] == ["Point-A-1"]
    listed = client.list_endpoints(NameContains="point", StatusEquals="InService")["Endpoints"]
    assert [item["EndpointArn"] for item in listed] == [f"{ARN}endpoint/point-a"]
    with pytest.raises(ClientError, match="already existing endpoint"):
        client.create_endpoint(EndpointName="POINT-A", EndpointConfigName="Point-A-1")
    client.delete_endpoint_config(EndpointConfigName="Point-A-1")
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        client.create_endpoint(EndpointName="b", EndpointConfigName="Point-A-1")


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"ProductionVariants": [variant(), variant(VariantName="B")]}, "has to hold one variant"),
        ({"ProductionVariants": [variant(ServerlessConfig={"MemorySizeInMB": 2048, "MaxConcurrency": 1})]}, "has to"),
        ({"ProductionVariants": [variant(ModelName="nix")]}, "Could not find model"),
        ({"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/"}}}, "AsyncInferenceConfig is not served"),
    ],
)
def test_a_configuration_that_cannot_be_run_is_refused(
    service: SageMakerService, members: dict[str, Any], reason: str
) -> None:
    request = {"EndpointConfigName": "c", "ProductionVariants": [variant()], **members}
    with pytest.raises(ServiceError, match=rf"ValidationException.*{reason}"):
        service.handle("CreateEndpointConfig", request)


def test_the_server_of_an_endpoint_ends_with_the_cloud(
    cloud: LocalCloud, create_model: CreateModel, create_endpoint: CreateEndpoint, fifo: Path
) -> None:
    script = "import os\nos.write(os.open(os.environ['FIFO'], os.O_WRONLY), b'x')\nimport time\ntime.sleep(600)"
    create_model(script=script)
    client = cloud.client("sagemaker")
    client.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant()])
    client.create_endpoint(EndpointName="point", EndpointConfigName="c")
    with fifo.open() as signal:
        assert signal.read(1) == "x"
        cloud.close()
        assert signal.read() == ""
