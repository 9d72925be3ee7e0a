"""Events for functions: tried again, and told of when that does not help."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.cloud import LocalCloud
from pipeline.local.lambdas import asynchronous

FAILS = "def handler(event, context): raise ValueError('no such key: ' + event['key'])"
ARN = "arn:aws:sqs:us-east-1:123456789012:"

Receive = Callable[[str], dict[str, Any]]


@pytest.fixture
def receive(cloud: LocalCloud) -> Receive:
    """The next message of a queue, which is made when it is not there."""
    sqs = cloud.client("sqs")
    for name in ("dead", "failures", "successes"):
        sqs.create_queue(QueueName=name)

    def get(name: str) -> dict[str, Any]:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"])
        message: dict[str, Any] = answer["Messages"][0]
        return message

    return get


def configure(cloud: LocalCloud, **settings: Any) -> None:
    cloud.client("lambda").put_function_event_invoke_config(FunctionName="f", **settings)


def send(cloud: LocalCloud, event: Any) -> None:
    answer = cloud.client("lambda").invoke(FunctionName="f", InvocationType="Event", Payload=json.dumps(event))
    assert answer["StatusCode"] == 202


def test_an_event_that_fails_for_good_ends_in_the_dead_letter_queue_with_its_reason(
    cloud: LocalCloud, create_function: Any, receive: Receive
) -> None:
    create_function("f", FAILS, DeadLetterConfig={"TargetArn": ARN + "dead"})
    configure(cloud, MaximumRetryAttempts=0)
    send(cloud, {"key": "a.jpg"})
    message = receive("dead")
    assert json.loads(message["Body"]) == {"key": "a.jpg"}
    attributes = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert attributes["ErrorMessage"] == "no such key: a.jpg"
    assert attributes["ErrorCode"] == "200"


def test_a_destination_gets_the_record_of_a_failure(cloud: LocalCloud, create_function: Any, receive: Receive) -> None:
    arn = create_function("f", FAILS)["FunctionArn"]
    configure(cloud, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": ARN + "failures"}})
    send(cloud, {"key": "a.jpg"})
    record = json.loads(receive("failures")["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["functionArn"] == f"{arn}:$LATEST"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["requestPayload"] == {"key": "a.jpg"}
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "ValueError"


def test_a_destination_gets_the_record_of_a_success(cloud: LocalCloud, create_function: Any, receive: Receive) -> None:
    create_function("f", "def handler(event, context): return event['n'] + 1")
    configure(cloud, DestinationConfig={"OnSuccess": {"Destination": ARN + "successes"}})
    send(cloud, {"n": 41})
    record = json.loads(receive("successes")["Body"])
    assert (record["requestContext"]["condition"], record["responsePayload"]) == ("Success", 42)


def test_a_function_that_fails_is_tried_again_after_a_minute_and_after_two_more(
    create_function: Any, cloud: LocalCloud, receive: Receive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert asynchronous.SECONDS_BETWEEN_ATTEMPTS == (60, 120)
    monkeypatch.setattr(asynchronous, "SECONDS_BETWEEN_ATTEMPTS", (0, 0))
    source = f"""
def handler(event, context):
    with open({str(tmp_path / "attempts")!r}, "a") as file:
        file.write(context.aws_request_id + "\\n")
    raise ValueError("again")
"""
    create_function("f", source, DeadLetterConfig={"TargetArn": ARN + "dead"})
    send(cloud, {})
    receive("dead")
    attempts = (tmp_path / "attempts").read_text().split()
    assert len(attempts) == 3
    assert len(set(attempts)) == 1


def test_a_function_that_succeeds_at_the_second_attempt_is_not_told_of(
    create_function: Any, cloud: LocalCloud, receive: Receive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(asynchronous, "SECONDS_BETWEEN_ATTEMPTS", (0, 0))
    source = f"""
import pathlib
def handler(event, context):
    first = pathlib.Path({str(tmp_path / "first")!r})
    if not first.exists():
        first.touch()
        raise ValueError("again")
"""
    create_function("f", source, DeadLetterConfig={"TargetArn": ARN + "dead"})
    configure(cloud, DestinationConfig={"OnSuccess": {"Destination": ARN + "successes"}})
    send(cloud, {})
    record = json.loads(receive("successes")["Body"])
    assert record["requestContext"]["approximateInvokeCount"] == 2


def test_a_configuration_is_changed_told_and_deleted(cloud: LocalCloud, create_function: Any) -> None:
    create_function("f", FAILS)
    client = cloud.client("lambda")
    configure(cloud, MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60)
    client.update_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=2)
    config = client.get_function_event_invoke_config(FunctionName="f")
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (2, 60)
    assert len(client.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"]) == 1
    client.delete_function_event_invoke_config(FunctionName="f")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.get_function_event_invoke_config(FunctionName="f")


def test_a_destination_that_is_not_served_is_refused(cloud: LocalCloud, create_function: Any) -> None:
    create_function("f", FAILS)
    with pytest.raises(ClientError, match="The destination is not served"):
        configure(cloud, DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::bucket"}})


def test_an_event_that_waits_is_served_by_the_next_cloud(tmp_path: Path, zipped: Any, role: str) -> None:
    code = zipped(f"def handler(e, c): open({str(tmp_path / 'served')!r}, 'w').write(e['n'])")
    with LocalCloud(tmp_path / "state", hold_events=True) as cloud:
        create_in(cloud, code, role).invoke(FunctionName="f", InvocationType="Event", Payload='{"n": "later"}')
    with LocalCloud(tmp_path / "state", hold_events=True) as cloud:
        sqs = cloud.client("sqs")
        url = sqs.create_queue(QueueName="done")["QueueUrl"]
        create_in(cloud, code, role).put_function_event_invoke_config(
            FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": ARN + "done"}}
        )
        cloud.deliver()
        assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert (tmp_path / "served").read_text() == "later"


def test_an_event_that_a_cloud_was_stopped_at_is_served_by_the_next_one(
    tmp_path: Path, zipped: Any, role: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = f"""
import pathlib, time
def handler(event, context):
    begun = pathlib.Path({str(tmp_path / "begun")!r})
    if not begun.exists():
        begun.touch()
        time.sleep(600)
    return "served"
"""
    with LocalCloud(tmp_path / "state") as cloud:
        create_in(cloud, zipped(source), role).invoke(FunctionName="f", InvocationType="Event", Payload="{}")
        pause = threading.Event()
        while not (tmp_path / "begun").exists():
            pause.wait(0.01)
    with LocalCloud(tmp_path / "state", hold_events=True) as cloud:
        sqs = cloud.client("sqs")
        url = sqs.create_queue(QueueName="done")["QueueUrl"]
        create_in(cloud, zipped(source), role).put_function_event_invoke_config(
            FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": ARN + "done"}}
        )
        cloud.deliver()
        record = json.loads(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"][0]["Body"])
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert "dropped" not in caplog.text


def create_in(cloud: LocalCloud, code: bytes, role: str) -> Any:
    """Creates the function in a cloud, and gives the client that did."""
    client = cloud.client("lambda")
    client.create_function(
        FunctionName="f",
        Code={"ZipFile": code},
        Runtime="python3.12",
        Role=role,
        Handler="handler.handler",
        Timeout=900,
    )
    return client
