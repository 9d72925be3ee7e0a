"""How long a run took, by the histories of the executions that had it."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.deployed.running_time import running_seconds

BEGAN = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return BEGAN + timedelta(minutes=minutes)


def history(*events: tuple[str, float]) -> list[dict[str, Any]]:
    return [{"type": kind, "timestamp": at(minutes)} for kind, minutes in events]


class StepFunctions:
    """Histories by execution, two events a page; an execution without one is forgotten."""

    def __init__(self, histories: Mapping[str, list[dict[str, Any]]], refusal: str = "ExecutionDoesNotExist") -> None:
        self._histories, self._refusal = histories, refusal

    def get_paginator(self, operation: str) -> Any:
        assert operation == "get_execution_history"
        return self

    def paginate(self, executionArn: str, **_: Any) -> Iterator[Any]:  # noqa: N803 - the API's name
        events = self._histories.get(executionArn)
        if events is None:
            raise ClientError({"Error": {"Code": self._refusal}}, "GetExecutionHistory")
        for first in range(0, len(events), 2):
            yield {"events": events[first : first + 2]}


def minutes(stepfunctions: StepFunctions, *executions: str, until: float) -> float:
    return running_seconds(stepfunctions, executions, BEGAN, at(until)) / 60


def test_an_execution_under_way_has_run_since_it_started() -> None:
    under_way = history(("ExecutionStarted", 0), ("TaskStateEntered", 1), ("TaskStateExited", 2))
    assert minutes(StepFunctions({"a": under_way}), "a", until=12) == 12


@pytest.mark.parametrize("end", ["ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"])
def test_the_time_until_an_execution_was_redriven_does_not_count(end: str) -> None:
    redriven = history(("ExecutionStarted", 0), (end, 5), ("ExecutionRedriven", 500), ("TaskStateEntered", 501))
    assert minutes(StepFunctions({"a": redriven}), "a", until=507) == 5 + 7


def test_the_time_until_another_execution_took_the_run_over_does_not_count() -> None:
    first = history(("ExecutionStarted", 0), ("ExecutionFailed", 5))
    second = history(("ExecutionStarted", 900))
    assert minutes(StepFunctions({"a": first, "b": second}), "a", "b", until=903) == 5 + 3


def test_the_time_in_which_two_executions_ran_counts_once() -> None:
    redriven_in_vain = [
        ("ExecutionStarted", 0),
        ("ExecutionFailed", 5),
        ("ExecutionRedriven", 901),
        ("ExecutionFailed", 902),
    ]
    second = history(("ExecutionStarted", 900))
    assert minutes(StepFunctions({"a": history(*redriven_in_vain), "b": second}), "a", "b", until=903) == 5 + 3


def test_an_execution_that_is_forgotten_counts_as_nothing() -> None:
    assert minutes(StepFunctions({"b": history(("ExecutionStarted", 900))}), "a", "b", until=903) == 3


def test_who_may_not_ask_is_told_all_the_time_since_the_run_began() -> None:
    assert minutes(StepFunctions({}, "AccessDeniedException"), "a", until=30) == 30
