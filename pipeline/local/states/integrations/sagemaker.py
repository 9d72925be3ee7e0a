"""SageMaker jobs, with `.sync`: create, wait until the job has ended, answer with its description.

A job that does not end Completed fails the task with States.TaskFailed and the description as cause, FailureReason
included. A task that is aborted, since its execution is stopped or another iteration of a Map fails, stops its job. A
task that times out leaves its job alone: the guide lists what aborts a task, and time-outs are not on the list.
Sources: Developer Guide, "Create and manage Amazon SageMaker AI jobs with Step Functions"; "Run a Job (.sync)".
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from botocore.model import OperationModel

from pipeline.local.states.documents import dump
from pipeline.local.states.errors import TASK_FAILED, StateError
from pipeline.local.states.integrations import responses
from pipeline.local.states.integrations.api_calls import ApiCall, call_api, operation_of
from pipeline.local.states.integrations.base import Attempt
from pipeline.local.states.scope import Json

_FIRST_POLL, _SLOWEST_POLL, _SLOWING = 0.05, 5.0, 1.5
"""Seconds between two looks at a job whose end nobody has told, and how they grow."""

_TAG = {"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"}


@dataclass(frozen=True, slots=True)
class _Job:
    """How the API calls a kind of job: `ProcessingJob` is described with ProcessingJobName, and so on."""

    kind: str

    @property
    def describe(self) -> str:
        return f"describe{self.kind}"

    @property
    def stop(self) -> str:
        return f"stop{self.kind}"

    @property
    def arn(self) -> str:
        return f"{self.kind}Arn"

    @property
    def name(self) -> str:
        return f"{self.kind}Name"

    @property
    def status(self) -> str:
        return f"{self.kind}Status"


class CreateJob(ApiCall):
    """`sagemaker:createProcessingJob`, `createTransformJob` and `createTrainingJob`."""

    async def request(self, attempt: Attempt) -> Json:
        if not self.pattern:
            return await super().request(attempt)
        creating = asyncio.ensure_future(super().request(attempt))
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            if attempt.is_out_of_time:
                raise
            # The request is on its way: the job has to be stopped once it exists.
            creating.add_done_callback(
                lambda done: None if done.cancelled() or done.exception() else self._stop(attempt)
            )
            raise

    def prepare(self, request: dict[str, Any], attempt: Attempt) -> dict[str, Any]:
        return request | {"Tags": [*request.get("Tags", []), _TAG]}

    async def complete(self, attempt: Attempt, response: Json) -> Json:
        delay = _FIRST_POLL
        try:
            # From before the first look on: an end in between is told, too.
            with attempt.engine.job_ends.expect(response[self._job.arn]) as end:
                while True:
                    description = await attempt.call(self._describe, attempt)
                    status = description[self._job.status]
                    if status == "Completed":
                        return description
                    if status in ("Failed", "Stopped"):
                        raise StateError(TASK_FAILED, dump(description))
                    await end.wait(delay)
                    delay = min(delay * _SLOWING, _SLOWEST_POLL)
        except asyncio.CancelledError:
            if not attempt.is_out_of_time:
                self._stop(attempt)
            raise

    @property
    def _job(self) -> _Job:
        return _Job(self.action.removeprefix("create"))

    def _describe(self, attempt: Attempt) -> Json:
        client, operation = self._operation(attempt, self._job.describe)
        response = call_api(client, operation, self._named(attempt), self.naming)
        description = responses.optimised(response, operation.output_shape)
        return {name: value for name, value in description.items() if not name.startswith("Sdk")}

    def _stop(self, attempt: Attempt) -> None:
        client, operation = self._operation(attempt, self._job.stop)
        attempt.engine.background(call_api, client, operation, self._named(attempt), self.naming)

    def _operation(self, attempt: Attempt, action: str) -> tuple[Any, OperationModel]:
        client = attempt.client(self.client)
        return client, operation_of(client, action)

    def _named(self, attempt: Attempt) -> dict[str, Any]:
        return {self._job.name: attempt.parameters[self._job.name]}
