"""How long each state of an execution took, from its history."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pipeline.report.content import Failure, Span
from pipeline.results import causes

_ENTERED, _EXITED = "stateEnteredEventDetails", "stateExitedEventDetails"


def spans(events: Iterable[Mapping[str, Any]]) -> list[Span]:
    """The states of an execution in the order in which they were entered, each once.

    `events` are those of GetExecutionHistory. A state that was entered and never left failed, or was stopped, where
    the execution ended.
    """
    found: dict[str, Span] = {}
    inside: dict[str, int] = {}
    last: datetime | None = None
    status = "running"
    for event in events:
        last = event["timestamp"]
        if _ENTERED in event:
            name = event[_ENTERED]["name"]
            inside[name] = inside.get(name, 0) + 1
            visited = found.get(name)
            found[name] = (
                replace(visited, visits=visited.visits + 1) if visited else Span(name, last, last, status="running")
            )
        elif _EXITED in event:
            name = event[_EXITED]["name"]
            inside[name] -= 1
            found[name] = replace(found[name], ended=last)
        elif event["type"] in _ENDS:
            status = _ENDS[event["type"]]
    return [_ended(span, inside[name] > 0, last or span.ended, status) for name, span in found.items()]


def failure(events: Iterable[Mapping[str, Any]]) -> Failure | None:
    """Why the execution failed, or was stopped; None of one that was not, or has been redriven since."""
    found: Failure | None = None
    for event in events:
        if event["type"] in _ENDS:
            details = event.get(_DETAILS[event["type"]], {})
            found = Failure(details.get("error") or event["type"], causes.readable(details.get("cause")))
        elif event["type"] == "ExecutionRedriven":
            found = None
    return found


_DETAILS = {
    "ExecutionFailed": "executionFailedEventDetails",
    "ExecutionTimedOut": "executionTimedOutEventDetails",
    "ExecutionAborted": "executionAbortedEventDetails",
}
_ENDS = {"ExecutionFailed": "failed", "ExecutionTimedOut": "failed", "ExecutionAborted": "stopped"}


def _ended(span: Span, is_inside: bool, last: datetime, status: str) -> Span:
    if not is_inside:
        return replace(span, status="succeeded")
    return replace(span, ended=last, status=status)
