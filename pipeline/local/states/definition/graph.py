"""What must hold between the states of one machine or branch: targets that exist, and states that are reached.

Source: Amazon States Language, "Transitions" and "States"; the codes are those of ValidateStateMachineDefinition.
"""

from collections.abc import Iterator

from pipeline.local.states.definition.fields import Fields
from pipeline.local.states.definition.model import Choice, State, Work

MISSING_TARGET = "MISSING_TRANSITION_TARGET"
NO_TERMINAL_STATE = "NO_TERMINAL_STATE"


def check_transitions(machine: Fields, start_at: str, states: dict[str, State], broken: set[str]) -> None:
    """Note transitions to states that do not exist, states that none leads to, and a machine that cannot end.

    `broken` names the states that did not compile: they exist, but what they lead to is unknown.
    """
    known = states.keys() | broken
    if start_at and start_at not in known:
        machine.problem("StartAt", f"Missing 'StartAt' target: {start_at}", MISSING_TARGET)
    for name, state in states.items():
        for field, target in _transitions(state):
            if target not in known:
                label = field.rpartition("/")[2]
                machine.problem(f"States/{name}/{field}", f"Missing '{label}' target: {target}", MISSING_TARGET)
    if broken or start_at not in states:
        return
    reached = _reachable(start_at, states)
    for name in states.keys() - reached:
        machine.problem(f"States/{name}", f'State "{name}" is not reachable.', MISSING_TARGET)
    if not any(_ends(states[name]) for name in reached):
        machine.problem("States", "no state ends the machine: one needs End, or be Succeed or Fail", NO_TERMINAL_STATE)


def _transitions(state: State) -> Iterator[tuple[str, str]]:
    """The fields that name a next state, and the names; a target that is not given is the schema's problem."""
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
        if name not in reached and name in states:
            reached.add(name)
            pending += [target for _, target in _transitions(states[name])]
    return reached


def _ends(state: State) -> bool:
    return state.end or state.type in ("Succeed", "Fail")
