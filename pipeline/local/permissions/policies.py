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


def allowed(call: Call, statements: Iterable[Statement]) -> bool:
    """Whether these statements, taken together, allow a call."""
    matching = [statement["Effect"] for statement in statements if _matches(statement, call)]
    return "Allow" in matching and "Deny" not in matching


def _matches(statement: Statement, call: Call) -> bool:
    return (
        _any_of(statement.get("Action", ()), call.action.lower(), lower=True)
        and _any_of(statement.get("Resource", ()), call.resource)
        and all(
            _condition(operator, tests, dict(call.context))
            for operator, tests in statement.get("Condition", {}).items()
        )
    )


def _any_of(patterns: Any, text: str, *, lower: bool = False) -> bool:
    listed = [patterns] if isinstance(patterns, str) else patterns
    return any(_pattern(each.lower() if lower else each).fullmatch(text) for each in listed)


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
