"""The events of executions, as GetExecutionHistory gives them."""

import json
from typing import Any

import pytest

from pipeline.local.states.history import LIMIT

TWO_PASSES = {
    "StartAt": "A",
    "States": {"A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "B"}, "B": {"Type": "Pass", "End": True}},
}
FOR_EVER = {
    "StartAt": "Again",
    "States": {
        "Again": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.stop", "IsPresent": True, "Next": "Stop"}],
            "Default": "Again",
        },
        "Stop": {"Type": "Succeed"},
    },
}


def test_events_are_numbered_and_name_their_predecessor(machines: Any) -> None:
    events = machines.run(TWO_PASSES).events
    assert [(event["id"], event["previousEventId"]) for event in events] == [
        (1, 0),
        (2, 0),
        (3, 2),
        (4, 3),
        (5, 4),
        (6, 5),
    ]


def test_details_stand_in_the_member_of_their_type(machines: Any) -> None:
    events = machines.run(TWO_PASSES, {"n": 1}).events
    assert events[1]["stateEnteredEventDetails"] == {
        "name": "A",
        "input": '{"n": 1}',
        "inputDetails": {"truncated": False},
    }
    assert events[2]["stateExitedEventDetails"]["assignedVariables"] == {"x": "1"}
    assert json.loads(events[-1]["executionSucceededEventDetails"]["output"]) == {"n": 1}


def test_text_that_no_state_changes_stays_as_it_was_written(machines: Any) -> None:
    assert machines.run(TWO_PASSES, {"n": 1}).events[-1]["executionSucceededEventDetails"]["output"] == '{"n": 1}'


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7])
@pytest.mark.parametrize("reverse", [False, True])
def test_pages_make_the_whole_history(machines: Any, size: int, reverse: bool) -> None:
    outcome = machines.run(TWO_PASSES)
    paged = machines.history(outcome.arn, maxResults=size, reverseOrder=reverse)
    assert paged == (outcome.events[::-1] if reverse else outcome.events)


def test_without_execution_data_inputs_and_outputs_are_left_out(machines: Any) -> None:
    outcome = machines.run(TWO_PASSES)
    entered = machines.history(outcome.arn, includeExecutionData=False)[1]
    assert entered["stateEnteredEventDetails"] == {"name": "A"}


def test_an_execution_ends_at_the_limit_of_events(machines: Any) -> None:
    arn = machines.start(FOR_EVER)
    machines.service.engine.call(machines.service.engine.running[arn].wait())
    last = machines.service.handle("GetExecutionHistory", {"executionArn": arn, "reverseOrder": True, "maxResults": 1})
    assert last["events"][0]["id"] == LIMIT
    assert "maximum number of history events" in last["events"][0]["executionFailedEventDetails"]["cause"]
