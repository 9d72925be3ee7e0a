"""Choice rules."""

import fnmatch
import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.states.choice import compile_rule
from pipeline.local.states.errors import MemberError, StatesRuntimeError
from pipeline.local.states.scope import Scope

EARLY, LATE = "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5Z"
EARLY_ELSEWHERE = "2024-01-01T05:30:00+05:30"
VALUES = st.sampled_from([None, True, False, 0, 1, 1.0, -2.5, "", "a", "b", "1", EARLY, LATE, [], [1], {}, {"a": 1}])
ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def holds(rule: dict[str, Any], value: Any, other: Any = None) -> bool:
    return compile_rule({"Variable": "$.value", **rule})(Scope({"value": value, "other": other}))


@given(VALUES, VALUES, st.sampled_from(sorted(ORDERINGS)))
def test_numbers_are_ordered_and_nothing_else_is_a_number(left: Any, right: Any, ordering: str) -> None:
    expected = is_number(left) and is_number(right) and ORDERINGS[ordering](left, right)
    assert holds({f"Numeric{ordering}Path": "$.other"}, left, right) is expected


@given(VALUES, VALUES, st.sampled_from(sorted(ORDERINGS)))
def test_strings_are_ordered_and_nothing_else_is_a_string(left: Any, right: Any, ordering: str) -> None:
    expected = isinstance(left, str) and isinstance(right, str) and ORDERINGS[ordering](left, right)
    assert holds({f"String{ordering}Path": "$.other"}, left, right) is expected


@given(VALUES, st.sampled_from(["a", "", EARLY]), st.sampled_from(sorted(ORDERINGS)))
def test_a_literal_compares_as_the_same_value_read_by_a_path(value: Any, literal: str, ordering: str) -> None:
    by_path = holds({f"String{ordering}Path": "$.other"}, value, literal)
    assert holds({f"String{ordering}": literal}, value) is by_path


@pytest.mark.parametrize(
    ("operator_name", "value", "operand", "expected"),
    [
        ("TimestampEquals", EARLY, EARLY_ELSEWHERE, True),
        ("TimestampLessThan", EARLY, LATE, True),
        ("TimestampGreaterThanEquals", EARLY, LATE, False),
        ("TimestampEquals", "2024-01-01T00:00:00", EARLY, False),
        ("BooleanEquals", True, True, True),
        ("BooleanEquals", 1, True, False),
        ("NumericEquals", True, 1, False),
        ("NumericEquals", 1.0, 1, True),
        ("StringEquals", "1", "1", True),
        ("StringEquals", 1, "1", False),
        ("IsNull", None, True, True),
        ("IsNull", 0, False, True),
        ("IsString", "", True, True),
        ("IsNumeric", True, True, False),
        ("IsBoolean", False, True, True),
        ("IsTimestamp", EARLY, True, True),
        ("IsTimestamp", "yesterday", True, False),
        ("IsPresent", None, True, True),
        ("StringMatches", "log-2024.txt", "log-*.txt", True),
        ("StringMatches", "log-2024.txt", "log-*", True),
        ("StringMatches", "log.txt", "*.t?t", False),
        ("StringMatches", "a*b", r"a\*b", True),
        ("StringMatches", "axb", r"a\*b", False),
        ("StringMatches", "a\\b", r"a\\b", True),
        ("StringMatches", "a\nb", "a*b", True),
        ("StringMatches", 5, "*", False),
    ],
)
def test_a_comparison(operator_name: str, value: Any, operand: Any, expected: bool) -> None:
    assert holds({operator_name: operand}, value) is expected


@given(st.text("ab", max_size=6), st.text("ab*", max_size=6))
def test_wildcards_match_as_fnmatch_does(value: str, pattern: str) -> None:
    assert holds({"StringMatches": pattern}, value) is fnmatch.fnmatchcase(value, pattern)


@given(st.lists(st.booleans(), min_size=1, max_size=5))
def test_and_or_and_not_are_all_any_and_not(values: list[bool]) -> None:
    rules = [{"Variable": "$.value", "BooleanEquals": value} for value in values]
    scope = Scope({"value": True})
    assert compile_rule({"And": rules})(scope) is all(values)
    assert compile_rule({"Or": rules})(scope) is any(values)
    assert compile_rule({"Not": rules[0]})(scope) is not values[0]


def test_and_stops_at_the_first_rule_that_is_false() -> None:
    rule = {"And": [{"Variable": "$.x", "IsPresent": True}, {"Variable": "$.x", "NumericEquals": 1}]}
    assert compile_rule(rule)(Scope({})) is False


def test_a_value_that_is_not_there_is_not_present() -> None:
    assert compile_rule({"Variable": "$.x.y", "IsPresent": False})(Scope({"x": None})) is True


def test_rules_read_the_context_and_variables() -> None:
    rule = {"Variable": "$$.State.Name", "StringEqualsPath": "$wanted"}
    assert compile_rule(rule)(Scope({}, {"State": {"Name": "A"}}, {"wanted": "A"})) is True


@pytest.mark.parametrize("rule", [{"NumericEquals": 1}, {"IsNull": True}, {"NumericEqualsPath": "$.value"}])
def test_comparing_a_value_that_is_not_there_is_a_runtime_error(rule: dict[str, Any]) -> None:
    with pytest.raises(StatesRuntimeError) as caught:
        compile_rule({"Variable": "$.missing", **rule})(Scope({"value": 1}))
    expected = "Invalid path '$.missing': The choice state's condition path references an invalid value."
    assert caught.value.cause == expected


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ({"Variable": "$.x"}, ""),
        ({"Variable": "$.x", "IsNull": True, "IsString": True}, ""),
        ({"IsNull": True}, "/Variable"),
        ({"Variable": "x", "IsNull": True}, "/Variable"),
        ({"Variable": "$.x", "IsNull": "yes"}, "/IsNull"),
        ({"Variable": "$.x", "NumericEquals": "1"}, "/NumericEquals"),
        ({"Variable": "$.x", "NumericEquals": True}, "/NumericEquals"),
        ({"Variable": "$.x", "StringEquals": 1}, "/StringEquals"),
        ({"Variable": "$.x", "TimestampEquals": "2024-01-01"}, "/TimestampEquals"),
        ({"Variable": "$.x", "StringEqualsPath": "y"}, "/StringEqualsPath"),
        ({"Variable": "$.x", "StringMatches": r"a\b"}, "/StringMatches"),
        ({"Variable": "$.x", "StringMatches": "a\\"}, "/StringMatches"),
        ({"And": []}, "/And"),
        ({"Variable": "$.x", "Or": [{"Variable": "$.x", "IsNull": True}]}, "/Variable"),
        ({"Or": [{"Variable": "$.x", "IsNull": True}, {"Not": {"Variable": "$."}}]}, "/Or[1]/Not"),
        ({"Not": {"Variable": "$.x", "IsNull": True, "Next": "A"}}, "/Not/Next"),
        ({"Not": []}, "/Not"),
    ],
)
def test_a_rule_that_cannot_be_compiled_is_refused_at_its_path(rule: dict[str, Any], path: str) -> None:
    with pytest.raises(MemberError) as caught:
        compile_rule(rule)
    assert caught.value.path == path
