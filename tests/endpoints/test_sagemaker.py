"""What SageMaker Runtime answers, in botocore's own shapes, and what it means."""

import io
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.response import StreamingBody
from botocore.session import get_session
from botocore.stub import Stubber

from pipeline import aws, errors
from pipeline.endpoints import Request, SageMakerEndpoint, sagemaker
from pipeline.errors import EndpointNotFound, EndpointRefused, EndpointTimeout, EndpointUnavailable, ImageBatchError

REQUEST = Request(b"pixels", "image/jpeg", "application/json")


@pytest.fixture
def client() -> Any:
    return boto3.client("sagemaker-runtime", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")


@pytest.fixture
def runtime(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def refused(client: Any) -> ImageBatchError:
    with pytest.raises(ImageBatchError) as raised:
        SageMakerEndpoint(client, "photos").invoke(REQUEST)
    assert "photos" in str(raised.value)
    return raised.value


def test_body_and_headers_arrive_and_the_answer_comes_back(client: Any, runtime: Stubber) -> None:
    asked = {
        "EndpointName": "photos",
        "Body": b"pixels",
        "ContentType": "image/jpeg",
        "Accept": "application/json",
    }
    answer = {"Body": StreamingBody(io.BytesIO(b"[1]"), 3), "ContentType": "application/json"}
    runtime.add_response("invoke_endpoint", answer, asked)
    found = SageMakerEndpoint(client, "photos").invoke(REQUEST)
    assert (found.body, found.content_type) == (b"[1]", "application/json")


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (0, "EndpointUnavailable"),
        (400, "EndpointRefused"),
        (413, "ImageTooLarge"),
        (415, "EndpointRefused"),
        (500, "EndpointFailed"),
        (503, "EndpointUnavailable"),
    ],
)
def test_a_model_error_is_told_by_the_containers_status_in_its_words(
    client: Any, runtime: Stubber, status: int, name: str
) -> None:
    words = '{"reason": "corrupt", "detail": "bad header"}'
    fields = {"OriginalStatusCode": status, "OriginalMessage": words, "LogStreamArn": "arn"}
    runtime.add_client_error("invoke_endpoint", "ModelError", f"Received error ({status})", 424, modeled_fields=fields)
    error = refused(client)
    assert type(error) is getattr(errors, name)
    assert "corrupt: bad header" in str(error)


@pytest.mark.parametrize("status", [0, 500])
def test_a_container_that_does_not_answer_in_time_is_a_timeout_whatever_the_status(
    client: Any, runtime: Stubber, status: int
) -> None:
    words = (
        'Received server error (0) from primary with message "Your invocation timed out while waiting for a response'
    )
    runtime.add_client_error(
        "invoke_endpoint",
        "ModelError",
        words,
        424,
        modeled_fields={"OriginalStatusCode": status, "OriginalMessage": ""},
    )
    assert type(refused(client)) is EndpointTimeout


@pytest.mark.parametrize(
    ("code", "words", "status", "error"),
    [
        ("ValidationError", "Endpoint photos of account 123456789012 not found.", 400, EndpointNotFound),
        ("ValidationError", "1 validation error detected", 400, EndpointRefused),
        ("AccessDeniedException", "not authorized to perform: sagemaker:InvokeEndpoint", 403, EndpointRefused),
        ("ExpiredTokenException", "The security token is expired", 403, EndpointRefused),
        ("ThrottlingException", "Rate exceeded", 400, EndpointUnavailable),
        ("ServiceUnavailable", "", 503, EndpointUnavailable),
        ("ModelNotReadyException", "", 429, EndpointUnavailable),
        ("InternalFailure", "", 500, EndpointUnavailable),
        ("InternalDependencyException", "", 530, EndpointUnavailable),
        ("413", "HTTP content length exceeded 6291456 bytes.", 413, errors.ImageTooLarge),
    ],
)
def test_an_error_of_the_service_is_told_by_its_code(
    client: Any, runtime: Stubber, code: str, words: str, status: int, error: type[ImageBatchError]
) -> None:
    runtime.add_client_error("invoke_endpoint", code, words, status)
    assert type(refused(client)) is error


def test_every_error_that_the_service_models_has_a_meaning(client: Any) -> None:
    model = get_session().get_service_model("sagemaker-runtime")
    modelled = {shape.name for shape in model.operation_model("InvokeEndpoint").error_shapes}
    assert modelled - sagemaker._BUSY == {"ModelError", "ValidationError"}


def test_the_limit_is_the_one_of_the_service_model() -> None:
    model = get_session().get_service_model("sagemaker-runtime")
    assert model.shape_for("BodyBlob").metadata["max"] == sagemaker.LIMIT


def test_nobody_at_the_address_is_worth_a_retry() -> None:
    client = boto3.client(
        "sagemaker-runtime",
        region_name="eu-west-1",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"total_max_attempts": 1}),
    )
    assert type(refused(client)) is EndpointUnavailable


def test_the_client_of_endpoints_asks_once_and_waits_as_long_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    aws.forget_clients()
    config = aws.endpoint_client(30).meta.config
    aws.forget_clients()
    assert (config.read_timeout, config.retries["total_max_attempts"]) == (30, 1)


def test_an_answer_that_breaks_off_may_be_asked_for_again(client: Any, runtime: Stubber) -> None:
    runtime.add_response("invoke_endpoint", {"Body": StreamingBody(io.BytesIO(b"[1"), 3)})
    error = refused(client)
    assert isinstance(error, EndpointUnavailable)
    assert "broke off its answer" in str(error)
