"""The context object: what `$$` reads.

Source: Developer Guide, "Accessing execution data from the Context object in Step Functions".
"""

from datetime import UTC, datetime
from typing import Any

from pipeline.local.states.records import ExecutionRecord
from pipeline.local.states.scope import Json

Context = dict[str, Any]


def iso_time(seconds: float) -> str:
    """Seconds since 1970 as the context object writes times: UTC, milliseconds."""
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def of_execution(record: ExecutionRecord, input: Json, role_arn: str, machine_arn: str) -> Context:
    """What the context object holds outside of any state."""
    execution = {
        "Id": record.arn,
        "Input": input,
        "StartTime": iso_time(record.started),
        "Name": record.name,
        "RoleArn": role_arn,
    }
    if not record.express:
        execution["RedriveCount"] = record.redrive_count
    if record.redriven is not None:
        execution["RedriveTime"] = iso_time(record.redriven)
    return {"Execution": execution, "StateMachine": {"Id": machine_arn, "Name": machine_arn.rpartition(":")[2]}}


def of_state(context: Context, name: str, entered: float, retry_count: int | None = None) -> Context:
    """`context` as a state sees it; `retry_count` only for states that can be retried."""
    state: dict[str, Any] = {"Name": name, "EnteredTime": iso_time(entered)}
    if retry_count is not None:
        state["RetryCount"] = retry_count
    return {**context, "State": state}


def of_item(context: Context, index: int, value: Json) -> Context:
    """`context` as an ItemSelector and the states of an inline map's iteration see it."""
    return {**context, "Map": {"Item": {"Index": index, "Value": value}}}


def with_token(context: Context, token: str) -> Context:
    """`context` as the parameters of a task that waits for its token see it."""
    return {**context, "Task": {"Token": token}}
