"""What has to hold in the single image state machine, whatever its states are."""

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline import errors
from pipeline.local.states.definition import parse

EXPRESS_SECONDS = 300
"""Step Functions Developer Guide, "Quotas": the duration of an Express execution."""
OURS = {name: each for name, each in inspect.getmembers(errors, inspect.isclass) if name != "ClassVar"}


@pytest.fixture(scope="module")
def machine() -> dict[str, Any]:
    path = Path(__file__).resolve().parents[2] / "state_machines" / "single_image.asl.json"
    definition: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return definition


@pytest.fixture(scope="module")
def tasks(machine: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: state for name, state in machine["States"].items() if state["Type"] == "Task"}


def longest(task: dict[str, Any]) -> float:
    """Seconds that a task can take at most, with every retry of every retrier."""
    seconds = task["TimeoutSeconds"]
    for retry in task["Retry"]:
        for attempt in range(retry["MaxAttempts"]):
            delay = retry["IntervalSeconds"] * retry["BackoffRate"] ** attempt
            seconds += min(delay, retry["MaxDelaySeconds"]) + task["TimeoutSeconds"]
    return float(seconds)


def test_the_interpreter_accepts_the_definition(machine: dict[str, Any]) -> None:
    assert set(parse(machine).states) == set(machine["States"])


def test_an_execution_ends_by_itself_before_step_functions_ends_it(tasks: dict[str, dict[str, Any]]) -> None:
    assert sum(map(longest, tasks.values())) < EXPRESS_SECONDS


def test_every_failure_leads_to_the_dead_letters(tasks: dict[str, dict[str, Any]]) -> None:
    others = [task for name, task in tasks.items() if name != "SendToDeadLetters"]
    caught = [(catch["ErrorEquals"], catch["Next"]) for task in others for catch in task["Catch"]]
    assert caught == [(["States.ALL"], "SendToDeadLetters")] * len(others)


def test_an_execution_whose_dead_letter_cannot_be_sent_still_fails_with_its_error(
    tasks: dict[str, dict[str, Any]],
) -> None:
    (catch,) = tasks["SendToDeadLetters"]["Catch"]
    assert (catch["ErrorEquals"], catch["ResultPath"], catch["Next"]) == (["States.ALL"], None, "Failed")


def test_a_dead_letter_has_the_event_as_it_came(tasks: dict[str, dict[str, Any]]) -> None:
    assert tasks["SendToDeadLetters"]["Parameters"]["MessageBody"]["event.$"] == "$$.Execution.Input"


def test_of_our_errors_those_are_retried_that_are_worth_it(tasks: dict[str, dict[str, Any]]) -> None:
    retried = {name for retry in tasks["InvokeEndpoint"]["Retry"] for name in retry["ErrorEquals"]}
    assert retried & set(OURS) == {name for name, each in OURS.items() if each.worth_a_retry}


def test_nothing_else_of_ours_is_retried_anywhere(tasks: dict[str, dict[str, Any]]) -> None:
    others = [task for name, task in tasks.items() if name != "InvokeEndpoint"]
    retried = {name for task in others for retry in task["Retry"] for name in retry["ErrorEquals"]}
    assert not retried & {*OURS, "States.ALL", "States.TaskFailed"}


def test_every_retry_waits_a_random_time(tasks: dict[str, dict[str, Any]]) -> None:
    retries = [retry for task in tasks.values() for retry in task["Retry"]]
    assert {retry["JitterStrategy"] for retry in retries} == {"FULL"}
