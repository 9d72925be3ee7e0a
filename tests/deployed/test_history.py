"""What an execution's events tell of its states, in a local cloud that writes them as Step Functions does."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.deployed import executions, history
from pipeline.deployed.stack import Deployment
from pipeline.runs.run import Run


def ended(stepfunctions: Any, deployment: Deployment) -> str:
    arn = executions.start(stepfunctions, deployment, {}, None).execution
    executions.wait_for_end(stepfunctions, arn, 30)
    return arn


def test_the_run_is_what_start_run_answered(stepfunctions: Any, claiming: Callable[..., Deployment], run: Run) -> None:
    pointer = history.find_pointer(stepfunctions, ended(stepfunctions, claiming()))

    assert pointer == {**run.pointer, "claimed": True}
    assert history.is_claimed(pointer)


def test_a_run_that_another_execution_has_is_not_claimed(
    stepfunctions: Any, claiming: Callable[..., Deployment]
) -> None:
    pointer = history.find_pointer(stepfunctions, ended(stepfunctions, claiming(claimed=False)))

    assert pointer is not None
    assert not history.is_claimed(pointer)


def test_the_run_is_found_however_often_start_run_was_tried(
    stepfunctions: Any, claiming: Callable[..., Deployment], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = ended(stepfunctions, claiming())
    monkeypatch.setattr(history, "FIRST_EVENTS", 1)

    assert history.find_pointer(stepfunctions, arn) == {**run.pointer, "claimed": True}


def test_states_come_in_the_order_in_which_they_were_entered(
    stepfunctions: Any, claiming: Callable[..., Deployment]
) -> None:
    each = {"StartAt": "Each", "States": {"Each": {"Type": "Pass", "End": True}}}
    items = {"Type": "Map", "ItemsPath": "$.run.sources", "ItemProcessor": each, "End": True}
    arn = ended(stepfunctions, claiming(Items=items))

    stages = history.read_stages(stepfunctions, arn)

    assert [(stage.name, stage.type, stage.entered, stage.left) for stage in stages] == [
        ("StartRun", "Pass", 1, 1),
        ("Items", "Map", 1, 1),
        ("Each", "Pass", 1, 1),
    ]
    assert all(stage.first <= stage.last for stage in stages)


def test_a_state_inside_a_map_is_counted_for_each_item(stepfunctions: Any, machine: Callable[..., Deployment]) -> None:
    each = {"StartAt": "Each", "States": {"Each": {"Type": "Pass", "End": True}}}
    items = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": each, "End": True}
    deployment = machine(Items=items)
    arn = executions.start(stepfunctions, deployment, {"items": [1, 2, 3]}, None).execution
    executions.wait_for_end(stepfunctions, arn, 30)

    counted = {stage.name: (stage.entered, stage.left) for stage in history.read_stages(stepfunctions, arn)}

    assert counted == {"Items": (1, 1), "Each": (3, 3)}


def test_the_state_that_an_execution_is_in_is_open(stepfunctions: Any, claiming: Callable[..., Deployment]) -> None:
    arn = executions.start(
        stepfunctions, claiming(Long={"Type": "Wait", "Seconds": 600, "End": True}), {}, None
    ).execution
    executions.wait_for_run(stepfunctions, arn, 30)

    deadline = time.monotonic() + 30
    while "Long" not in (by_name := {stage.name: stage for stage in history.read_stages(stepfunctions, arn)}):
        assert time.monotonic() < deadline

    assert (by_name["StartRun"].is_open, by_name["Long"].is_open) == (False, True)


def test_a_state_that_ends_an_execution_is_not_open(stepfunctions: Any, claiming: Callable[..., Deployment]) -> None:
    arn = ended(stepfunctions, claiming(Failed={"Type": "Fail", "Error": "No"}))

    assert [stage.name for stage in history.read_stages(stepfunctions, arn) if stage.is_open] == []
