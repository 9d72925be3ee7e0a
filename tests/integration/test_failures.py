"""Runs that fail, in the deployed template: who is told, what the execution shows, and what a redrive does."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.deployed.history import find_pointer
from pipeline.local.faults import FaultPlan, Faults

PHOTO = (Path(__file__).resolve().parents[2] / "examples" / "photos" / "garden" / "daisy.jpg").read_bytes()
BOUND = 60
"""Seconds after which something that has not happened is not going to."""


@pytest.fixture(scope="module")
def faults() -> Faults:
    return Faults()


@pytest.fixture(scope="module")
def deployment(deployed: Callable[..., Any]) -> Any:
    deployment = deployed()
    deployment.put({"incoming/a.jpg": PHOTO, "incoming/b.jpg": PHOTO})
    return deployment


@pytest.fixture(scope="module")
def told(deployment: Any) -> Callable[[str], list[dict[str, Any]]]:
    """`told(name)`: the messages about an execution, or its run, that there are; one is waited for."""
    sqs = deployment.cloud.client("sqs")
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    deployment.cloud.client("sns").subscribe(
        TopicArn=deployment.stack.outputs["TopicArn"], Protocol="sqs", Endpoint=arn
    )
    received: list[dict[str, Any]] = []

    def read(name: str) -> list[dict[str, Any]]:
        deadline = time.monotonic() + BOUND
        while True:
            about = [message for message in received if f"({name})" in message["Subject"]]
            found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=0 if about else 2)
            if about and not found.get("Messages"):
                return about
            assert time.monotonic() < deadline, received
            for message in found.get("Messages", ()):
                received.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    return read


def name_of(ended: Any) -> str:
    return str(ended.description["name"])


def test_a_wrong_input_is_shown_in_a_sentence_and_told(
    deployment: Any, told: Callable[[str], list[dict[str, Any]]]
) -> None:
    ended = deployment.run(prefixs=["incoming/"])

    assert (ended.status, ended.description["error"]) == ("FAILED", "InvalidRunInput")
    assert ended.description["cause"].startswith("The input has no field 'prefixs'; the fields are name, ")
    (message,) = told(name_of(ended))
    assert "Correct the input" in json.loads(message["Message"])["text"]


def test_a_run_whose_model_was_missing_is_redriven_when_it_is_there(
    deployment: Any, told: Callable[[str], list[dict[str, Any]]]
) -> None:
    s3, bucket = deployment.s3, deployment.stack.outputs["ResultsBucket"]
    ended = deployment.run(model="later")
    assert (ended.status, ended.description["error"]) == ("FAILED", "UnknownModel")
    assert "UnknownModel while starting" in told(name_of(ended))[0]["Subject"]

    for item in s3.list_objects_v2(Bucket=bucket, Prefix="models/efficientnet-lite0/")["Contents"]:
        key = item["Key"].replace("efficientnet-lite0", "later")
        s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": item["Key"]})
    deployment.cloud.client("stepfunctions").redrive_execution(executionArn=ended.description["executionArn"])

    again = deployment.wait(ended.description["executionArn"])
    assert (again.status, again.counts["predicted"]) == ("SUCCEEDED", 2)


def test_a_run_that_is_stopped_is_told_and_goes_on_where_it_was(
    deployment: Any, told: Callable[[str], list[dict[str, Any]]]
) -> None:
    machine = deployment.cloud.client("stepfunctions")
    started = machine.start_execution(stateMachineArn=deployment.stack.outputs["StateMachineArn"], input="{}")
    machine.stop_execution(executionArn=started["executionArn"], error="Stopped", cause="the wrong photos")
    name = started["executionArn"].rpartition(":")[2]
    run_id = None
    if runs := machine.get_execution_history(executionArn=started["executionArn"])["events"]:
        exited = [event["stateExitedEventDetails"] for event in runs if "stateExitedEventDetails" in event]
        run_id = next((json.loads(details["output"])["run"]["run_id"] for details in exited), None)

    (message,) = told(run_id or name)
    assert message["Subject"].startswith("imagebatch STOPPED while ")
    assert "the wrong photos" in json.loads(message["Message"])["text"]

    machine.redrive_execution(executionArn=started["executionArn"])
    assert deployment.wait(started["executionArn"]).counts["predicted"] == 2


def test_a_run_that_failed_as_it_was_told_of_is_redriven_by_whoever_resumes_it_and_told_of_once(
    deployment: Any, told: Callable[[str], list[dict[str, Any]]], faults: Faults, imagebatch: Callable[..., Any]
) -> None:
    refused = {"on": "request", "service": "sns", "operation": "Publish", "fault": "internal_error"}
    rule = {**refused, "probability": 1, "times": 999, "seconds": 0}
    faults.use(FaultPlan.from_json({"retry_pace": 0, "faults": [rule]}))
    failed = deployment.run()
    faults.rest()
    execution, bucket = failed.description["executionArn"], deployment.stack.outputs["ResultsBucket"]
    pointer = find_pointer(deployment.cloud.client("stepfunctions"), execution)
    assert pointer is not None
    run_id = str(pointer["run_id"])
    # Where jobs are left to run, files of the model that were replaced are a reason to take a run over.
    deployment.s3.put_object(Bucket=bucket, Key="models/efficientnet-lite0/notes.txt", Body=b"another")

    taking_over = deployment.run(resume=run_id)
    resumed = imagebatch("resume", run_id, "--wait", **deployment.cloud.environment())

    assert failed.description["error"].startswith("SNS.")
    assert (taking_over.status, taking_over.output["claimed"]) == ("SUCCEEDED", False)
    assert "has its results, and a redrive" in taking_over.output["note"]
    assert (resumed.code, resumed.stdout.splitlines()[0]) == (0, f"Redriven: {execution}"), resumed
    successes = [each for each in told(run_id) if " predicted " in each["Subject"]]
    assert len(successes) == 1
