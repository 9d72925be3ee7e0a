"""What Step Functions says of executions, held against the event that AWS documents."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud
from pipeline.local.events.executions import detail_of
from pipeline.local.states.records import ExecutionRecord

DOCUMENTED = Path(__file__).parents[2] / "data" / "events" / "execution_failed.json"
FAILS = {"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "Broken", "Cause": "it is broken"}}}
WAITS = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 1000, "End": True}}}
PASSES = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}
KIB = 1024


@pytest.fixture
def start(cloud: LocalCloud) -> Any:
    """`start(definition)` makes a state machine and starts it; the execution's ARN."""
    stepfunctions = cloud.client("stepfunctions")

    def start(definition: dict[str, Any], **parameters: Any) -> str:
        machine = stepfunctions.create_state_machine(
            name=f"machine-{len(stepfunctions.list_state_machines()['stateMachines'])}",
            definition=json.dumps(definition),
            roleArn="arn:aws:iam::123456789012:role/states",
            **parameters,
        )["stateMachineArn"]
        arn: str = stepfunctions.start_execution(stateMachineArn=machine, name="it", input="{}")["executionArn"]
        return arn

    return start


@pytest.fixture
def told(cloud: LocalCloud, queue: Any) -> Any:
    """The queue, which gets whatever Step Functions tells EventBridge."""
    events = cloud.client("events")
    events.put_rule(Name="states", EventPattern=json.dumps({"source": ["aws.states"]}))
    events.put_targets(Rule="states", Targets=[{"Id": "1", "Arn": queue.arn}])
    return queue


def test_an_execution_that_fails_is_told_of_as_aws_does(start: Any, told: Any) -> None:
    arn = start(FAILS)
    by_status = {event["detail"]["status"]: event for event in told.documents(2)}
    event, documented = by_status["FAILED"], json.loads(DOCUMENTED.read_text())
    assert set(by_status) == {"RUNNING", "FAILED"}
    assert set(event) == set(documented)
    assert set(event["detail"]) == set(documented["detail"])
    assert (event["detail-type"], event["resources"]) == (documented["detail-type"], [arn])
    assert (event["detail"]["error"], event["detail"]["cause"]) == ("Broken", "it is broken")
    assert event["detail"]["startDate"] <= event["detail"]["stopDate"]


def test_an_execution_that_is_stopped_and_redriven_is_told_of_each_time(
    cloud: LocalCloud, start: Any, told: Any
) -> None:
    arn = start(WAITS)
    cloud.client("stepfunctions").stop_execution(executionArn=arn, cause="enough")
    first = {event["detail"]["status"] for event in told.documents(2)}
    cloud.client("stepfunctions").redrive_execution(executionArn=arn)
    (again,) = told.documents()
    assert first == {"RUNNING", "ABORTED"}
    assert again["detail"]["status"] == "RUNNING"


def test_children_and_express_executions_are_told_of_by_nobody(cloud: LocalCloud, start: Any, told: Any) -> None:
    items = {"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}}
    items["ItemProcessor"] |= PASSES  # type: ignore[operator]
    start(PASSES, type="EXPRESS")
    parent = start(
        {"StartAt": "Items", "States": {"Items": {**items, "ItemsPath": "$$.Execution.Input.x", "End": True}}}
    )
    assert {event["detail"]["executionArn"] for event in told.documents(2)} == {parent}


def test_what_an_earlier_process_left_running_is_told_of_when_the_cloud_is_back(tmp_path: Path) -> None:
    from pipeline.local.states.api import StatesService

    def refuse(service: str, _: str) -> Any:
        raise AssertionError(service)

    service = StatesService(refuse, tmp_path / "states.sqlite")
    machine = service.handle(
        "CreateStateMachine",
        {"name": "waits", "definition": json.dumps(WAITS), "roleArn": "arn:aws:iam::123456789012:role/states"},
    )["stateMachineArn"]
    execution = service.handle("StartExecution", {"stateMachineArn": machine, "input": "{}"})["executionArn"]
    later = StatesService(refuse, tmp_path / "states.sqlite")  # as after SIGKILL: the first was never closed

    heard: list[ExecutionRecord] = []
    later.listen(heard.append)

    assert [(record.arn, record.status) for record in heard] == [(execution, "ABORTED")]
    later.close()
    service.close()


@pytest.mark.parametrize(
    ("given", "answered", "included"),
    [(100, 100, (True, True)), (200, 100, (False, True)), (100, 250, (True, False)), (250, 250, (False, False))],
)
def test_what_is_too_long_for_an_event_is_left_out(given: int, answered: int, included: tuple[bool, bool]) -> None:
    record = ExecutionRecord(1, "arn", "it", "machine", "1", "i" * given * KIB, 0.0, output="o" * answered * KIB)
    detail = detail_of(record)
    assert (detail["inputDetails"]["included"], detail["outputDetails"]["included"]) == included
    assert (detail["input"] is not None, detail["output"] is not None) == included
