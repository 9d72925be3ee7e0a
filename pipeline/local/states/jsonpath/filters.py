"""Filter expressions: the test inside `[?( )]`.

    disjunction = conjunction ("||" conjunction)*
    conjunction = term ("&&" term)*
    term        = "!" term | "(" disjunction ")" | operand [operator operand]
    operand     = path from @ or $ | string | number | true | false | null | JSON array

A lone path tests that it finds something, even null. Comparisons follow Jayway: values of different types are never
ordered, a number equals the string that spells it, and a path that finds nothing equals nothing.
"""

import json
import re
from collections.abc import Callable, Mapping

from pipeline.local.states.jsonpath.parser import PathParser
from pipeline.local.states.jsonpath.path import Path, PathNotFound
from pipeline.local.states.jsonpath.segments import Predicate
from pipeline.local.states.scope import Json

Operand = Callable[[Json, Json], Json]
"""The value of an operand for (node, root)."""


class _Missing:
    """What a path that finds nothing is worth."""


_MISSING = _Missing()
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_WORD = re.compile(r"(true|false|null)\b", re.IGNORECASE)
_REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/([ims]*)")
_OPERATOR = re.compile(r"\s*(==|!=|<=|>=|<|>|=~|(?:in|nin|subsetof|anyof|noneof|size|empty|contains)\b)", re.IGNORECASE)
_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}


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


def _ordered(compare: Callable[[Json, Json], bool]) -> Callable[[Json, Json], bool]:
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


_OPERATORS: Mapping[str, Callable[[Json, Json], bool]] = {
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


class FilterParser(PathParser):
    """Reads a filter expression from the scanner's position on."""

    # Inside a filter a name also ends where an operator begins.
    name = re.compile(r"[^\s.\[\]()'\"*<>=!~&|,]+(\(\))?")

    def disjunction(self) -> Predicate:
        """Terms joined by `||`, which binds weaker than `&&`."""
        alternatives = [self._conjunction()]
        while self._symbol("||"):
            alternatives.append(self._conjunction())
        if len(alternatives) == 1:
            return alternatives[0]
        return lambda node, root: any(test(node, root) for test in alternatives)

    def _conjunction(self) -> Predicate:
        terms = [self._term()]
        while self._symbol("&&"):
            terms.append(self._term())
        if len(terms) == 1:
            return terms[0]
        return lambda node, root: all(test(node, root) for test in terms)

    def _symbol(self, symbol: str) -> bool:
        self.skip_space()
        return self.take(symbol) is not None

    def _term(self) -> Predicate:
        if self._symbol("!"):
            negated = self._term()
            return lambda node, root: not negated(node, root)
        if self._symbol("("):
            inner = self.disjunction()
            self.skip_space()
            self.expect(")")
            return inner
        left = self._operand()
        operator = self.match(_OPERATOR)
        if not operator:
            return lambda node, root: left(node, root) is not _MISSING
        name = operator.group(1).lower()
        self.skip_space()
        return self._matches(left) if name == "=~" else self._comparison(left, _OPERATORS[name])

    def _comparison(self, left: Operand, compare: Callable[[Json, Json], bool]) -> Predicate:
        right = self._operand()
        return lambda node, root: compare(left(node, root), right(node, root))

    def _matches(self, left: Operand) -> Predicate:
        literal = self.match(_REGEX)
        if not literal:
            raise self.fail("expected a regular expression between slashes")
        flags = re.NOFLAG
        for letter in literal.group(2):
            flags |= _FLAGS[letter]
        try:
            pattern = re.compile(literal.group(1), flags)
        except re.error as error:
            raise self.fail(f"the regular expression does not compile ({error})") from None

        def test(node: Json, root: Json) -> bool:
            value = left(node, root)
            return isinstance(value, str) and pattern.fullmatch(value) is not None

        return test

    def _operand(self) -> Operand:
        self.skip_space()
        if start := self.peek("@", "$"):
            return self._path_operand(start)
        value = self._literal()
        return lambda node, root: value

    def _path_operand(self, start: str) -> Operand:
        begin = self.position
        segments = self.path(start)
        path = Path(self.text[begin : self.position], segments)

        def read(node: Json, root: Json) -> Json:
            try:
                return path.read(node if start == "@" else root, root)
            except PathNotFound:
                return _MISSING

        return read

    def _literal(self) -> Json:
        if self.peek("'", '"'):
            return self.quoted()
        if number := self.match(_NUMBER):
            return json.loads(number.group())
        if word := self.match(_WORD):
            return json.loads(word.group().lower())
        if self._symbol("["):
            items: list[Json] = []
            while not self._symbol("]"):
                if items:
                    self.expect(",")
                    self.skip_space()
                items.append(self._literal())
            return items
        raise self.fail("expected a path, a string, a number, true, false, null or an array")
