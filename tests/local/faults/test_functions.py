"""Invocations that go wrong, as who invokes a function sees them."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud

CODE = """
import os
import boto3

def handler(event, context):
    boto3.client("s3").put_object(Bucket="done", Key=context.aws_request_id)
    return {"pid": os.getpid()}
"""
ROLE = "arn:aws:iam::123456789012:role/any"


@pytest.fixture(scope="module")
def function(cloud: LocalCloud) -> str:
    cloud.client("s3").create_bucket(Bucket="done")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("steps_of_test.py", CODE)
    cloud.client("lambda").create_function(
        FunctionName="writes",
        Runtime="python3.12",
        Role=ROLE,
        Handler="steps_of_test.handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=60,
        MemorySize=512,
    )
    return "writes"


@pytest.fixture
def done(cloud: LocalCloud) -> Callable[[], int]:
    """How many invocations have done their work since the test began."""
    s3 = cloud.client("s3")
    before = s3.list_objects_v2(Bucket="done")["KeyCount"]
    return lambda: s3.list_objects_v2(Bucket="done")["KeyCount"] - before


def on_function(fault: str, **more: Any) -> dict[str, Any]:
    return {"on": "function", "name": "writes", "fault": fault, **more}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("killed", "Runtime.ExitError"),
        ("out_of_memory", "Runtime.OutOfMemory"),
        ("timed_out", "Sandbox.Timedout"),
    ],
)
def test_a_function_that_dies_ends_as_lambda_says_it(
    client: Callable[..., Any], function: str, go_wrong: Callable[..., None], fault: str, error: str
) -> None:
    go_wrong(on_function(fault, seconds=0))
    answer = client("lambda").invoke(FunctionName=function)
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == error


def test_a_function_that_dies_late_has_done_its_work(
    client: Callable[..., Any], function: str, go_wrong: Callable[..., None], done: Callable[[], int]
) -> None:
    go_wrong(on_function("killed", seconds=60))
    assert client("lambda").invoke(FunctionName=function)["FunctionError"] == "Unhandled"
    assert done() == 1


def test_after_a_death_the_function_serves_again(
    client: Callable[..., Any], function: str, go_wrong: Callable[..., None], done: Callable[[], int]
) -> None:
    go_wrong(on_function("killed", seconds=0))
    client("lambda").invoke(FunctionName=function)
    assert "FunctionError" not in client("lambda").invoke(FunctionName=function)


def test_a_throttled_call_is_refused_as_lambda_does(
    client: Callable[..., Any], function: str, go_wrong: Callable[..., None], done: Callable[[], int]
) -> None:
    go_wrong(on_function("throttled"))
    functions = client("lambda")
    with pytest.raises(functions.exceptions.TooManyRequestsException) as refused:
        functions.invoke(FunctionName=function)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert done() == 0


def test_a_function_may_be_invoked_twice_for_one_answer(
    client: Callable[..., Any], function: str, go_wrong: Callable[..., None], done: Callable[[], int]
) -> None:
    go_wrong(on_function("twice"))
    assert "FunctionError" not in client("lambda").invoke(FunctionName=function)
    assert done() == 2
