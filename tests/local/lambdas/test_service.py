"""Lambda's API around the invocation: functions and their configuration, names, refusals."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.cloud import LocalCloud

Create = Callable[..., Any]
ECHO = "def handler(event, context): return event"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:echo"


def test_a_function_is_described_as_it_was_created(cloud: LocalCloud, create_function: Create) -> None:
    create_function(
        "echo", ECHO, Timeout=30, MemorySize=512, Environment={"Variables": {"WORD": "b"}}, Description="says"
    )
    described = cloud.client("lambda").get_function_configuration(FunctionName="echo")
    assert described["FunctionArn"] == ARN
    assert (described["Timeout"], described["MemorySize"], described["Description"]) == (30, 512, "says")
    assert described["Environment"] == {"Variables": {"WORD": "b"}}
    assert (described["State"], described["LastUpdateStatus"], described["Version"]) == (
        "Active",
        "Successful",
        "$LATEST",
    )


def test_the_waiters_of_boto3_are_content(cloud: LocalCloud, create_function: Create) -> None:
    create_function("echo", ECHO)
    for waiter in ("function_active_v2", "function_updated_v2", "function_exists"):
        cloud.client("lambda").get_waiter(waiter).wait(FunctionName="echo")


@pytest.mark.parametrize(
    "name", ["echo", ARN, f"{ARN}:$LATEST", "123456789012:function:echo", "function:echo", "echo:$LATEST"]
)
def test_a_function_is_found_by_each_form_of_its_name(cloud: LocalCloud, create_function: Create, name: str) -> None:
    create_function("echo", ECHO)
    assert cloud.client("lambda").invoke(FunctionName=name, Payload=b"1")["Payload"].read() == b"1"


@pytest.mark.parametrize("arguments", [{"FunctionName": "nix"}, {"FunctionName": "echo", "Qualifier": "7"}])
def test_an_unknown_function_or_version_is_not_found(
    cloud: LocalCloud, create_function: Create, arguments: dict[str, str]
) -> None:
    create_function("echo", ECHO)
    client = cloud.client("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="Function not found: arn:aws:lambda"):
        client.invoke(**arguments)


def test_a_name_is_taken_once(create_function: Create, cloud: LocalCloud) -> None:
    create_function("echo", ECHO)
    with pytest.raises(cloud.client("lambda").exceptions.ResourceConflictException):
        create_function("echo", ECHO)


def test_functions_are_listed_page_by_page(cloud: LocalCloud, create_function: Create) -> None:
    for name in ("c", "a", "b"):
        create_function(name, ECHO)
    pages = cloud.client("lambda").get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    assert [[function["FunctionName"] for function in page["Functions"]] for page in pages] == [["a", "b"], ["c"]]


def test_a_deleted_function_is_gone(cloud: LocalCloud, create_function: Create) -> None:
    create_function("echo", ECHO)
    client = cloud.client("lambda")
    client.delete_function(FunctionName="echo")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName="echo")


def test_code_may_come_from_a_bucket(cloud: LocalCloud, role: str, zipped: Callable[[str], bytes]) -> None:
    s3, client = cloud.client("s3"), cloud.client("lambda")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="echo.zip", Body=zipped(ECHO))
    arguments: dict[str, Any] = {"Runtime": "python3.12", "Role": role, "Handler": "handler.handler"}
    client.create_function(FunctionName="echo", Code={"S3Bucket": "code", "S3Key": "echo.zip"}, **arguments)
    assert client.invoke(FunctionName="echo", Payload=b"1")["Payload"].read() == b"1"
    with pytest.raises(ClientError, match="Error occurred while GetObject"):
        client.create_function(FunctionName="none", Code={"S3Bucket": "code", "S3Key": "nix"}, **arguments)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"Runtime": "nodejs22.x"}, "functions are in Python"),
        ({"Runtime": "cobol"}, "Member must satisfy enum value set"),
        ({"Timeout": 901}, "Timeout 901 is above Lambda's limit of 900"),
        ({"MemorySize": 10241}, "MemorySize 10241 is above Lambda's limit of 10240"),
        ({"Role": "admin"}, "regular expression pattern"),
        ({"PackageType": "Image"}, "Container images do not run here"),
    ],
)
def test_a_function_that_cannot_run_is_refused(create_function: Create, settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ClientError, match=reason):
        create_function("refused", ECHO, **settings)


def test_a_zip_file_that_leads_out_of_itself_is_refused(cloud: LocalCloud, role: str) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("../outside.py", "")
    with pytest.raises(ClientError, match="outside itself"):
        cloud.client("lambda").create_function(
            FunctionName="evil",
            Runtime="python3.12",
            Role=role,
            Handler="a.b",
            Code={"ZipFile": archive.getvalue()},
        )


def test_payloads_are_held_to_their_limits(cloud: LocalCloud, create_function: Create) -> None:
    create_function("size", "def handler(event, context): return len(event)", MemorySize=512)
    client, limit = cloud.client("lambda"), 6 * 1024 * 1024
    largest = b'"%b"' % (b"x" * (limit - 2))
    assert client.invoke(FunctionName="size", Payload=largest)["Payload"].read() == str(limit - 2).encode()
    with pytest.raises(client.exceptions.RequestTooLargeException):
        client.invoke(FunctionName="size", Payload=largest + b" ")
    with pytest.raises(client.exceptions.RequestTooLargeException):
        client.invoke(FunctionName="size", Payload=b'"%b"' % (b"x" * 1024 * 1024), InvocationType="Event")


def test_a_payload_that_is_no_json_is_refused(cloud: LocalCloud, create_function: Create) -> None:
    create_function("echo", ECHO)
    client = cloud.client("lambda")
    with pytest.raises(client.exceptions.InvalidRequestContentException):
        client.invoke(FunctionName="echo", Payload=b"{")


def test_a_dry_run_runs_nothing(cloud: LocalCloud, create_function: Create) -> None:
    create_function("echo", ECHO)
    answer = cloud.client("lambda").invoke(FunctionName="echo", InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert cloud.logs("echo") == ""


def test_what_is_not_served_is_refused_by_name(cloud: LocalCloud, create_function: Create) -> None:
    create_function("echo", ECHO)
    with pytest.raises(ClientError, match=r"UnsupportedOperation.*PutFunctionConcurrency"):
        cloud.client("lambda").put_function_concurrency(FunctionName="echo", ReservedConcurrentExecutions=1)
