"""Queues to deliver to, which tell what arrived."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud


@dataclass
class Queue:
    """A queue of the cloud's."""

    sqs: Any
    url: str
    arn: str

    def messages(self, count: int = 1) -> list[dict[str, Any]]:
        """The next messages, as many as are asked for, waiting at most 20 seconds for each of them."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            answer = self.sqs.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=1, WaitTimeSeconds=20, MessageAttributeNames=["All"]
            )
            assert answer.get("Messages"), f"{len(found)} of {count} messages came"
            found += answer["Messages"]
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=answer["Messages"][0]["ReceiptHandle"])
        return found

    def documents(self, count: int = 1) -> list[Any]:
        """The bodies of the next messages, read."""
        return [json.loads(message["Body"]) for message in self.messages(count)]


@pytest.fixture
def create_queue(cloud: LocalCloud) -> Callable[[str], Queue]:
    def create(name: str) -> Queue:
        sqs = cloud.client("sqs")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        return Queue(sqs, url, f"arn:aws:sqs:us-east-1:123456789012:{name}")

    return create


@pytest.fixture
def queue(create_queue: Callable[[str], Queue]) -> Queue:
    return create_queue("events")


@pytest.fixture
def wait_for() -> Callable[[Callable[[], Any]], Any]:
    """Waits until something is true, at most 30 seconds, and gives it back."""

    def wait(condition: Callable[[], Any]) -> Any:
        pause = threading.Event()
        for _ in range(3000):
            if found := condition():
                return found
            pause.wait(0.01)
        raise AssertionError("it did not come")

    return wait
