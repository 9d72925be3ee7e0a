"""The operators of filters, as plain functions of two values.

They follow Jayway: values of different types are never ordered, and a number equals the string that spells it.
"""

from collections.abc import Callable, Mapping

from pipeline.local.states.scope import Json

Operator = Callable[[Json, Json], bool]


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(left: Json, right: Json) -> bool:
    if isinstance(left, str) and _is_number(right):
        left, right = right, left
    if _is_number(left) and isinstance(right, str):
        try:
            return bool(left == float(right))
        except ValueError:
            return False
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def _ordered(compare: Operator) -> Operator:
    def test(left: Json, right: Json) -> bool:
        comparable = (_is_number(left) and _is_number(right)) or (isinstance(left, str) and isinstance(right, str))
        return comparable and compare(left, right)

    return test


def _member(value: Json, values: Json) -> bool:
    return isinstance(values, list) and any(_equal(value, other) for other in values)


def _any_of(left: Json, right: Json) -> bool:
    return isinstance(left, list) and any(_member(item, right) for item in left)


def _contains(left: Json, right: Json) -> bool:
    if isinstance(left, str):
        return isinstance(right, str) and right in left
    return _member(right, left)


def _size(left: Json, right: Json) -> bool:
    return isinstance(left, list | str) and _is_number(right) and len(left) == right


def _empty(left: Json, right: Json) -> bool:
    return isinstance(left, list | dict | str) and isinstance(right, bool) and (not left) is right


OPERATORS: Mapping[str, Operator] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
    "in": _member,
    "nin": lambda left, right: not _member(left, right),
    "subsetof": lambda left, right: isinstance(left, list) and all(_member(item, right) for item in left),
    "anyof": _any_of,
    "noneof": lambda left, right: isinstance(left, list) and not _any_of(left, right),
    "contains": _contains,
    "size": _size,
    "empty": _empty,
}
