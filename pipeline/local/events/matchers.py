"""The comparisons of event patterns: what one value of an event is held against.

Source: EventBridge User Guide, "Comparison operators for use in event patterns". Where it leaves something open, what
AWS's own open-source matcher (event-ruler) does counts.
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

Matcher = Callable[[Any], bool]
"""Says whether a value that is neither object nor array fits."""

_LARGEST = 5e9  # the range of numeric comparisons, either sign


class PatternError(ValueError):
    """A pattern that EventBridge does not take, and why."""


class Exists:
    """`exists`: not held against a value, but against there being one."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted


def matcher(value: Any) -> "Matcher | Exists":
    """The comparison that one element of a pattern's array stands for."""
    if isinstance(value, Mapping):
        return _expression(value)
    if isinstance(value, list):
        raise PatternError("Match value must be String, number, true, false, or null")
    return exact(value)


def exact(wanted: Any) -> Matcher:
    """The same value; numbers count by what they are, not by how they are written."""
    if _is_number(wanted):
        return lambda value: _is_number(value) and value == wanted
    return lambda value: type(value) is type(wanted) and value == wanted


def _expression(expression: Mapping[str, Any]) -> "Matcher | Exists":
    name, argument = _only(expression)
    if name == "exists":
        if not isinstance(argument, bool):
            raise PatternError("exists match pattern must be either true or false.")
        return Exists(argument)
    if name == "anything-but":
        return _anything_but(argument)
    if name == "numeric":
        return _numeric(argument)
    if name == "cidr":
        return _cidr(argument)
    if name in _ON_TEXT:
        return _ON_TEXT[name](argument)
    raise PatternError(f"Unrecognized match type {name}")


def _only(expression: Mapping[str, Any]) -> tuple[str, Any]:
    if not expression:
        raise PatternError("Match expression name not found")
    if len(expression) > 1:
        raise PatternError("Only one key allowed in match expression")
    return next(iter(expression.items()))


def _on_text(test: Callable[[str], bool]) -> Matcher:
    return lambda value: isinstance(value, str) and test(value)


def _text(value: Any, operator: str) -> str:
    if not isinstance(value, str):
        raise PatternError(f"{operator} match pattern must be a string")
    return value


def _folded(value: Any) -> str:
    return _text(value, "equals-ignore-case").lower()


def _ignoring_case(expression: Mapping[str, Any], operator: str) -> str:
    name, argument = _only(expression)
    if name != "equals-ignore-case":
        raise PatternError(f"Unsupported {operator} expression: {name}; expected equals-ignore-case")
    return _folded(argument)


def _prefix(argument: Any) -> Matcher:
    if isinstance(argument, Mapping):
        folded = _ignoring_case(argument, "prefix")
        return _on_text(lambda value: value.lower().startswith(folded))
    prefix = _text(argument, "prefix")
    return _on_text(lambda value: value.startswith(prefix))


def _suffix(argument: Any) -> Matcher:
    if isinstance(argument, Mapping):
        folded = _ignoring_case(argument, "suffix")
        return _on_text(lambda value: value.lower().endswith(folded))
    suffix = _text(argument, "suffix")
    return _on_text(lambda value: value.endswith(suffix))


def _equals_ignore_case(argument: Any) -> Matcher:
    folded = _folded(argument)
    return _on_text(lambda value: value.lower() == folded)


def _wildcard(argument: Any) -> Matcher:
    first, *others = _literals(_text(argument, "wildcard"))
    if not others:
        return _on_text(lambda value: value == first)
    *inner, last = others

    def fits(value: str) -> bool:
        """Each literal at its first place behind the one before: a later place would leave less for the others."""
        if not value.startswith(first):
            return False
        position = len(first)
        for literal in inner:
            found = value.find(literal, position)
            if found < 0:
                return False
            position = found + len(literal)
        return len(value) - position >= len(last) and value.endswith(last)

    return _on_text(fits)


def _literals(pattern: str) -> list[str]:
    """What stands between the asterisks of a wildcard pattern, with its escapes undone."""
    literals, position = [""], 0
    while position < len(pattern):
        character = pattern[position]
        if character == "*":
            if pattern[position + 1 : position + 2] == "*":
                raise PatternError(f"Consecutive wildcard characters at pos {position}")
            literals.append("")
        elif character == "\\":
            position += 1
            if pattern[position : position + 1] not in ("*", "\\"):
                raise PatternError(f"Invalid escape character at pos {position - 1}")
            literals[-1] += pattern[position]
        else:
            literals[-1] += character
        position += 1
    return literals


_ON_TEXT: Mapping[str, Callable[[Any], Matcher]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
}


def _anything_but(argument: Any) -> Matcher:
    """Any value that is there and none of these, whatever its type."""
    if isinstance(argument, Mapping):
        operator, given = _only(argument)
        if operator not in _ON_TEXT:
            raise PatternError(f"Unsupported anything-but pattern: {operator}")
        texts = given if isinstance(given, list) else [given]
        if not texts:
            raise PatternError("Empty arrays are not allowed")
        if not all(isinstance(text, str) for text in texts):
            raise PatternError(f"Inside anything-but/{operator} list, only strings are supported")
        if "" in texts and operator in ("prefix", "suffix"):
            raise PatternError("Null prefix/suffix not allowed")
        excluded = [_ON_TEXT[operator](text) for text in texts]
    else:
        values = argument if isinstance(argument, list) else [argument]
        if not values:
            raise PatternError("Empty arrays are not allowed")
        if not all(isinstance(value, str) or _is_number(value) for value in values):
            raise PatternError("Value of anything-but must be an array or single string/number value.")
        if len({isinstance(value, str) for value in values}) > 1:
            raise PatternError(
                "Inside anything but list, either all values are number or string, mixed type is not supported"
            )
        excluded = [exact(value) for value in values]
    return lambda value: not any(fits(value) for fits in excluded)


def _numeric(argument: Any) -> Matcher:
    if not isinstance(argument, list):
        raise PatternError("Value of numeric must be an array.")
    if len(argument) not in (2, 4):
        raise PatternError("Numeric match takes an operator and a number, or a lower and an upper bound")
    pairs = [_comparison(*argument[start : start + 2]) for start in range(0, len(argument), 2)]
    if len(pairs) == 2:
        (lower, bottom), (upper, top) = pairs
        if lower not in (">", ">=") or upper not in ("<", "<="):
            raise PatternError(f"Bad numeric range operators: {lower} and {upper}; expected > or >=, then < or <=")
        if bottom > top or (bottom == top and (lower, upper) != (">=", "<=")):
            raise PatternError("Bottom must be less than top")
    tests = [(_COMPARE[operator], bound) for operator, bound in pairs]
    return lambda value: (
        _is_number(value) and abs(value) <= _LARGEST and all(holds(value, bound) for holds, bound in tests)
    )


_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


def _comparison(operator: Any, bound: Any) -> tuple[str, float]:
    if not isinstance(operator, str) or operator not in _COMPARE:
        raise PatternError(f"Unrecognized numeric range operator: {operator}")
    if not _is_number(bound):
        raise PatternError(f"Value of {operator} must be numeric")
    if abs(bound) > _LARGEST:
        raise PatternError(f"Value must be between {-_LARGEST} and {_LARGEST}, inclusive")
    return operator, bound


def _cidr(argument: Any) -> Matcher:
    text = _text(argument, "cidr")
    if text.count("/") != 1:
        raise PatternError("Malformed CIDR, one '/' required")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise PatternError(f"Malformed CIDR: {error}") from error

    def contains(value: str) -> bool:
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return _on_text(contains)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
