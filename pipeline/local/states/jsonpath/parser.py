"""The grammar of paths and of the filters inside them: text to segments.

    path        = ("$" | "@") segment*
    segment     = "." name | "." "*" | ".." (name | "*" | brackets) | brackets
    brackets    = "[" ( quoted ("," quoted)* | integer ("," integer)* | slice | "*" | "?(" disjunction ")" ) "]"
    disjunction = conjunction ("||" conjunction)*
    conjunction = term ("&&" term)*
    term        = "!" term | "(" disjunction ")" | operand [operator operand]
    operand     = path | string | number | true | false | null | array of literals

Names after a dot may hold anything but white space, brackets, parentheses, quotes, dots and `*`: hyphens are usual in
practice. Anything else needs the quoted form. Functions do not exist: `$.items.length()` reads a member `length()`, as
on AWS, and so finds nothing.

In a filter, a lone path tests that it finds something, even null, and a path that finds nothing equals nothing.
"""

import json
import re
from collections.abc import Callable

from pipeline.local.states.jsonpath.operators import OPERATORS, Operator
from pipeline.local.states.jsonpath.path import Path, PathNotFound
from pipeline.local.states.jsonpath.scanner import Scanner
from pipeline.local.states.jsonpath.segments import (
    Descend,
    Filter,
    Index,
    Indexes,
    Name,
    Names,
    Predicate,
    Segment,
    Slice,
    Wildcard,
)
from pipeline.local.states.scope import Json

Operand = Callable[[Json, Json], Json]
"""The value of an operand for (node, root)."""


class _Missing:
    """What a path that finds nothing is worth: it equals nothing, itself included."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return False


_MISSING = _Missing()

_INTEGER = re.compile(r"-?\d+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_WORD = re.compile(r"(true|false|null)\b", re.IGNORECASE)
_REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/([ims]*)")
_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}
_SLICE = re.compile(r"\s*(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(\d+)?\s*)?(?=\])")
_OPERATOR = re.compile(r"\s*(==|!=|<=|>=|<|>|=~|(?:in|nin|subsetof|anyof|noneof|size|empty|contains)\b)", re.IGNORECASE)


def compile(text: str) -> Path:
    """Compile a JSONPath that starts with `$`; raises ExpressionSyntaxError."""
    parser = PathParser(text)
    segments = parser.path("$")
    parser.expect_end()
    return Path(text, segments)


class PathParser(Scanner):
    """Reads a path from the scanner's position on."""

    name = re.compile(r"[^\s.\[\]()'\"*]+(\(\))?")

    def path(self, start: str = "") -> tuple[Segment, ...]:
        """The segments of a path that begins with `start`."""
        if start:
            self.expect(start)
        segments: list[Segment] = []
        while self.position < len(self.text):
            if self.take(".."):
                segments += [Descend(), self._step(after_dots=True)]
            elif self.take("."):
                segments.append(self._step(after_dots=True))
            elif self.peek("["):
                segments.append(self._step(after_dots=False))
            else:
                break
        if segments and isinstance(segments[-1], Names):
            segments[-1] = Names(segments[-1].names, last=True)
        return tuple(segments)

    def _step(self, *, after_dots: bool) -> Segment:
        if self.peek("["):
            return self._brackets()
        if after_dots and self.take("*"):
            return Wildcard()
        if name := self.match(self.name):
            return Name(name.group())
        raise self.fail("expected a name")

    def _brackets(self) -> Segment:
        start = self.position
        self.expect("[")
        self.skip_space()
        segment = self._bracket_content(start)
        self.skip_space()
        self.expect("]")
        return segment

    def _bracket_content(self, start: int) -> Segment:
        if self.take("*"):
            return Wildcard()
        if self.take("?"):
            return self._filter(start)
        if bounds := self.match(_SLICE):
            begin, end, step = (int(bound) if bound else None for bound in bounds.groups())
            if step == 0:
                raise self.fail("the step of a slice must be positive")
            return Slice(begin, end, step)
        if self.peek("'", '"'):
            names = [self.quoted()]
            while self._comma():
                names.append(self.quoted())
            return Name(names[0]) if len(names) == 1 else Names(tuple(names), last=False)
        indexes = [self._integer()]
        while self._comma():
            indexes.append(self._integer())
        return Index(indexes[0]) if len(indexes) == 1 else Indexes(tuple(indexes))

    def _comma(self) -> bool:
        self.skip_space()
        found = self.take(",") is not None
        self.skip_space()
        return found

    def _integer(self) -> int:
        if not (found := self.match(_INTEGER)):
            raise self.fail("expected a quoted name, an index, a slice, * or ?( )")
        return int(found.group())

    def _filter(self, start: int) -> Segment:
        self.skip_space()
        self.expect("(")
        filters = FilterParser(self.text, self.position)
        test = filters.disjunction()
        self.position = filters.position
        self.skip_space()
        self.expect(")")
        return Filter(self.text[start : self.position] + "]", test)


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
        return self._matches(left) if name == "=~" else self._comparison(left, OPERATORS[name])

    def _comparison(self, left: Operand, compare: Operator) -> Predicate:
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
