"""Refuse a state machine whose tasks name resources that nothing serves, when it is created."""

from collections.abc import Iterator, Mapping

from pipeline.local.states.definition import Map, Parallel, State, StateMachine, Task
from pipeline.local.states.errors import DefinitionError, Problem
from pipeline.local.states.integrations import UnknownResourceError, resolve


def check_resources(machine: StateMachine) -> None:
    """Raise DefinitionError with one problem a Task whose Resource is unknown."""
    if problems := list(_problems(machine.states, "/States")):
        raise DefinitionError(problems)


def _problems(states: Mapping[str, State], path: str) -> Iterator[Problem]:
    for name, state in states.items():
        here = f"{path}/{name}"
        if isinstance(state, Task):
            try:
                resolve(state.resource)
            except UnknownResourceError as error:
                yield Problem(f"{here}/Resource", "SCHEMA_VALIDATION_FAILED", str(error))
        elif isinstance(state, Parallel):
            for position, branch in enumerate(state.branches):
                yield from _problems(branch.states, f"{here}/Branches[{position}]/States")
        elif isinstance(state, Map):
            yield from _problems(state.processor.states, f"{here}/ItemProcessor/States")
