"""What must hold between the states of one machine or branch: targets that exist, and states that are reached.

Source: Amazon States Language, "Transitions" and "States"; the codes are those of ValidateStateMachineDefinition.
"""

from collections.abc import Iterator

from pipeline.local.states.definition.fields import Fields
from pipeline.local.states.definition.model import Choice, State, Work

MISSING_TARGET = "MISSING_TRANSITION_TARGET"
NO_TERMINAL_STATE = "NO_TERMINAL_STATE"


def check_transitions(machine: Fields, start_at: str, states: dict[str, State]) -> None:
    """Note transitions to states that do not exist; where there are none, states not reached and a lack of an end."""
    missing = list(_missing_targets(start_at, states))
    for field, target in missing:
        label = field.rpartition("/")[2]
        machine.problem(field, f"Missing '{label}' target: {target}", MISSING_TARGET)
    if missing:
        return
    reached = _reachable(start_at, states)
    for name in states:
        if name not in reached:
            machine.problem(f"States/{name}", f'State "{name}" is not reachable.', MISSING_TARGET)
    if not any(_ends(states[name]) for name in reached):
        machine.problem("States", "no state ends the machine: one needs End, or be Succeed or Fail", NO_TERMINAL_STATE)


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
        targets += [(f"Choices/{index}/Next", rule.next) for index, rule in enumerate(state.rules)]
        targets += [("Default", state.default)]
    if isinstance(state, Work):
        targets += [(f"Catch/{index}/Next", catcher.next) for index, catcher in enumerate(state.catch)]
    return ((field, target) for field, target in targets if target)


def _reachable(start_at: str, states: dict[str, State]) -> set[str]:
    reached: set[str] = set()
    pending = [start_at]
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            pending += [target for _, target in _transitions(states[name])]
    return reached


def _ends(state: State) -> bool:
    return state.end or state.type in ("Succeed", "Fail")
