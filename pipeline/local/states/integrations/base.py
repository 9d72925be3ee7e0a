"""What an integration is: the thing behind a Task's Resource.

An integration runs one attempt of a task and speaks of it in history: scheduled, started, (submitted,) and how it
ended. Lambda function ARNs and activities have events of their own; everything else shares the Task... events.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.local.states.documents import dump
from pipeline.local.states.errors import StateError
from pipeline.local.states.frame import Frame
from pipeline.local.states.scope import Json
from pipeline.local.states.tokens import Waiting

if TYPE_CHECKING:
    from pipeline.local.states.engine import Engine


class UnknownResourceError(ValueError):
    """A Resource that no integration serves; the text says what was expected."""


@dataclass(slots=True)
class Attempt:
    """One attempt of a task: what it was given, and where it reports.

    `submitted` becomes true when a job, or whoever holds the token, has taken the work.
    """

    engine: "Engine"
    frame: Frame
    parameters: Json
    waiting: Waiting | None
    heartbeat_seconds: int | None
    submitted: bool = False
    clock: asyncio.Timeout | None = None

    @property
    def is_out_of_time(self) -> bool:
        """Whether it is cancelled because its TimeoutSeconds are over, and not because its execution ends."""
        return self.clock is not None and self.clock.expired()

    def client(self, service: str) -> Any:
        """The boto3 client of a service, by boto3's name for it, in the execution's role."""
        return self.engine.client(service, self.frame.execution.role_arn)

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a call that blocks on a thread."""
        return await self.engine.blocking(function, *arguments)


class Integration(ABC):
    """Serves the tasks of one Resource; stateless, and shared by all of them."""

    events: ClassVar[str] = "Task"
    """What the types of its events begin with."""

    waits_for_token: bool = False
    name: str
    """What States.DataLimitExceeded calls it."""

    @abstractmethod
    async def run(self, attempt: Attempt) -> Json:
        """Do the work and return the task's result.

        Raises:
            StateError: the work failed.
        """

    @abstractmethod
    def announce(self, attempt: Attempt, timeout: int | None, credentials: Json) -> None:
        """Record that the task was scheduled."""

    def turn(self, attempt: Attempt) -> str | None:
        """What the attempt queues for before its time begins to count; None when nothing is scarce."""
        return None

    def details(self) -> Mapping[str, str]:
        """What every event of the task's life names."""
        return {}

    def started(self, attempt: Attempt) -> None:
        attempt.frame.record(f"{self.events}Started", **self.details())

    def succeeded(self, attempt: Attempt, output: str) -> None:
        attempt.frame.record(f"{self.events}Succeeded", **self.details(), output=output)

    def failed(self, attempt: Attempt, error: StateError) -> None:
        attempt.frame.record(f"{self.events}Failed", **self.details(), error=error.error, cause=error.cause)

    def timed_out(self, attempt: Attempt, error: StateError) -> None:
        attempt.frame.record(f"{self.events}TimedOut", **self.details(), error=error.error, cause=error.cause)


class ServiceIntegration(Integration):
    """An integration with a service's API: `arn:aws:states:::sqs:sendMessage`, `...:::aws-sdk:s3:getObject`.

    Args:
        service: as in the ARN: `sqs`, `aws-sdk:s3`.
        action: the API action as in the ARN, in lower camel case.
        pattern: what follows the action: "", ".sync", ".sync:2" or ".waitForTaskToken".
    """

    def __init__(self, service: str, action: str, pattern: str = "") -> None:
        self.name = service
        self.service = service
        self.action = action
        self.pattern = pattern
        self.waits_for_token = pattern == ".waitForTaskToken"

    def details(self) -> Mapping[str, str]:
        return {"resourceType": self.service, "resource": f"{self.action}{self.pattern}"}

    def announce(self, attempt: Attempt, timeout: int | None, credentials: Json) -> None:
        role = credentials.get("RoleArn") if isinstance(credentials, dict) else None
        attempt.frame.record(
            "TaskScheduled",
            **self.details(),
            region=attempt.engine.region,
            parameters=dump(attempt.parameters),
            timeoutInSeconds=timeout,
            heartbeatInSeconds=attempt.heartbeat_seconds,
            taskCredentials={"roleArn": role} if role else None,
        )

    async def run(self, attempt: Attempt) -> Json:
        response = await self.request(attempt)
        if not self.pattern:
            return response
        attempt.submitted = True
        attempt.frame.record("TaskSubmitted", **self.details(), output=dump(response))
        if attempt.waiting:
            return (await attempt.waiting.wait(attempt.heartbeat_seconds)).value
        return await self.complete(attempt, response)

    def failed(self, attempt: Attempt, error: StateError) -> None:
        failure = "TaskSubmitFailed" if self.pattern and not attempt.submitted else "TaskFailed"
        attempt.frame.record(failure, **self.details(), error=error.error, cause=error.cause)

    @abstractmethod
    async def request(self, attempt: Attempt) -> Json:
        """Call the API and return its response."""

    async def complete(self, attempt: Attempt, response: Json) -> Json:
        """For `.sync`: wait until the job that `response` speaks of has ended and return its description."""
        raise NotImplementedError(f"{self.service}:{self.action} has no {self.pattern}")
