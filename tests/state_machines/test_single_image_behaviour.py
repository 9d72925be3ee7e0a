"""The single image state machine in a local cloud, on every way that it can take.

The machine, Step Functions, Lambda, SNS and SQS are the local cloud's own; the steps are single_steps_for_tests.py.
"""

import json
from pathlib import Path

import pytest

from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import deploy

ROOT = Path(__file__).resolve().parents[2]
STEPS = {
    "ValidateImageFunction": "validate_image",
    "InvokeEndpointFunction": "invoke_endpoint",
    "RankPredictionFunction": "rank_prediction",
}
ROLE = "arn:aws:iam::123456789012:role/test"


def template(attempts, dead_letters):
    def function(step):
        return {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "CodeUri": str(Path(__file__).parent),
                "Runtime": "python3.13",
                "Timeout": 30,
                "Role": ROLE,
                "Handler": f"single_steps_for_tests.{step}",
                "Environment": {"Variables": {"ATTEMPTS": str(attempts)}},
            },
        }

    machine = {
        "Type": "AWS::Serverless::StateMachine",
        "Properties": {
            "Type": "EXPRESS",
            "Role": ROLE,
            "DefinitionUri": str(ROOT / "state_machines" / "single_image.asl.json"),
            "DefinitionSubstitutions": {
                **{f"{name}Arn": {"Fn::GetAtt": [name, "Arn"]} for name in STEPS},
                "TopicArn": {"Ref": "Topic"},
                "DeadLetterQueueUrl": dead_letters,
            },
        },
    }
    functions = {name: function(step) for name, step in STEPS.items()}
    return {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"Machine": machine, "Topic": {"Type": "AWS::SNS::Topic"}, **functions},
        "Outputs": {name: {"Value": {"Ref": name}} for name in ("Machine", "Topic")},
    }


@pytest.fixture(scope="module")
def cloud():
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def attempts(tmp_path_factory):
    """The folder where the endpoint keeps how often it was asked for each image."""
    return tmp_path_factory.mktemp("attempts")


@pytest.fixture(scope="module")
def dead_letters(cloud):
    return cloud.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]


@pytest.fixture(scope="module")
def stack(cloud, attempts, dead_letters, tmp_path_factory):
    path = tmp_path_factory.mktemp("stack") / "template.json"
    path.write_text(json.dumps(template(attempts, dead_letters)), encoding="utf-8")
    return deploy(cloud, path, {}, "single")


@pytest.fixture(scope="module")
def inbox(cloud, stack):
    queue = cloud.client("sqs").create_queue(QueueName="inbox")["QueueUrl"]
    attributes = cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    arn = attributes["Attributes"]["QueueArn"]
    cloud.client("sns").subscribe(TopicArn=stack.outputs["Topic"], Protocol="sqs", Endpoint=arn)
    return queue


@pytest.fixture
def received(cloud):
    """Everything that is in a queue, which is empty afterwards."""

    def receive(queue):
        sqs, found = cloud.client("sqs"), []
        while messages := sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            found += messages
        return found

    return receive


@pytest.fixture
def run(cloud, stack, inbox):
    """`run({"key": "good"})` is the execution with this input, when it has ended."""

    def start(event):
        return cloud.client("stepfunctions").start_sync_execution(
            stateMachineArn=stack.outputs["Machine"], input=json.dumps(event)
        )

    return start


def test_a_prediction_is_published_in_the_form_of_each_protocol(run, received, inbox):
    assert run({"key": "good"})["status"] == "SUCCEEDED"
    (message,) = received(inbox)
    envelope = json.loads(message["Body"])
    assert (envelope["Subject"], envelope["Message"]) == ("good", "document")
    assert {name: each["Value"] for name, each in envelope["MessageAttributes"].items()} == {
        "outcome": "predicted",
        "id": "1",
    }


def test_whoever_waits_gets_the_result(run):
    assert json.loads(run({"key": "good"})["output"]) == {"key": "good", "labels": ["daisy"]}


def test_a_rejected_image_is_told_about_and_no_endpoint_is_asked(run, received, inbox, attempts):
    received(inbox)
    assert json.loads(run({"key": "rejected"})["output"]) == {"outcome": "rejected"}
    assert [json.loads(message["Body"])["Subject"] for message in received(inbox)] == ["rejected"]
    assert not (attempts / "rejected").exists()


def test_what_is_ignored_is_neither_told_about_nor_a_failure(run, received, inbox):
    received(inbox)
    assert run({"key": "ignored"})["status"] == "SUCCEEDED"
    assert received(inbox) == []


def test_an_endpoint_that_fails_once_is_asked_again(run, attempts):
    assert run({"key": "broken-once"})["status"] == "SUCCEEDED"
    assert (attempts / "broken-once").read_text() == ".."


def test_an_endpoint_that_goes_on_failing_is_given_up(run, attempts, received, dead_letters):
    assert run({"key": "broken"})["error"] == "EndpointFailed"
    assert (attempts / "broken").read_text() == "..."
    assert [json.loads(message["Body"])["event"] for message in received(dead_letters)] == [{"key": "broken"}]


def test_what_an_endpoint_refuses_is_not_sent_again(run, attempts, received, dead_letters):
    run({"key": "refused"})
    received(dead_letters)
    assert (attempts / "refused").read_text() == "."


def test_a_dead_letter_says_what_happened_to_which_event(run, received, dead_letters):
    received(dead_letters)
    failed = run({"key": "refused"})
    (letter,) = received(dead_letters)
    body = json.loads(letter["Body"])
    assert body["event"] == {"key": "refused"}
    assert body["execution"] == failed["executionArn"]
    assert body["error"]["Error"] == "EndpointRefused"
    assert "nothing for the endpoint 'photos'" in body["error"]["Cause"]
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "EndpointRefused"


def test_the_execution_fails_with_the_error_and_the_words_of_its_step(run):
    failed = run({"key": "refused"})
    assert (failed["status"], failed["error"]) == ("FAILED", "EndpointRefused")
    assert "nothing for the endpoint 'photos'" in failed["cause"]


def test_a_message_that_sns_refuses_leaves_the_event_in_the_dead_letters(run, received, dead_letters):
    received(dead_letters)
    assert run({"key": "unpublishable"})["status"] == "FAILED"
    assert [json.loads(letter["Body"])["event"] for letter in received(dead_letters)] == [{"key": "unpublishable"}]


@pytest.mark.parametrize("event", [["a", "list"], "text", None])
def test_an_event_that_is_no_object_is_kept_as_well(run, received, dead_letters, event):
    received(dead_letters)
    assert run(event)["status"] == "FAILED"
    assert [json.loads(letter["Body"])["event"] for letter in received(dead_letters)] == [event]
