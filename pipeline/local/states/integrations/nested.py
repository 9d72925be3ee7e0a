"""`states:startExecution`: a state machine started by another, with `.sync` and `.sync:2` waiting for its end.

Source: Developer Guide, "Start workflow executions from a task state in Step Functions".
"""

import asyncio
import json
from typing import Any

from pipeline.local.states.documents import dump
from pipeline.local.states.errors import TASK_FAILED, StateError
from pipeline.local.states.integrations.api_calls import ApiCall
from pipeline.local.states.integrations.base import Attempt
from pipeline.local.states.records import ExecutionRecord
from pipeline.local.states.scope import Json


class StartExecution(ApiCall):
    """`.sync` gives Input and Output as JSON text, `.sync:2` parsed; aborting the task stops what it started."""

    async def complete(self, attempt: Attempt, response: Json) -> Json:
        engine, arn = attempt.engine, response["ExecutionArn"]
        if execution := engine.running.get(arn):
            try:
                await execution.wait()
            except asyncio.CancelledError:
                if not attempt.is_out_of_time:
                    execution.stop()
                raise
        record = engine.store.execution(arn)
        assert record is not None  # noqa: S101  (StartExecution has just answered with this ARN)
        if record.status != "SUCCEEDED":
            raise StateError(TASK_FAILED, dump(_describe(record, parsed=False)))
        return _describe(record, parsed=self.pattern == ".sync:2")


def _describe(record: ExecutionRecord, *, parsed: bool) -> dict[str, Any]:
    def document(text: str | None) -> Json:
        return json.loads(text) if parsed and text is not None else text

    description = {
        "Cause": record.cause,
        "Error": record.error,
        "ExecutionArn": record.arn,
        "Input": document(record.input),
        "InputDetails": {"Included": True},
        "Name": record.name,
        "StartDate": round(record.started * 1000),
        "StateMachineArn": record.machine_arn,
        "Status": record.status,
        "StopDate": round((record.stopped or 0) * 1000),
    }
    if record.output is not None:
        description |= {"Output": document(record.output), "OutputDetails": {"Included": True}}
    return {name: description[name] for name in sorted(description) if description[name] is not None}
