"""Redriving executions: what runs again, what does not, and that it ends as if nothing had gone wrong.

A state that fails until its execution was redriven n times takes the place of whatever is out of order for a while.
"""

import itertools
import json
import sqlite3
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.local.protocol import ServiceError
from pipeline.local.states.api import StatesService

END = {"End": True}


def fails_until(redrives: int) -> dict[str, Any]:
    """A state that fails while its execution was redriven less often, and changes nothing afterwards."""
    index = f"States.MathAdd($$.Execution.RedriveCount, -{redrives})"
    looked_up = f"States.ArrayGetItem(States.ArrayRange(0, 20, 1), {index})"
    return {"Type": "Pass", "Parameters": {"looked_up.$": looked_up}, "ResultPath": None}


def chain(*states: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A machine, or a branch, of one state after the other."""
    names = [name for name, _ in states]
    ways: list[dict[str, Any]] = [{"Next": name} for name in names[1:]] + [END]
    return {"StartAt": names[0], "States": {name: state | way for (name, state), way in zip(states, ways, strict=True)}}


def redrive(machines: Any, arn: str, **parameters: Any) -> Any:
    machines.service.handle("RedriveExecution", {"executionArn": arn, **parameters})
    return machines.finish(arn)


def describe(machines: Any, arn: str) -> dict[str, Any]:
    answer: dict[str, Any] = machines.service.handle("DescribeExecution", {"executionArn": arn})
    return answer


def entered(outcome: Any) -> Counter[str]:
    details = (event.get("stateEnteredEventDetails") for event in outcome.events)
    return Counter(detail["name"] for detail in details if detail)


def test_an_execution_goes_on_with_the_state_that_failed(machines: Any) -> None:
    failed = machines.run(chain(("First", {"Type": "Pass", "Result": 1}), ("Flaky", fails_until(1))))
    assert failed.status == "FAILED"
    outcome = redrive(machines, failed.arn)
    assert (outcome.status, outcome.output) == ("SUCCEEDED", 1)
    assert outcome.types[len(failed.types) :] == ["ExecutionRedriven", "PassStateExited", "ExecutionSucceeded"]


def test_a_fail_state_fails_again(machines: Any) -> None:
    failed = machines.run({"StartAt": "Stop", "States": {"Stop": {"Type": "Fail", "Error": "No"}}})
    outcome = redrive(machines, failed.arn)
    assert (outcome.status, outcome.error) == ("FAILED", "No")


def test_variables_are_as_they_were(machines: Any) -> None:
    definition = chain(
        ("Assigned", {"Type": "Pass", "Assign": {"kept": "here"}}),
        ("Flaky", fails_until(1)),
        ("Read", {"Type": "Pass", "Parameters": {"kept.$": "$kept"}}),
    )
    outcome = redrive(machines, machines.run(definition).arn)
    assert outcome.output == {"kept": "here"}


def test_an_aborted_wait_begins_again(machines: Any) -> None:
    arn = machines.start({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}})
    machines.await_events(arn, "WaitStateEntered")
    machines.service.handle("StopExecution", {"executionArn": arn})
    machines.finish(arn)
    machines.service.handle("RedriveExecution", {"executionArn": arn})
    assert describe(machines, arn)["status"] == "RUNNING"


def test_an_execution_that_timed_out_has_its_time_again(machines: Any) -> None:
    definition = {**chain(("Wait", {"Type": "Wait", "Seconds": 3600}), ("Done", {"Type": "Pass"})), "TimeoutSeconds": 1}
    timed_out = machines.run(definition)
    outcome = redrive(machines, timed_out.arn)
    assert outcome.types.count("ExecutionTimedOut") == 2


def test_only_the_iteration_that_failed_runs_again(machines: Any) -> None:
    branch = {
        "StartAt": "Two?",
        "States": {
            "Two?": {
                "Type": "Choice",
                "Choices": [{"Variable": "$", "NumericEquals": 2, "Next": "Flaky"}],
                "Default": "Fine",
            },
            "Flaky": {**fails_until(1), "Next": "Fine"},
            "Fine": {"Type": "Pass", "End": True},
        },
    }
    each = {"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": branch}
    outcome = redrive(machines, machines.run(chain(("Each", each)), [1, 2, 3]).arn)
    assert outcome.output == [1, 2, 3]
    assert entered(outcome) == {"Each": 1, "Two?": 3, "Flaky": 1, "Fine": 3}


def test_a_retried_parallel_goes_on_with_its_last_try(machines: Any) -> None:
    stop = {"StartAt": "Stop", "States": {"Stop": {"Type": "Fail", "Error": "No"}}}
    retry = [{"ErrorEquals": ["No"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    both = {"Type": "Parallel", "Branches": [chain(("A", {"Type": "Pass"})), stop], "Retry": retry}
    failed = machines.run(chain(("Both", both)))
    outcome = redrive(machines, failed.arn)
    assert (outcome.status, outcome.error) == ("FAILED", "No")
    # Twice before. Then not at first, and once more for the retry, which counts anew.
    assert entered(outcome)["A"] == 3


def test_history_shows_nothing_of_what_is_kept_for_redrives(machines: Any) -> None:
    outcome = machines.run(chain(("A", {"Type": "Pass"}), ("B", {"Type": "Pass"})))
    exits = [event["stateExitedEventDetails"] for event in outcome.events if event["type"] == "PassStateExited"]
    assert all(set(details) == {"name", "output", "outputDetails"} for details in exits)


def test_a_redrive_is_counted_and_dated(machines: Any) -> None:
    failed = machines.run(chain(("Flaky", fails_until(2))))
    redrive(machines, failed.arn)
    redrive(machines, failed.arn)
    described = describe(machines, failed.arn)
    assert described["redriveCount"] == 2
    assert described["redriveDate"] > described["startDate"]


def test_a_failed_execution_is_redrivable(machines: Any) -> None:
    failed = machines.run(chain(("Flaky", fails_until(1))))
    assert describe(machines, failed.arn)["redriveStatus"] == "REDRIVABLE"


def test_an_execution_that_succeeded_is_not_redriven(machines: Any) -> None:
    outcome = machines.run(chain(("Fine", {"Type": "Pass"})))
    with pytest.raises(ServiceError, match="Execution is SUCCEEDED and cannot be redriven") as refused:
        machines.service.handle("RedriveExecution", {"executionArn": outcome.arn})
    assert refused.value.code == "ExecutionNotRedrivable"


def test_an_execution_that_runs_is_not_redriven(machines: Any) -> None:
    arn = machines.start({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}})
    with pytest.raises(ServiceError, match="Execution is RUNNING and cannot be redriven"):
        machines.service.handle("RedriveExecution", {"executionArn": arn})


def test_an_execution_is_redrivable_for_fourteen_days(machines: Any, service: StatesService) -> None:
    failed = machines.run(chain(("Flaky", fails_until(1))))
    now = service.engine.clock()
    service.engine.clock = lambda: now + 14 * 24 * 3600 + 1
    assert describe(machines, failed.arn)["redriveStatusReason"] == "Execution redrivable period exceeded"


def test_one_token_redrives_once(machines: Any) -> None:
    failed = machines.run(chain(("Flaky", fails_until(2))))
    redrive(machines, failed.arn, clientToken="once")
    redrive(machines, failed.arn, clientToken="once")
    assert describe(machines, failed.arn)["redriveCount"] == 1


def test_the_context_object_tells_of_the_redrive(machines: Any) -> None:
    tell = {
        "Type": "Pass",
        "Parameters": {"redrives.$": "$$.Execution.RedriveCount", "time.$": "$$.Execution.RedriveTime"},
    }
    outcome = redrive(machines, machines.run(chain(("Flaky", fails_until(1)), ("Tell", tell))).arn)
    assert outcome.output["redrives"] == 1
    assert outcome.output["time"].endswith("Z")


def names() -> Iterator[str]:
    return (f"S{number}" for number in itertools.count())


@st.composite
def machine(draw: st.DrawFn, depth: int = 2, numbers: Iterator[str] | None = None) -> dict[str, Any]:
    """A machine of states that may be in order only after some redrives, Parallels and inline Maps among them."""
    numbers = numbers or names()
    states: list[tuple[str, dict[str, Any]]] = []
    for _ in range(draw(st.integers(1, 3))):
        name = next(numbers)
        kinds = ["data", "flaky"] + (["parallel", "map"] if depth else [])
        match draw(st.sampled_from(kinds)):
            case "data":
                parameters = {"from": name, "input.$": "$"}
                states.append((name, {"Type": "Pass", "Parameters": parameters, "Assign": {"last": name}}))
            case "flaky":
                states.append((name, fails_until(draw(st.integers(0, 2)))))
            case "parallel":
                branches = [draw(machine(depth - 1, numbers)) for _ in range(draw(st.integers(1, 3)))]
                states.append((name, {"Type": "Parallel", "Branches": branches}))
            case "map":
                processor = draw(machine(depth - 1, numbers))
                concurrency = draw(st.integers(0, 2))
                state = {"Type": "Map", "ItemProcessor": processor, "MaxConcurrency": concurrency}
                states.append((name, {**state, "ItemsPath": "$$.Execution.Input"}))
    return chain(*states)


def in_order(definition: dict[str, Any]) -> dict[str, Any]:
    """The same machine with nothing out of order."""
    text = json.dumps(definition)
    for redrives in (1, 2):
        text = text.replace(f"RedriveCount, -{redrives})", "RedriveCount, -0)")
    plain: dict[str, Any] = json.loads(text)
    return plain


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(machine())
def test_a_machine_that_is_redriven_until_it_succeeds_ends_as_one_that_never_failed(
    machines: Any, definition: dict[str, Any]
) -> None:
    undisturbed = machines.run(in_order(definition), [1, 2])
    outcome = machines.run(definition, [1, 2])
    for _ in range(50):
        if outcome.status == "SUCCEEDED":
            break
        outcome = redrive(machines, outcome.arn)
    assert outcome.output == undisturbed.output
    assert entered(outcome) == entered(undisturbed)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(machine(), st.floats(0, 1))
def test_an_execution_whose_events_break_off_anywhere_can_be_redriven(
    machines_of: Any, tmp_path: Path, definition: dict[str, Any], part: float
) -> None:
    path = tmp_path / f"{uuid.uuid4()}.sqlite"
    service = StatesService(no_clients, path)
    undisturbed = machines_of(service).run(in_order(definition), [1, 2])
    service.close()
    kept = max(1, int(part * len(undisturbed.events)))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM events WHERE id > ?", (kept,))
        connection.execute("UPDATE executions SET status = 'RUNNING', stopped = NULL, output = NULL")
    service = StatesService(no_clients, path)
    outcome = redrive(machines_of(service), undisturbed.arn)
    service.close()
    assert (outcome.status, outcome.output) == ("SUCCEEDED", undisturbed.output)


def no_clients(service: str, _: str) -> Any:
    raise AssertionError(f"this test calls no service, and {service} was called")
