"""The Query protocol, held to botocore: what its serialiser sends is understood, and its parser reads the answers."""

import datetime
from io import BytesIO
from typing import Any, ClassVar
from urllib.parse import urlencode

import botocore.parsers
import botocore.serialize
import pytest
from botocore.model import OperationModel
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.http_messages import Body, Request, Response
from pipeline.local.protocol import ServiceError
from pipeline.local.query import QueryService

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1)
WHEN = datetime.datetime(2026, 11, 20, 2, 0, 0, 125000, datetime.UTC)


class Echo(QueryService):
    """Keeps what it was asked, and answers what it was told to."""

    service: ClassVar[str] = "cloudformation"
    signing_name: ClassVar[str] = "cloudformation"

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer, self.asked = answer, {}

    def describe_stacks(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self.asked = parameters
        return self.answer

    create_stack = describe_stacks

    def delete_stack(self, parameters: dict[str, Any]) -> dict[str, Any]:
        raise ServiceError("TokenAlreadyExistsException", 'no & <no> "no"')


def send(service: QueryService, operation: str, parameters: dict[str, Any]) -> Response:
    """A request as boto3 writes it."""
    model: OperationModel = service.model.operation_model(operation)
    sent = botocore.serialize.create_serializer("query").serialize_to_request(parameters, model)
    body = urlencode(sent["body"]).encode()
    return service.serve(Request("POST", "/", {}, Body(BytesIO(body), len(body))))


def read(service: QueryService, operation: str, response: Response) -> Any:
    """An answer as boto3 reads it."""
    assert isinstance(response.body, bytes)
    shape = service.model.operation_model(operation).output_shape
    return botocore.parsers.create_parser("query").parse(
        {"status_code": response.status, "headers": dict(response.headers), "body": response.body}, shape
    )


@given(st.lists(st.tuples(TEXT, TEXT), max_size=12))
def test_lists_of_structures_arrive_as_they_were_sent(pairs: list[tuple[str, str]]) -> None:
    service = Echo({})
    tags = [{"Key": key[:100], "Value": value[:100]} for key, value in pairs]

    send(service, "CreateStack", {"StackName": "x", "TimeoutInMinutes": 5, "DisableRollback": True, "Tags": tags})

    assert service.asked == {"StackName": "x", "TimeoutInMinutes": 5, "DisableRollback": True, "Tags": tags}


@given(st.lists(st.tuples(TEXT, TEXT), max_size=5))
def test_answers_are_read_as_they_were_given(pairs: list[tuple[str, str]]) -> None:
    stack = {
        "StackName": "x",
        "CreationTime": WHEN,
        "StackStatus": "CREATE_COMPLETE",
        "DisableRollback": False,
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in pairs],
    }
    service = Echo({"Stacks": [stack], "NextToken": None})

    answer = read(service, "DescribeStacks", send(service, "DescribeStacks", {}))

    del answer["ResponseMetadata"]
    assert answer == {"Stacks": [stack]}


def test_an_error_is_read_with_its_code_and_message() -> None:
    service = Echo({})

    answer = read(service, "DeleteStack", send(service, "DeleteStack", {"StackName": "x"}))

    assert (answer["Error"]["Code"], answer["Error"]["Message"]) == ("TokenAlreadyExistsException", 'no & <no> "no"')


def test_what_xml_cannot_carry_breaks_no_answer() -> None:
    stack = {"StackName": "\x00x", "CreationTime": WHEN, "StackStatus": "CREATE_COMPLETE"}
    service = Echo({"Stacks": [stack]})

    answer = read(service, "DescribeStacks", send(service, "DescribeStacks", {}))

    assert answer["Stacks"][0]["StackName"] == "?x"


@pytest.mark.parametrize("action", ["", "NoSuchOperation"])
def test_an_operation_that_does_not_exist_is_refused(action: str) -> None:
    body = urlencode({"Action": action}).encode()

    response = Echo({}).serve(Request("POST", "/", {}, Body(BytesIO(body), len(body))))

    assert response.status == 400
    assert b"<Code>UnknownOperationException</Code>" in response.body  # type: ignore[operator]
