"""The course of a run: the states that it goes through from its start to its end, with what became of each so far.

Of the state machine it takes what a person follows: what works (Task, Map, Parallel), on the way that no error takes.
Ways that a Choice has not taken are left out once that is known; until then they are alternatives. A Map that is but a
frame around distributed maps is shown as these.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline import state_graph
from pipeline.deployed.history import Stage

_WORKING = ("Task", "Map", "Parallel")
_JOB = ".sync"

VALIDATES, PREDICTS = "validates", "predicts"


@dataclass(frozen=True)
class Step:
    """One state of the course."""

    name: str
    entered: datetime | None = None
    """None while the run has not come to it."""
    left: datetime | None = None
    """None while the run is in it."""
    does: str = ""
    """VALIDATES where it runs a distributed map, PREDICTS where it runs jobs."""
    jobs: int = 0
    """Jobs that have been started in it."""
    jobs_ended: int = 0
    is_alternative: bool = False
    """Whether it will be this state, or the one before it."""


def steps(machine: Mapping[str, Any] | None, stages: Sequence[Stage]) -> tuple[Step, ...]:
    """The course through a definition in the Amazon States Language, of an execution with these stages.

    Where there is no definition, it is the stages that the execution came to.
    """
    if machine is None:
        return tuple(_step(stage, {}, {}) for stage in stages if stage.type in _WORKING)
    visited = {stage.name: stage for stage in stages}
    states: Mapping[str, Mapping[str, Any]] = machine["States"]
    usual = [edge for edge in state_graph.edges(machine) if not edge[2]]
    rows = state_graph.rows(machine["StartAt"], usual)
    # From where the run is now, the rest of its way.
    latest = next((stage.name for stage in reversed(stages) if stage.name in rows), machine["StartAt"])
    ahead = state_graph.rows(latest, usual)
    found: list[Step] = []
    alternatives: dict[int, list[str]] = {}
    written = list(states)
    for name in sorted(rows, key=lambda name: (rows[name], written.index(name))):
        if states[name]["Type"] not in _WORKING or (name not in visited and name not in ahead):
            continue
        if name in visited:
            found += _steps(name, states[name], visited)
        else:
            alternatives.setdefault(rows[name], []).append(name)
    waiting = (
        Step(name, does=_does(states[name]), is_alternative=bool(number))
        for names in alternatives.values()
        for number, name in enumerate(names)
    )
    return (*found, *waiting)


def _steps(name: str, state: Mapping[str, Any], visited: Mapping[str, Stage]) -> Iterator[Step]:
    """The step of a state that the run came to, or those of the distributed maps inside it."""
    maps = [
        (inside, inner)
        for machine in state_graph.inner(state)
        for inside, inner in machine["States"].items()
        if inside in visited and state_graph.is_distributed(inner)
    ]
    for inside, inner in maps or [(name, state)]:
        yield _step(visited[inside], inner, visited)


def _step(stage: Stage, state: Mapping[str, Any], visited: Mapping[str, Stage]) -> Step:
    jobs = [visited[name] for name in _jobs(state) if name in visited]
    return Step(
        stage.name,
        entered=stage.first,
        left=None if stage.is_open else stage.last,
        does=_does(state),
        jobs=sum(job.entered for job in jobs),
        jobs_ended=sum(job.left for job in jobs),
    )


def _does(state: Mapping[str, Any]) -> str:
    if any(state_graph.is_distributed(inner) for inner in (state, *_inside(state))):
        return VALIDATES
    return PREDICTS if any(_jobs(state)) else ""


def _jobs(state: Mapping[str, Any]) -> Iterator[str]:
    """The states inside a state that start a job and wait for its end."""
    for machine in state_graph.inner(state):
        for name, inner in state_graph.all_states(machine):
            if str(inner.get("Resource", "")).endswith(_JOB):
                yield name


def _inside(state: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for machine in state_graph.inner(state):
        yield from (inner for _, inner in state_graph.all_states(machine))
