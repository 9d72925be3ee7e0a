"""How long each state of an execution took, from its history."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pipeline.report.content import Span

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


_ENDS = {"ExecutionFailed": "failed", "ExecutionTimedOut": "failed", "ExecutionAborted": "stopped"}


def _ended(span: Span, is_inside: bool, last: datetime, status: str) -> Span:
    if not is_inside:
        return replace(span, status="succeeded")
    return replace(span, ended=last, status=status)
