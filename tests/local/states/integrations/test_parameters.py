"""Parameters on their way into an API, and its answers on the way back."""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import botocore.session
import pytest

from pipeline.local.states.errors import StateError
from pipeline.local.states.integrations import responses
from pipeline.local.states.integrations.errors import Naming, sdk_naming
from pipeline.local.states.integrations.shaping import request_of

NAMING = Naming("SQS", "AmazonSQS", "AmazonSQSException")


def operation(service: str, name: str) -> Any:
    return botocore.session.get_session().get_service_model(service).operation_model(name)


def request(service: str, name: str, parameters: Any, *, blobs_as_json: bool = False) -> dict[str, Any]:
    return request_of(parameters, operation(service, name).input_shape, NAMING, blobs_as_json=blobs_as_json)


def test_names_in_pascal_case_become_those_of_the_api() -> None:
    made = request("stepfunctions", "StartExecution", {"StateMachineArn": "arn", "Name": "one"})
    assert made == {"stateMachineArn": "arn", "name": "one"}


def test_objects_become_json_where_the_api_takes_text() -> None:
    made = request("sqs", "SendMessage", {"QueueUrl": "q", "MessageBody": {"é": [1, True]}})
    assert made["MessageBody"] == '{"é":[1,true]}'


def test_null_means_absent() -> None:
    assert request("sqs", "SendMessage", {"QueueUrl": "q", "MessageBody": "m", "MessageGroupId": None}).keys() == {
        "QueueUrl",
        "MessageBody",
    }


def test_numbers_may_be_written_as_text() -> None:
    made = request("sqs", "SendMessage", {"QueueUrl": "q", "MessageBody": 1, "DelaySeconds": "5"})
    assert (made["MessageBody"], made["DelaySeconds"]) == ("1", 5)


@pytest.mark.parametrize(("as_json", "body"), [(True, b'"text"'), (False, b"text")])
def test_bodies_are_json_for_the_sdk_and_text_for_optimised_integrations(as_json: bool, body: bytes) -> None:
    made = request("s3", "PutObject", {"Bucket": "b", "Key": "k", "Body": "text"}, blobs_as_json=as_json)
    assert made["Body"] == body


def test_names_inside_a_map_are_data_and_stay() -> None:
    item = {"id": {"S": "1"}, "Tags": {"Ss": ["a"]}}
    assert request("dynamodb", "PutItem", {"TableName": "table", "Item": item})["Item"] == {
        "id": {"S": "1"},
        "Tags": {"SS": ["a"]},
    }


def test_a_parameter_that_the_api_does_not_have_ends_the_execution() -> None:
    with pytest.raises(StateError, match='The field "Colour" is not supported') as failed:
        request("sqs", "SendMessage", {"QueueUrl": "q", "MessageBody": "m", "Colour": "red"})
    assert failed.value.terminal


def test_a_missing_parameter_is_the_services_own_error() -> None:
    with pytest.raises(StateError, match=r"1 validation error detected: Value null at 'messageBody'") as failed:
        request("sqs", "SendMessage", {"QueueUrl": "q"})
    assert failed.value.error == "SQS.AmazonSQSException"


@pytest.mark.parametrize(
    ("service_id", "name"),
    [
        ("DynamoDB", "DynamoDb"),
        ("S3", "S3"),
        ("SFN", "Sfn"),
        ("SageMaker", "SageMaker"),
        ("EventBridge", "EventBridge"),
        ("CloudWatch Logs", "CloudWatchLogs"),
        ("EC2", "Ec2"),
        ("SSM", "Ssm"),
    ],
)
def test_sdk_errors_are_named_by_the_service_id(service_id: str, name: str) -> None:
    assert sdk_naming(service_id).generic == f"{name}Exception"


def test_answers_are_spelled_and_timed_as_each_kind_of_integration_does() -> None:
    shape = operation("stepfunctions", "StartExecution").output_shape
    answer = {"executionArn": "arn", "startDate": datetime(2026, 1, 2, tzinfo=UTC), "ResponseMetadata": {}}
    assert responses.aws_sdk(answer, shape) == {"ExecutionArn": "arn", "StartDate": "2026-01-02T00:00:00Z"}
    optimised = responses.optimised(answer, shape)
    assert optimised["StartDate"] == 1767312000000
    assert optimised["SdkHttpMetadata"]["HttpStatusCode"] == 200


@pytest.mark.parametrize(("body", "text"), [(b"caf\xc3\xa9", "café"), (b"\xff\x00", "/wA=")])
def test_bodies_become_text(body: bytes, text: str) -> None:
    shape = operation("s3", "GetObject").output_shape
    assert responses.aws_sdk({"Body": BytesIO(body)}, shape) == {"Body": text}
