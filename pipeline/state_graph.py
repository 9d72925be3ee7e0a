"""A state machine as a graph: which state leads to which, and which come after which.

Source: Amazon States Language, https://states-language.net/. `machine` is anything with StartAt and States: a
definition, a Map's processor, a branch.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Edge = tuple[str, str, bool]
"""From, to, and whether it is the way of an error."""


def edges(machine: Mapping[str, Any]) -> list[Edge]:
    """Each pair of states once, the usual way of a state before that of its errors."""
    return [edge for name, state in machine["States"].items() for edge in _edges(name, state)]


def rows(start: str, edges: list[Edge]) -> dict[str, int]:
    """The row of each state that can be reached: the longest way to it, without edges that lead back to where they
    came from. The states are in an order in which every edge that counts leads to a later one.
    """
    after: dict[str, list[str]] = {}
    for one, other, _ in edges:
        after.setdefault(one, []).append(other)
    forward: dict[str, list[str]] = {}
    _walk(start, after, forward, [])
    found = dict.fromkeys(forward, 0)
    for name in reversed(list(forward)):
        for target in forward[name]:
            found[target] = max(found[target], found[name] + 1)
    return {name: found[name] for name in reversed(list(forward))}


def inner(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The machines inside a state: a Map's processor, the branches of a Parallel."""
    machines = [state.get("ItemProcessor") or state.get("Iterator"), *state.get("Branches", ())]
    return [machine for machine in machines if machine]


def is_distributed(state: Mapping[str, Any]) -> bool:
    """Whether a state is a Map whose children are executions of their own."""
    return bool(state.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED")


def all_states(machine: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every state with its name, each before those inside it."""
    for name, state in machine["States"].items():
        yield name, state
        for each in inner(state):
            yield from all_states(each)


def _edges(name: str, state: Mapping[str, Any]) -> Iterator[Edge]:
    ways = [(state.get("Next"), False), (state.get("Default"), False)]
    ways += [(choice.get("Next"), False) for choice in state.get("Choices", ())]
    ways += [(catcher["Next"], True) for catcher in state.get("Catch", ())]
    seen = set()
    for target, is_error in ways:
        if target and target not in seen:
            seen.add(target)
            yield name, target, is_error


def _walk(name: str, after: Mapping[str, list[str]], forward: dict[str, list[str]], above: list[str]) -> None:
    """Fill `forward` with each state behind all that follow it."""
    if name in forward:
        return
    kept = [target for target in after.get(name, ()) if target not in above and target != name]
    for target in kept:
        _walk(target, after, forward, [*above, name])
    forward[name] = kept
