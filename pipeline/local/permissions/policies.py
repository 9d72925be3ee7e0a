"""Whether a role's statements allow a call.

Source: IAM User Guide, "Policy evaluation logic": an explicit Deny wins, and what no statement allows is refused.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

Statement = Mapping[str, Any]


class Call(NamedTuple):
    """One action on one resource. `context` has what conditions may look at, its keys in lower case."""

    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()


class Policy:
    """What statements allow, taken together."""

    def __init__(self, statements: Iterable[Statement]) -> None:
        self._statements = tuple(statements)
        # A function asks for the same few actions, thousands of times.
        self._about = lru_cache(maxsize=256)(self._find)

    def allows(self, call: Call) -> bool:
        effects = [rule.effect for rule in self._about(call.action) if rule.matches(call)]
        return "Allow" in effects and "Deny" not in effects

    def _find(self, action: str) -> list["_Rule"]:
        """What says something of an action."""
        return [
            _Rule(statement["Effect"], _patterns(statement.get("Resource", ())), statement.get("Condition", {}))
            for statement in self._statements
            if any(each.fullmatch(action.lower()) for each in _patterns(statement.get("Action", ()), lower=True))
        ]


class _Rule(NamedTuple):
    """What a statement says of an action."""

    effect: str
    resources: list[re.Pattern[str]]
    conditions: Mapping[str, Mapping[str, Any]]

    def matches(self, call: Call) -> bool:
        return any(each.fullmatch(call.resource) for each in self.resources) and all(
            _condition(operator, tests, dict(call.context)) for operator, tests in self.conditions.items()
        )


def _patterns(given: Any, *, lower: bool = False) -> list[re.Pattern[str]]:
    listed = [given] if isinstance(given, str) else given
    return [_pattern(each.lower() if lower else each) for each in listed]


def _condition(operator: str, tests: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """One operator with its keys, all of which have to hold; a value of a list is enough."""
    if_exists = operator.endswith("IfExists")
    holds = _OPERATORS.get(operator.removesuffix("IfExists"))
    if holds is None:
        return False
    for key, wanted in tests.items():
        value = context.get(key.lower())
        if value is None:
            if not if_exists:
                return False
        elif not any(holds(str(each), value) for each in ([wanted] if isinstance(wanted, str | bool) else wanted)):
            return False
    return True


def _like(pattern: str, value: str) -> bool:
    return _pattern(pattern).fullmatch(value) is not None


def _same_truth(wanted: str, value: str) -> bool:
    return wanted.lower() == value.lower()


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": _same_truth,
    "StringEquals": str.__eq__,
    "StringLike": _like,
}


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    """A text with IAM's wildcards: * is any characters, slashes and colons among them, ? is one."""
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(character) or re.escape(character) for character in text), re.DOTALL)
