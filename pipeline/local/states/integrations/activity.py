"""Activities as a Task's Resource: `arn:aws:states:REGION:ACCOUNT:activity:NAME`."""

from typing import ClassVar

from pipeline.local.states.documents import dump
from pipeline.local.states.errors import StatesRuntimeError
from pipeline.local.states.integrations.base import Attempt, Integration
from pipeline.local.states.scope import Json


class Activity(Integration):
    """Queues its input for a worker, who answers by the task token."""

    events: ClassVar[str] = "Activity"

    def __init__(self, arn: str) -> None:
        self.name = "activity"
        self._arn = arn

    def announce(self, attempt: Attempt, timeout: int | None, credentials: Json) -> None:
        if attempt.engine.store.activity(self._arn) is None:
            raise StatesRuntimeError(f"The activity {self._arn} does not exist.")
        attempt.frame.record(
            "ActivityScheduled",
            resource=self._arn,
            input=dump(attempt.parameters),
            timeoutInSeconds=timeout,
            heartbeatInSeconds=attempt.heartbeat_seconds,
        )

    def started(self, attempt: Attempt) -> None:
        """An activity has not started before a worker fetches it."""

    async def run(self, attempt: Attempt) -> Json:
        activities = attempt.engine.activities
        task = activities.schedule(self._arn, dump(attempt.parameters))
        try:
            worker = await task.fetched
            attempt.frame.record("ActivityStarted", workerName=worker)
            return (await task.waiting.wait(attempt.heartbeat_seconds)).value
        finally:
            activities.withdraw(self._arn, task)
