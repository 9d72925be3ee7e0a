"""Executions through the API."""

import json
from typing import Any

import pytest

from pipeline.local.protocol import ServiceError

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}}}


def refusal(machines: Any, operation: str, **parameters: Any) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        machines.service.handle(operation, parameters)
    return refused.value


def test_starting_a_running_execution_again_with_the_same_input_gives_that_execution(machines: Any) -> None:
    request = {"stateMachineArn": machines.create(WAIT), "name": "one", "input": "{}"}
    assert machines.service.handle("StartExecution", request) == machines.service.handle("StartExecution", request)


@pytest.mark.parametrize(("definition", "again"), [(WAIT, '{"other": 1}'), (PASS, "{}")])
def test_a_name_is_taken_for_another_input_and_for_an_ended_execution(
    machines: Any, definition: dict[str, Any], again: str
) -> None:
    request = {"stateMachineArn": machines.create(definition), "name": "one"}
    arn = machines.service.handle("StartExecution", {**request, "input": "{}"})["executionArn"]
    if definition is PASS:
        machines.finish(arn)
    assert refusal(machines, "StartExecution", **request, input=again).code == "ExecutionAlreadyExists"


@pytest.mark.parametrize("text", ["{", "NaN", "1e999", "[" * 100_000, '"' + "é" * 131_072 + '"'])
def test_an_input_that_is_no_json_or_too_large_is_refused(machines: Any, text: str) -> None:
    error = refusal(machines, "StartExecution", stateMachineArn=machines.create(PASS), input=text)
    assert error.code in ("InvalidExecutionInput", "ValidationException")


def test_whoever_waits_for_an_execution_is_told_when_it_has_ended(machines: Any) -> None:
    started = machines.service.handle("StartExecution", {"stateMachineArn": machines.create(PASS)})
    assert machines.service.has_ended(started["executionArn"], seconds=600)
    described = machines.service.handle("DescribeExecution", {"executionArn": started["executionArn"]})
    assert described["status"] == "SUCCEEDED"


def test_an_execution_that_goes_on_is_waited_for_as_long_as_was_asked(machines: Any) -> None:
    started = machines.service.handle("StartExecution", {"stateMachineArn": machines.create(WAIT)})
    assert not machines.service.has_ended(started["executionArn"], seconds=0.01)
    described = machines.service.handle("DescribeExecution", {"executionArn": started["executionArn"]})
    assert described["status"] == "RUNNING"


def test_a_machine_that_does_not_exist_cannot_be_started(machines: Any) -> None:
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:none"
    assert refusal(machines, "StartExecution", stateMachineArn=arn).code == "StateMachineDoesNotExist"
    assert refusal(machines, "StartExecution", stateMachineArn="none").code == "InvalidArn"


def test_executions_are_listed_newest_first_by_status_and_in_pages(machines: Any) -> None:
    arn = machines.create(PASS)
    started = []
    for _ in range(5):
        started.append(machines.service.handle("StartExecution", {"stateMachineArn": arn})["executionArn"])
        machines.finish(started[-1])
    first = machines.service.handle("ListExecutions", {"stateMachineArn": arn, "maxResults": 3})
    second = machines.service.handle("ListExecutions", {"stateMachineArn": arn, "nextToken": first["nextToken"]})
    listed = [execution["executionArn"] for execution in first["executions"] + second["executions"]]
    assert listed == started[::-1]
    failed = machines.service.handle("ListExecutions", {"stateMachineArn": arn, "statusFilter": "FAILED"})
    assert failed["executions"] == []


def test_a_synchronous_express_execution_answers_with_its_outcome(machines: Any) -> None:
    arn = machines.create(FAIL, type="EXPRESS")
    answer = machines.service.handle("StartSyncExecution", {"stateMachineArn": arn, "input": "[1]"})
    assert (answer["status"], answer["error"], answer["cause"]) == ("FAILED", "E", "C")
    assert json.loads(answer["input"]) == [1]
    assert answer["billingDetails"]["billedDurationInMilliseconds"] >= 100


def test_express_executions_have_no_history(machines: Any) -> None:
    arn = machines.create(PASS, type="EXPRESS")
    execution = machines.service.handle("StartExecution", {"stateMachineArn": arn})["executionArn"]
    assert execution.startswith("arn:aws:states:us-east-1:123456789012:express:")
    assert refusal(machines, "GetExecutionHistory", executionArn=execution).code == "ExecutionDoesNotExist"
    assert refusal(machines, "ListExecutions", stateMachineArn=arn).code == "StateMachineTypeNotSupported"


def test_a_standard_machine_cannot_be_started_synchronously(machines: Any) -> None:
    arn = machines.create(PASS)
    assert refusal(machines, "StartSyncExecution", stateMachineArn=arn).code == "StateMachineTypeNotSupported"
