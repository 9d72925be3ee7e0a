"""A package in the results bucket, and the settings that point at it."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from pipeline import aws
from pipeline.contract import ModelContract
from pipeline.single.function import PredictImage
from pipeline.single.settings import DeliverySettings, EndpointSettings, MessageSettings, ValidationSettings

IMAGES, RESULTS = "example-images", "example-results"


@pytest.fixture
def settings(s3: Any, contract: ModelContract) -> ValidationSettings:
    """Settings of a deployment whose package `tiny` has two labels."""
    s3.put_object(Bucket=RESULTS, Key="models/tiny/contract.json", Body=json.dumps(contract.to_json()).encode())
    s3.put_object(Bucket=RESULTS, Key="models/tiny/labels.txt", Body=b"cat\ndog\n")
    return ValidationSettings(IMAGES, RESULTS, "tiny")


@pytest.fixture
def function(s3: Any, settings: ValidationSettings) -> PredictImage:
    """The function of a deployment with a topic and a queue for dead letters."""
    topic = aws.client("sns").create_topic(Name="predictions")["TopicArn"]
    dead_letters = aws.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]
    return PredictImage(settings, EndpointSettings("photos"), MessageSettings(), DeliverySettings(topic, dead_letters))


@pytest.fixture
def endpoint(function: PredictImage) -> Iterator[Stubber]:
    """What answers for the endpoint `photos`: botocore's stub, to which answers are added in their order."""
    with Stubber(aws.endpoint_client(function.endpoint.timeout)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def answers(endpoint: Stubber) -> Callable[..., None]:
    """`answers(b"[0.93, 0.07]")`: the next answer of the endpoint."""

    def answer(body: bytes, content_type: str = "application/json") -> None:
        endpoint.add_response("invoke_endpoint", {"Body": io.BytesIO(body), "ContentType": content_type})

    return answer


@pytest.fixture
def inbox(function: PredictImage) -> Callable[[], list[dict[str, Any]]]:
    """Reads what the topic has published since it was last read, as a queue receives it."""
    sqs = aws.client("sqs")
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.client("sns").subscribe(TopicArn=function.delivery.topic, Protocol="sqs", Endpoint=arn)
    return lambda: [json.loads(body) for body in _receive(queue)]


@pytest.fixture
def dead_letters(function: PredictImage) -> Callable[[], list[dict[str, Any]]]:
    """Reads what lies in the queue of dead letters."""
    return lambda: [json.loads(body) for body in _receive(function.delivery.dead_letters)]


def _receive(queue: str) -> Iterator[str]:
    sqs = aws.client("sqs")
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            yield message["Body"]
