"""What must hold between the states of one machine or branch: targets that exist, and states that are reached.

Source: Amazon States Language, "Transitions" and "States"; the codes are those of ValidateStateMachineDefinition.
"""

from collections.abc import Iterator

from pipeline.local.states.definition.fields import Fields
from pipeline.local.states.definition.model import Choice, State, Work

MISSING_TARGET = "MISSING_TRANSITION_TARGET"
MISSING_END = "MISSING_END_STATE"


def check_transitions(machine: Fields, start_at: str, states: dict[str, State]) -> None:
    """Note transitions to states that do not exist, states that none leads to, and a graph that cannot end."""
    for field, target in _missing_targets(start_at, states):
        label = field.rpartition("/")[2]
        machine.problem(field, f"Missing '{label}' target: {target}", MISSING_TARGET)
    if start_at in states:
        reached = _reachable(start_at, states)
        for name in states:
            if name not in reached:
                machine.problem(f"States/{name}", f'State "{name}" is not reachable.', MISSING_TARGET)
    if not any(map(_ends, states.values())):
        machine.problem("States", "Workflow has no terminal state", MISSING_END)


def _missing_targets(start_at: str, states: dict[str, State]) -> Iterator[tuple[str, str]]:
    if start_at not in states:
        yield "StartAt", start_at
    for name, state in states.items():
        for field, target in _transitions(state):
            if target not in states:
                yield f"States/{name}/{field}", target


def _transitions(state: State) -> Iterator[tuple[str, str]]:
    """The fields that name a next state, and the names."""
    targets = [("Next", state.next)]
    if isinstance(state, Choice):
        targets += [(f"Choices[{index}]/Next", rule.next) for index, rule in enumerate(state.rules)]
        targets += [("Default", state.default)]
    if isinstance(state, Work):
        targets += [(f"Catch[{index}]/Next", catcher.next) for index, catcher in enumerate(state.catch)]
    return ((field, target) for field, target in targets if target)


def _reachable(start_at: str, states: dict[str, State]) -> set[str]:
    reached: set[str] = set()
    pending = [start_at]
    while pending:
        name = pending.pop()
        if name not in reached and name in states:
            reached.add(name)
            pending += [target for _, target in _transitions(states[name])]
    return reached


def _ends(state: State) -> bool:
    return state.end or state.type in ("Succeed", "Fail")
