"""State machines that start state machines."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from pipeline.local.protocol import ServiceError
from pipeline.local.states.api import StatesService

INNER_PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"done": True}, "End": True}}}
INNER_FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Inner", "Cause": "on purpose"}}}
INNER_WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}


class Direct:
    """boto3's client for Step Functions, answered by a service in this process instead of over HTTP."""

    def __init__(self, service: StatesService) -> None:
        self.meta = boto3.client("stepfunctions", region_name="us-east-1").meta
        self._service = service

    def start_execution(self, **request: Any) -> dict[str, Any]:
        try:
            answer = self._service.handle("StartExecution", request)
        except ServiceError as error:
            raise ClientError({"Error": {"Code": error.code, "Message": error.message}}, "StartExecution") from error
        return {"executionArn": answer["executionArn"]}


@pytest.fixture
def clients() -> Callable[[str, str], Any]:
    made: dict[str, Any] = {}

    def client(name: str, _: str) -> Any:
        return made.setdefault(name, Direct(made["service"]))

    client.made = made  # type: ignore[attr-defined]
    return client


@pytest.fixture
def outer(machines: Any, clients: Any) -> Callable[[dict[str, Any], str], str]:
    """Starts an execution that starts one of another state machine."""
    clients.made["service"] = machines.service

    def start(inner: dict[str, Any], pattern: str) -> str:
        resource = f"arn:aws:states:::states:startExecution{pattern}"
        parameters = {"StateMachineArn": machines.create(inner), "Input": {"from.$": "$$.Execution.Name"}}
        task = {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}
        arn: str = machines.start({"StartAt": "Start", "States": {"Start": task}})
        return arn

    return start


def test_sync_gives_documents_as_text(machines: Any, outer: Any) -> None:
    output = machines.finish(outer(INNER_PASS, ".sync")).output
    assert output["Output"] == '{"done":true}'
    assert output["Status"] == "SUCCEEDED"


def test_sync_2_gives_documents_parsed(machines: Any, outer: Any) -> None:
    outcome = machines.finish(outer(INNER_PASS, ".sync:2"))
    assert outcome.output["Output"] == {"done": True}
    assert outcome.output["Input"] == {"from": outcome.arn.rpartition(":")[2]}


def test_a_failed_execution_fails_the_task_with_its_description(machines: Any, outer: Any) -> None:
    outcome = machines.finish(outer(INNER_FAIL, ".sync:2"))
    assert outcome.error == "States.TaskFailed"
    assert json.loads(outcome.cause)["Error"] == "Inner"


def test_without_sync_nothing_is_waited_for(machines: Any, outer: Any) -> None:
    outcome = machines.finish(outer(INNER_WAIT, ""))
    inner = machines.service.handle("DescribeExecution", {"executionArn": outcome.output["ExecutionArn"]})
    assert inner["status"] == "RUNNING"


def test_stopping_the_task_stops_what_it_started(machines: Any, outer: Any) -> None:
    arn = outer(INNER_WAIT, ".sync")
    machines.await_events(arn, "TaskSubmitted")
    submitted = machines.history(arn)[-1]["taskSubmittedEventDetails"]
    machines.service.handle("StopExecution", {"executionArn": arn})
    inner = machines.finish(json.loads(submitted["output"])["ExecutionArn"])
    assert inner.status == "ABORTED"
