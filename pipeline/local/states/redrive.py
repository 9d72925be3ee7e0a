"""Where an execution that ended goes on when it is redriven, read from its events.

A state is taken up again when it was entered and not exited (Developer Guide, "Redriving Map Runs": "there's no
<stateType>Exited event corresponding to the <stateType>Entered event"). Of a Parallel or an inline Map, only the lines
that did not finish run again; what the others gave is in their last exited events. A distributed Map takes its map run
up again.

The events of an execution form a tree by the event that each follows, and a line (the top level, a branch, an
iteration) is a path in it. A line that is killed between two states goes on at the second: `NEXT`, a detail that no API
shows, says which that is.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pipeline.local.states import definition
from pipeline.local.states.history import NEXT, Event
from pipeline.local.states.scope import Json

REDRIVABLE_SECONDS = 14 * 24 * 3600
"""How long after its end an execution can be redriven (API reference, RedriveExecution)."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A line that came to its end."""

    output: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """A line that goes on."""

    event: int
    """The id of its last event, which the next one follows."""
    state: str | None
    """Which state it goes on with; None where it had entered none."""
    input: str
    """What that state gets, JSON."""
    variables: Mapping[str, Json]
    entered: int = 0
    """The id of the event with which that state was entered: it is not entered a second time. 0 where it was not."""
    started: int = 0
    """The id of the event with which its Parallel or Map began, 0 where it had not."""
    lines: "Mapping[int, Resumption | Finished]" = field(default_factory=dict)
    """How far the branches of its Parallel, or the iterations of its inline Map, had come, by their index."""
    map_run: str | None = None
    """The ARN of the map run of its distributed Map."""


class _Line:
    """A line while its events are gone through."""

    def __init__(self, branch: definition.Branch | definition.StateMachine, parent: "_Line | None", index: int) -> None:
        self.branch = branch
        self.parent = parent
        self.index = index
        self.event = 0
        self.state: definition.State | None = None
        self.entered = 0
        self.next: str | None = None
        self.text = ""
        self.has_exited = False
        self.variables: dict[str, Json] = dict(parent.variables) if parent else {}
        self.has_failed = False
        self.close()

    def close(self) -> None:
        self.started = 0
        self.lines: dict[int, _Line] = {}
        self.map_run: str | None = None

    def enter(self, event: int, name: str, text: str) -> None:
        self.entered, self.state, self.text, self.has_failed = event, self.branch.states[name], text, False
        self.close()

    def exit(self, next_: str | None, output: str, assigned: Mapping[str, str]) -> None:
        self.state, self.next, self.text, self.has_exited = None, next_, output, True
        self.variables |= {name: json.loads(text) for name, text in assigned.items()}
        self.close()

    def result(self) -> Resumption | Finished:
        if self.state is None and self.has_exited and self.next is None:
            return Finished(self.text)
        return Resumption(
            event=self.event,
            state=self.state.name if self.state else self.next,
            input=self.text,
            variables=self.variables,
            entered=self.entered if self.state else 0,
            started=self.started,
            lines={index: line.result() for index, line in self.lines.items()},
            map_run=self.map_run,
        )


def resumption(events: Iterable[Event], machine: definition.Branch | definition.StateMachine) -> Resumption | Finished:
    """How far an execution of `machine` had come. Its events may break off anywhere, as a killed process's do."""
    root = _Line(machine, None, 0)
    lines: dict[int, _Line] = {0: root}
    for event in events:
        line = _line(event, lines[event.previous], root)
        line.event = event.id
        lines[event.id] = line
    return root.result()


def _line(event: Event, line: _Line, root: _Line) -> _Line:
    """The line that an event belongs to, given the line of the event that it follows; notes what it says of it."""
    details = json.loads(event.details) if event.details else {}
    match event.type:
        case "ExecutionRedriven":
            _forget_failures(root)
            return root
        case "MapIterationStarted":
            # It follows the beginning of the map, or the end of the iteration before it.
            return _iteration(_upwards(line, _in_state(details["name"])), details["index"])
        case "MapIterationFailed" | "MapIterationAborted":
            line = _upwards(line, lambda it: it.parent is not None and it.index == details["index"])
            line.has_failed = True
        case "ParallelStateStarted" | "MapStateStarted":
            line = _upwards(line, _at_work)
            line.close()
            line.started = event.id
        case "ParallelStateFailed" | "MapStateFailed":
            line = _upwards(line, _at_work)
            line.has_failed = True
        case "MapRunStarted":
            line.map_run = details["mapRunArn"]
        case type_ if type_.endswith("StateEntered"):
            if line.started == event.previous != 0:
                line = _branch(line, details["name"])
            line.enter(event.id, details["name"], details["input"])
        case type_ if type_.endswith("StateExited"):
            line = _upwards(line, _in_state(details["name"]))
            line.exit(details.get(NEXT), details["output"], details.get("assignedVariables", {}))
    return line


def _in_state(name: str) -> Callable[[_Line], bool]:
    return lambda line: line.state is not None and line.state.name == name


def _at_work(line: _Line) -> bool:
    """Whether a Parallel or Map of this line is under way. One that failed is not, but for those around it."""
    return isinstance(line.state, definition.Parallel | definition.Map) and not line.has_failed


def _upwards(line: _Line, is_it: Callable[[_Line], bool]) -> _Line:
    """The nearest line from `line` upwards: a line goes on behind an event of whichever of its own lines ended last."""
    while not is_it(line):
        if line.parent is None:
            raise LookupError("the events of the execution do not fit its definition")
        line = line.parent
    return line


def _iteration(parent: _Line, index: int) -> _Line:
    state = parent.state
    assert isinstance(state, definition.Map)  # noqa: S101  (only a map has iterations)
    parent.lines[index] = _Line(state.processor, parent, index)
    return parent.lines[index]


def _branch(parent: _Line, first_state: str) -> _Line:
    state = parent.state
    assert isinstance(state, definition.Parallel)  # noqa: S101  (only the branches of a Parallel begin with a state)
    free = (i for i, branch in enumerate(state.branches) if i not in parent.lines and branch.start_at == first_state)
    index = next(free)
    parent.lines[index] = _Line(state.branches[index], parent, index)
    return parent.lines[index]


def _forget_failures(line: _Line) -> None:
    line.has_failed = False
    for inner in line.lines.values():
        _forget_failures(inner)
