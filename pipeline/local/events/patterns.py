"""Event patterns: compiled once, when a rule is put, and held against every event.

A field that the pattern names has to fit one of the values in its array; all fields that it names have to fit. Inside
an array of objects, one of them has to fit as a whole. Source: EventBridge User Guide, "Creating event patterns".
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.local.events.matchers import Exists, Matcher, PatternError, matcher

_OR = "$or"
# What names a comparison is no name of a field inside $or.
_RESERVED = {"exactly", "prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "cidr"}
_RESERVED |= {"exists", "="}
_MISSING = object()

_Test = Callable[[Any], bool]


class Pattern:
    """A compiled pattern.

    Args:
        text: the pattern as JSON.

    Raises:
        PatternError: what is wrong, and where.
    """

    def __init__(self, text: str) -> None:
        try:
            document = json.loads(text)
        except ValueError as error:
            raise PatternError(f"Filter is not valid JSON: {error}") from error
        if not isinstance(document, dict):
            raise PatternError("Filter is not an object")
        self._fits = _object(document, "$", reserved=frozenset())

    def matches(self, event: Mapping[str, Any]) -> bool:
        return self._fits(event)


def _object(pattern: Mapping[str, Any], path: str, reserved: frozenset[str]) -> _Test:
    """Holds an object against what a pattern says of its members. What is no object has none of them."""
    if not pattern:
        raise PatternError(f"Empty objects are not allowed at {path}")
    tests = [_member(name, wanted, path, reserved) for name, wanted in pattern.items()]

    def fits(value: Any) -> bool:
        members = value if isinstance(value, Mapping) else {}
        return all(test(members) for test in tests)

    return fits


def _member(name: str, wanted: Any, path: str, reserved: frozenset[str]) -> _Test:
    if name == _OR:
        return _alternatives(wanted, path)
    place = f"{path}.{name}"
    if name in reserved:
        raise PatternError(f"{name} is a reserved field name which cannot be used inside {_OR} at {place}")
    if isinstance(wanted, dict):
        inner = _object(wanted, place, reserved)
        return lambda members: any(inner(value) for value in _objects(members.get(name)))
    if isinstance(wanted, list):
        values = _values(wanted, place)
        return lambda members: values(members.get(name, _MISSING))
    raise PatternError(f'"{name}" must be an object or an array at {place}')


def _alternatives(wanted: Any, path: str) -> _Test:
    place = f"{path}.{_OR}"
    if not isinstance(wanted, list):
        raise PatternError(f"It must be an Array followed with {_OR} at {place}")
    if not all(isinstance(alternative, dict) for alternative in wanted):
        raise PatternError(f"Only JSON object is allowed in array of {_OR} relationship at {place}")
    if len(wanted) < 2:
        raise PatternError(f"There must have at least 2 Objects in {_OR} relationship at {place}")
    tests = [_object(alternative, place, frozenset(_RESERVED)) for alternative in wanted]
    return lambda members: any(test(members) for test in tests)


def _values(wanted: list[Any], path: str) -> _Test:
    """Holds what a member is, or its elements, against the comparisons of one array."""
    if not wanted:
        raise PatternError(f"Empty arrays are not allowed at {path}")
    matchers: list[Matcher] = []
    exists: set[bool] = set()
    for element in wanted:
        try:
            compiled = matcher(element)
        except PatternError as error:
            raise PatternError(f"{error} at {path}") from error
        if isinstance(compiled, Exists):
            exists.add(compiled.wanted)
        else:
            matchers.append(compiled)

    def fits(value: Any) -> bool:
        leaves = list(_leaves(value))
        if bool(leaves) in exists:
            return True
        return any(test(leaf) for leaf in leaves for test in matchers)

    return fits


def _objects(value: Any) -> Iterator[Any]:
    """A value, or each element of an array of objects. An array without objects is no object, like anything else."""
    objects = [element for element in value if isinstance(element, Mapping)] if isinstance(value, list) else []
    yield from objects or [value]


def _leaves(value: Any) -> Iterator[Any]:
    """The values at a place that are neither object nor array; objects have no value of their own."""
    if isinstance(value, list):
        for element in value:
            yield from _leaves(element)
    elif value is not _MISSING and not isinstance(value, Mapping):
        yield value
