"""A Step Functions service without a cloud around it, and the little that is needed to run state machines on it."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings

from pipeline.local.states.api import StatesService

# A slow machine is not a failing test.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")

ROLE = "arn:aws:iam::123456789012:role/states"


@dataclass(frozen=True)
class Outcome:
    """How an execution ended; `output` is parsed."""

    arn: str
    status: str
    output: Any
    error: str | None
    cause: str | None
    events: list[dict[str, Any]]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]


class Machines:
    """Creates state machines in `service`, starts them, and waits for their ends."""

    def __init__(self, service: StatesService) -> None:
        self.service = service
        self._numbers = itertools.count()

    def create(self, definition: dict[str, Any], **parameters: Any) -> str:
        request = {"name": f"machine-{next(self._numbers)}", "roleArn": ROLE, **parameters}
        answer = self.service.handle("CreateStateMachine", {**request, "definition": json.dumps(definition)})
        arn: str = answer["stateMachineArn"]
        return arn

    def start(self, definition: dict[str, Any], input: Any = None, **parameters: Any) -> str:
        """Start an execution and return its ARN; `input` None is `{}`."""
        text = json.dumps({} if input is None else input)
        request = {"stateMachineArn": self.create(definition), "input": text, **parameters}
        arn: str = self.service.handle("StartExecution", request)["executionArn"]
        return arn

    def finish(self, arn: str) -> Outcome:
        """Wait for the end of an execution."""
        if running := self.service.engine.running.get(arn):
            self.service.engine.call(running.wait())
        answer = self.service.handle("DescribeExecution", {"executionArn": arn})
        output = answer["output"]
        return Outcome(
            arn,
            answer["status"],
            json.loads(output) if output is not None else None,
            answer["error"],
            answer["cause"],
            self.history(arn),
        )

    def run(self, definition: dict[str, Any], input: Any = None) -> Outcome:
        return self.finish(self.start(definition, input))

    def await_events(self, arn: str, type_: str, count: int = 1) -> None:
        """Wait until an execution that runs has had `count` events of a type."""

        async def turn_of_the_loop() -> None:
            pass

        while [event["type"] for event in self.history(arn)].count(type_) < count:
            self.service.engine.call(turn_of_the_loop())

    def history(self, arn: str, **parameters: Any) -> list[dict[str, Any]]:
        """All events, page by page."""
        events: list[dict[str, Any]] = []
        request = {"executionArn": arn, **parameters}
        while True:
            answer = self.service.handle("GetExecutionHistory", request)
            events += answer["events"]
            if answer["nextToken"] is None:
                return events
            request["nextToken"] = answer["nextToken"]


@pytest.fixture
def clients() -> Callable[[str, str], Any]:
    """What the service gets as its clients; a test that calls services gives a fixture of its own."""

    def refuse(service: str, role_arn: str) -> Any:
        raise AssertionError(f"this test calls no service, and {service} was called")

    return refuse


@pytest.fixture
def service(clients: Callable[[str, str], Any]) -> Iterator[StatesService]:
    service = StatesService(clients)
    yield service
    service.close()


@pytest.fixture
def machines(service: StatesService) -> Machines:
    return Machines(service)


@pytest.fixture
def machines_of() -> Callable[[StatesService], Machines]:
    """For a test that makes services of its own."""
    return Machines
