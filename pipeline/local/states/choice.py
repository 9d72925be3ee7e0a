"""Choice rules: a comparison, or And, Or and Not over rules, compiled into a test of the scope.

A comparison between values of different types is false, never an error. A Variable that finds nothing is an error,
except for IsPresent.

Source: Amazon States Language, "Choice State", section "Data-test Expressions";
Developer Guide, "Choice workflow state".
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pipeline.local.states.errors import ExpressionSyntaxError, MemberError
from pipeline.local.states.jsonpath import PathNotFound
from pipeline.local.states.references import Reference, compile_reference
from pipeline.local.states.scope import Json, Scope
from pipeline.local.states.timestamps import parse_timestamp

Test: TypeAlias = Callable[[Scope], bool]


@dataclass(frozen=True, slots=True)
class _Type:
    """A type that values are compared as: `read` gives None for a value that is not of it."""

    name: str
    read: Callable[[Json], Any]


def _read_string(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _read_number(value: Json) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _read_boolean(value: Json) -> bool | None:
    return value if isinstance(value, bool) else None


def _read_timestamp(value: Json) -> Any:
    return parse_timestamp(value) if isinstance(value, str) else None


_STRING = _Type("a string", _read_string)
_NUMBER = _Type("a number", _read_number)
_BOOLEAN = _Type("true or false", _read_boolean)
_TIMESTAMP = _Type("a timestamp such as 2016-08-18T17:33:00Z", _read_timestamp)

_ORDERINGS: Mapping[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}

_COMPARISONS: Mapping[str, tuple[_Type, Callable[[Any, Any], bool]]] = {
    "BooleanEquals": (_BOOLEAN, operator.eq),
    **{
        prefix + suffix: (kind, compare)
        for prefix, kind in (("String", _STRING), ("Numeric", _NUMBER), ("Timestamp", _TIMESTAMP))
        for suffix, compare in _ORDERINGS.items()
    },
}

_TYPE_TESTS: Mapping[str, Callable[[Json], bool]] = {
    "IsNull": lambda value: value is None,
    "IsString": lambda value: _read_string(value) is not None,
    "IsNumeric": lambda value: _read_number(value) is not None,
    "IsBoolean": lambda value: _read_boolean(value) is not None,
    "IsTimestamp": lambda value: _read_timestamp(value) is not None,
}

_COMBINATORS = ("And", "Or", "Not")
OPERATORS = frozenset(
    {
        "IsPresent",
        "StringMatches",
        *_COMBINATORS,
        *_TYPE_TESTS,
        *_COMPARISONS,
        *(name + "Path" for name in _COMPARISONS),
    }
)


def compile_rule(rule: Json) -> Test:
    """Compile the condition of a choice rule; Next, Assign and Comment of a top-level rule are the caller's matter.

    Raises MemberError. The test raises StatesRuntimeError where a path finds nothing.
    """
    if not isinstance(rule, dict):
        raise MemberError("", "a choice rule must be an object")
    operators = [name for name in rule if name in OPERATORS]
    if len(operators) != 1:
        found = ", ".join(operators) or "none"
        raise MemberError("", f"a choice rule has exactly one comparison operator or And, Or, Not; found {found}")
    name, operand = operators[0], rule[operators[0]]
    if name in _COMBINATORS:
        if "Variable" in rule:
            raise MemberError("/Variable", f"a rule with {name} has no Variable of its own")
        return _combine(name, operand)
    return _compare(_reference("Variable", rule.get("Variable")), name, operand)


def _combine(name: str, operand: Json) -> Test:
    if name == "Not":
        negated = _nested("/Not", operand)
        return lambda scope: not negated(scope)
    if not isinstance(operand, list) or not operand:
        raise MemberError(f"/{name}", f"{name} must be a list of at least one rule")
    tests = [_nested(f"/{name}[{index}]", rule) for index, rule in enumerate(operand)]
    if name == "And":
        return lambda scope: all(test(scope) for test in tests)
    return lambda scope: any(test(scope) for test in tests)


def _nested(path: str, rule: Json) -> Test:
    try:
        test = compile_rule(rule)
    except MemberError as error:
        raise MemberError(path + error.path, error.problem) from None
    for name in rule:
        if name not in OPERATORS and name not in ("Variable", "Comment"):
            raise MemberError(f"{path}/{name}", f"'{name}' is not allowed in a rule inside And, Or or Not")
    return test


def _reference(field: str, text: Json) -> Reference:
    if not isinstance(text, str):
        raise MemberError(f"/{field}", f"{field} must be a path")
    try:
        return compile_reference(text)
    except ExpressionSyntaxError as error:
        raise MemberError(f"/{field}", str(error)) from None


def _invalid_value(missing: PathNotFound, scope: Scope) -> str:
    return f"Invalid path '{missing.text}': The choice state's condition path references an invalid value."


def _compare(variable: Reference, name: str, operand: Json) -> Test:
    if name in _COMPARISONS:
        return _compare_literal(variable, name, operand)
    if name.endswith("Path"):
        kind, compare = _COMPARISONS[name.removesuffix("Path")]
        left = variable.expression(_invalid_value).evaluate
        right = _reference(name, operand).expression(_invalid_value).evaluate
        return lambda scope: _holds(kind, compare, left(scope), right(scope))
    if name == "StringMatches":
        return _match(variable, operand)
    return _type_test(variable, name, operand)


def _compare_literal(variable: Reference, name: str, operand: Json) -> Test:
    kind, compare = _COMPARISONS[name]
    literal = kind.read(operand)
    if literal is None:
        raise MemberError(f"/{name}", f"{name} must be {kind.name}")
    evaluate, read = variable.expression(_invalid_value).evaluate, kind.read

    def test(scope: Scope) -> bool:
        value = read(evaluate(scope))
        return value is not None and compare(value, literal)

    return test


def _holds(kind: _Type, compare: Callable[[Any, Any], bool], left: Json, right: Json) -> bool:
    first, second = kind.read(left), kind.read(right)
    return first is not None and second is not None and compare(first, second)


def _type_test(variable: Reference, name: str, expected: Json) -> Test:
    if not isinstance(expected, bool):
        raise MemberError(f"/{name}", f"{name} must be true or false")
    if name == "IsPresent":
        return lambda scope: _is_present(variable, scope) is expected
    evaluate, test = variable.expression(_invalid_value).evaluate, _TYPE_TESTS[name]
    return lambda scope: test(evaluate(scope)) is expected


def _is_present(variable: Reference, scope: Scope) -> bool:
    try:
        variable.find(scope)
    except PathNotFound:
        return False
    return True


_MATCH_TOKEN = re.compile(r"\\(.?)|(\*)|([^\\*]+)", re.DOTALL)


def _match(variable: Reference, pattern: Json) -> Test:
    if not isinstance(pattern, str):
        raise MemberError("/StringMatches", "StringMatches must be a string")
    expression = ""
    for escaped, wildcard, text in _MATCH_TOKEN.findall(pattern):
        if not wildcard and not text and escaped not in ("\\", "*"):
            raise MemberError("/StringMatches", r"a backslash in StringMatches must escape * or itself, as in \* or \\")
        expression += ".*" if wildcard else re.escape(text or escaped)
    matcher = re.compile(expression, re.DOTALL)
    evaluate = variable.expression(_invalid_value).evaluate

    def test(scope: Scope) -> bool:
        value = evaluate(scope)
        return isinstance(value, str) and matcher.fullmatch(value) is not None

    return test
