"""What the events of an execution tell: the run it is about, and the states it went through.

Source: Step Functions API reference, GetExecutionHistory. Children of a distributed map have histories of their own;
those of an inline map stand in that of the execution.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

FIRST_EVENTS = 50
"""StartRun is the first state, and its end is among the first events, unless it was redriven again and again."""

_PAGE, _FEW = 1000, 100
"""Events in a request: as many as there can be, and as many as there are between two looks."""


def find_pointer(stepfunctions: Any, execution: str) -> Mapping[str, Any] | None:
    """What StartRun answered, the run's pointer; None while it has not, or where it failed."""
    request: dict[str, Any] = {"executionArn": execution, "maxResults": FIRST_EVENTS}
    while True:
        page = stepfunctions.get_execution_history(**request)
        for event in page["events"]:
            details = event.get("stateExitedEventDetails", {})
            if details.get("name") == "StartRun":
                run: Mapping[str, Any] | None = json.loads(details["output"]).get("run")
                return run
        if not page.get("nextToken"):
            return None
        request["nextToken"] = page["nextToken"]


def is_claimed(pointer: Mapping[str, Any]) -> bool:
    """Whether the execution has the run; else another one that the same trigger started has it."""
    return bool(pointer.get("claimed", True))


@dataclass(frozen=True)
class Stage:
    """A state that an execution came to, as often as it did: a state inside a map is entered for each of its items."""

    name: str
    type: str
    """As in the state machine: Task, Map, Choice, Pass, Succeed, Fail, Wait, Parallel."""
    entered: int
    left: int
    first: datetime
    last: datetime
    """When it was entered or left last."""

    @property
    def is_open(self) -> bool:
        """Entered and not left. Nothing ever leaves a state that ends an execution."""
        return self.left < self.entered and self.type not in ("Fail", "Succeed")


def read_stages(stepfunctions: Any, execution: str) -> list[Stage]:
    """The states that an execution came to, in the order in which it first did."""
    return StageReader(stepfunctions, execution).read()


class StageReader:
    """Reads the stages of an execution again and again: each time only the events that are new."""

    def __init__(self, stepfunctions: Any, execution: str) -> None:
        self._stepfunctions = stepfunctions
        self._execution = execution
        self._last = 0
        self._stages: dict[str, Stage] = {}
        self.latest: str | None = None
        """The state that was entered last."""

    def read(self) -> list[Stage]:
        for event in reversed(list(self._new_events())):
            self._last = event["id"]
            self._add(event)
        return list(self._stages.values())

    def _new_events(self) -> Iterator[Mapping[str, Any]]:
        """The latest first: a page of them is all there is to ask for, unless much has happened."""
        request: dict[str, Any] = {"maxResults": _FEW if self._last else _PAGE}
        while True:
            page = self._stepfunctions.get_execution_history(
                executionArn=self._execution, reverseOrder=True, includeExecutionData=False, **request
            )
            for event in page["events"]:
                if event["id"] <= self._last:
                    return
                yield event
            if not page.get("nextToken"):
                return
            request = {"maxResults": _PAGE, "nextToken": page["nextToken"]}

    def _add(self, event: Mapping[str, Any]) -> None:
        details = event.get("stateEnteredEventDetails") or event.get("stateExitedEventDetails")
        if details is None:
            return
        name, when = details["name"], event["timestamp"].astimezone(UTC)
        is_entered = "stateEnteredEventDetails" in event
        kind = event["type"].removesuffix("StateEntered").removesuffix("StateExited")
        before = self._stages.get(name) or Stage(name, kind, 0, 0, when, when)
        self._stages[name] = Stage(
            name, kind, before.entered + is_entered, before.left + (not is_entered), before.first, when
        )
        self.latest = name if is_entered else self.latest
