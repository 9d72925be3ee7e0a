"""Services of a few lines, spoken to by boto3 itself."""

import datetime
import json
from collections.abc import Iterator
from typing import Any, ClassVar

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.http_server import HttpServer
from pipeline.local.protocol import JsonService, RestJsonService, ServiceError, to_json

MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


class Jobs(JsonService):
    service = "sagemaker"
    signing_name = "sagemaker"
    seen: ClassVar[list[dict[str, Any]]] = []

    def describe_processing_job(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self.seen.append(parameters)
        return {"ProcessingJobName": parameters["ProcessingJobName"], "CreationTime": MOMENT, "FailureReason": None}

    def list_processing_jobs(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self.seen.append(parameters)
        return {"ProcessingJobSummaries": []}

    def stop_processing_job(self, parameters: dict[str, Any]) -> dict[str, Any]:
        raise ServiceError("ResourceNotFound", f"no job {parameters['ProcessingJobName']}")


class Functions(RestJsonService):
    service = "lambda"
    signing_name = "lambda"
    seen: ClassVar[list[dict[str, Any]]] = []

    def invoke(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self.seen.append(parameters)
        return {"StatusCode": 202, "FunctionError": "Unhandled", "Payload": b"\x00raw"}

    def list_functions(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self.seen.append(parameters)
        return {"Functions": [{"FunctionName": "ü"}]}

    def get_function(self, parameters: dict[str, Any]) -> dict[str, Any]:
        raise ServiceError("ResourceNotFoundException", f"no {parameters['FunctionName']}", Type="User")


def client_of(service: JsonService) -> Iterator[Any]:
    server = HttpServer(service.serve)
    server.start()
    client: Any = boto3.Session("key", "secret", region_name="us-east-1").client(
        service.service,  # type: ignore[call-overload]
        endpoint_url=server.url,
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()
    server.close()


@pytest.fixture
def jobs() -> Iterator[Any]:
    Jobs.seen.clear()
    yield from client_of(Jobs())


@pytest.fixture
def functions() -> Iterator[Any]:
    Functions.seen.clear()
    yield from client_of(Functions())


def refusal(call: Any, **parameters: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return dict(caught.value.response)


def test_an_operation_is_a_method_in_snake_case(jobs: Any) -> None:
    assert jobs.describe_processing_job(ProcessingJobName="a-1")["ProcessingJobName"] == "a-1"


def test_datetimes_travel_both_ways(jobs: Any) -> None:
    jobs.list_processing_jobs(CreationTimeAfter=MOMENT)
    assert Jobs.seen == [{"CreationTimeAfter": MOMENT}]
    assert jobs.describe_processing_job(ProcessingJobName="a")["CreationTime"] == MOMENT


def test_members_that_are_none_are_left_out(jobs: Any) -> None:
    assert "FailureReason" not in jobs.describe_processing_job(ProcessingJobName="a")


def test_a_request_that_breaks_the_models_rules_never_reaches_the_method(jobs: Any) -> None:
    error = refusal(jobs.describe_processing_job, ProcessingJobName="a_b")["Error"]
    assert error["Code"] == "ValidationException"
    assert "'processingJobName'" in error["Message"]
    assert not Jobs.seen


def test_a_value_of_the_wrong_type_is_a_serialization_error(jobs: Any) -> None:
    assert refusal(jobs.list_processing_jobs, MaxResults="ten")["Error"]["Code"] == "SerializationException"


def test_a_modelled_error_arrives_as_its_own_exception(jobs: Any) -> None:
    with pytest.raises(jobs.exceptions.ResourceNotFound, match="no job nix"):
        jobs.stop_processing_job(ProcessingJobName="nix")


def test_an_operation_that_is_not_served_is_refused_by_name(jobs: Any) -> None:
    error = refusal(jobs.list_endpoints)["Error"]
    assert error["Code"] == "UnsupportedOperation"
    assert "ListEndpoints" in error["Message"]


def test_an_operation_that_no_model_knows_is_refused() -> None:
    with pytest.raises(ServiceError, match="no operation 'MakeCoffee'"):
        Jobs().handle("MakeCoffee", {})


def test_rest_members_come_from_path_query_header_and_body(functions: Any) -> None:
    functions.invoke(FunctionName="arn:aws:lambda:us-east-1:123456789012:function:f", Payload=b"{}", LogType="Tail")
    functions.list_functions(MaxItems=7)
    assert Functions.seen[0]["FunctionName"] == "arn:aws:lambda:us-east-1:123456789012:function:f"
    assert Functions.seen[0]["Payload"] == b"{}"
    assert Functions.seen[0]["LogType"] == "Tail"
    assert Functions.seen[1] == {"MaxItems": 7}


def test_rest_members_go_to_status_header_and_raw_body(functions: Any) -> None:
    answer = functions.invoke(FunctionName="f")
    assert answer["StatusCode"] == 202
    assert answer["FunctionError"] == "Unhandled"
    assert answer["Payload"].read() == b"\x00raw"


def test_a_rest_error_has_the_status_that_the_model_gives_it(functions: Any) -> None:
    response = refusal(functions.get_function, FunctionName="nix")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert response["Error"]["Code"] == "ResourceNotFoundException"
    assert response["Type"] == "User"


@given(st.text(st.characters() | st.characters(categories=["Cs"]), max_size=20))
def test_any_text_that_json_can_hold_is_answered(text: str) -> None:
    in_pairs = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert json.loads(to_json({"text": text})) == {"text": in_pairs}
