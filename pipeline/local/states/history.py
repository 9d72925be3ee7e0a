"""The events of an execution, numbered and shaped as GetExecutionHistory shows them.

An `Event` holds its details as JSON text, so that it can go to the store as it is; `present` turns it into a member
of the API's answer. The member that holds the details follows from the type (`TaskFailed` has
`taskFailedEventDetails`; everything that enters or leaves a state shares two).
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from pipeline.local.states.documents import dump
from pipeline.local.states.errors import RUNTIME, StateError

LIMIT = 25_000
"""Events of one standard execution (Step Functions Developer Guide, "Quotas related to state executions")."""

NEXT = "_next"
"""A detail of exited events that is kept for redrives, and not shown: the state that comes next."""

_EXECUTION_DATA = ("input", "output", "parameters", "assignedVariables")


class Event(NamedTuple):
    """One event. `timestamp` is seconds since 1970, `details` a JSON object as text, empty when there are none."""

    id: int
    previous: int
    timestamp: float
    type: str
    details: str


class History:
    """Numbers the events of one execution and hands them to `append`; without one (Express) it only numbers."""

    __slots__ = ("_append", "_clock", "count")

    def __init__(self, append: Callable[[Event], None] | None, clock: Callable[[], float], count: int = 0) -> None:
        self._append = append
        self._clock = clock
        self.count = count

    def add(self, type_: str, previous: int = 0, **details: Any) -> int:
        """Record an event that follows the event `previous` and return its id; details that are None are left out.

        Raises:
            StateError: States.Runtime, terminal, when only the event that ends the execution still fits.
        """
        if self._append is not None and self.count >= LIMIT - 1 and not type_.startswith("Execution"):
            raise StateError(
                RUNTIME,
                f"The execution reached the maximum number of history events ({LIMIT}).",
                terminal=True,
            )
        self.count += 1
        if self._append is not None:
            present = {name: value for name, value in details.items() if value is not None}
            text = dump(present) if present else ""
            self._append(Event(self.count, previous, self._clock(), type_, text))
        return self.count


def present(event: Event, *, include_data: bool = True) -> dict[str, Any]:
    """An event as GetExecutionHistory answers it; without `include_data`, inputs and outputs are left out."""
    answer: dict[str, Any] = {
        "timestamp": event.timestamp,
        "type": event.type,
        "id": event.id,
        "previousEventId": event.previous,
    }
    if event.details:
        details = json.loads(event.details)
        details.pop(NEXT, None)
        if not include_data:
            details = {name: value for name, value in details.items() if name not in _EXECUTION_DATA}
        for name in ("input", "output"):
            if name in details:
                details[f"{name}Details"] = {"truncated": False}
        answer[_details_member(event.type)] = details
    return answer


def _details_member(type_: str) -> str:
    for suffix in ("StateEntered", "StateExited"):
        if type_.endswith(suffix):
            return f"{suffix[0].lower()}{suffix[1:]}EventDetails"
    return f"{type_[0].lower()}{type_[1:]}EventDetails"
