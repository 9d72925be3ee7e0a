"""A local cloud with the stack for single images and its endpoint, and the queues in which its messages end."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.laptop.deployment import deploy_stack, open_model
from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import Stack

ROOT = Path(__file__).resolve().parents[3]
MODEL = ROOT / "examples/models/efficientnet-lite0"
LONGEST_WAIT = 90
"""Seconds. Every wait ends with what it waits for, and fails the test otherwise."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def stacks(cloud: LocalCloud) -> Callable[..., Stack]:
    """`stacks(name, **parameters)` deploys the template once more, with the example model in its results bucket;
    `for_sagemaker=True` makes a SageMaker model of it, too."""

    def make(name: str, *, for_sagemaker: bool = False, **parameters: str) -> Stack:
        return deploy_stack(cloud, [open_model(MODEL)], parameters, for_sagemaker=for_sagemaker, name=name)

    return make


@pytest.fixture(scope="module")
def stack(stacks: Callable[..., Stack]) -> Stack:
    """The stack with an endpoint; the daisy's score is 0.36."""
    return stacks(
        "single",
        for_sagemaker=True,
        EndpointInstanceType="ml.c7i.large",
        CertaintyThreshold="0.3",
        PredictImageUrl="yes",
    )


@pytest.fixture(scope="module")
def queues(cloud: LocalCloud, stack: Stack) -> Callable[[str, Callable[[Any], bool]], Any]:
    """`queues(url, wanted)`: the first message of a queue, from now on or before, that is wanted."""
    seen: dict[str, list[Any]] = {}

    def wait(url: str, wanted: Callable[[Any], bool]) -> Any:
        kept = seen.setdefault(url, [])
        deadline = time.monotonic() + LONGEST_WAIT
        while not (found := [each for each in kept if wanted(each)]):
            assert time.monotonic() < deadline, f"not among {kept}"
            received = cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in received.get("Messages", ()):
                cloud.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                kept.append(json.loads(message["Body"]))
        return found[0]

    return wait


@pytest.fixture(scope="module")
def message_about(cloud: LocalCloud, stack: Stack, queues: Callable[..., Any]) -> Callable[[str], Any]:
    """`message_about(key)`: what the topic published about an image, as a queue receives it."""
    queue = cloud.client("sqs").create_queue(QueueName="inbox")["QueueUrl"]
    attributes = cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    cloud.client("sns").subscribe(
        TopicArn=stack.outputs["PredictionTopicArn"], Protocol="sqs", Endpoint=attributes["QueueArn"]
    )

    def wait(key: str) -> Any:
        envelope = queues(queue, lambda each: json.loads(each["Message"])["image"]["key"] == key)
        return {**envelope, "Message": json.loads(envelope["Message"])}

    return wait


@pytest.fixture
def dead_letter(stack: Stack, queues: Callable[..., Any]) -> Callable[[str], Any]:
    """`dead_letter(text)`: the letter whose event has this text in it."""
    url = stack.resources["DeadLetterQueue"]
    return lambda text: queues(url, lambda letter: text in json.dumps(letter))


@pytest.fixture
def upload(cloud: LocalCloud, stack: Stack) -> Callable[[str, bytes], None]:
    bucket = stack.outputs["ImagesBucket"]
    return lambda key, body: cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
