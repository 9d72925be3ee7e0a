"""The grammar of paths: text to segments.

    path      = ("$" | "@") segment*
    segment   = "." name | "." "*" | ".." (name | "*" | brackets) | brackets
    brackets  = "[" ( quoted ("," quoted)* | integer ("," integer)* | slice | "*" | "?(" filter ")" ) "]"

Names after a dot may hold anything but white space, brackets, parentheses, quotes, dots and `*`: hyphens are usual in
practice. Anything else needs the quoted form. Functions do not exist: `$.items.length()` reads a member `length()`, as
on AWS, and so finds nothing.
"""

import re

from pipeline.local.states.errors import ExpressionSyntaxError
from pipeline.local.states.jsonpath.segments import (
    Descend,
    Filter,
    Index,
    Indexes,
    Name,
    Names,
    Segment,
    Slice,
    Wildcard,
)

_INTEGER = re.compile(r"-?\d+")
_SLICE = re.compile(r"\s*(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(\d+)?\s*)?(?=\])")
_SPACE = re.compile(r"\s*")


class Scanner:
    """A position in a text."""

    def __init__(self, text: str, position: int = 0) -> None:
        self.text = text
        self.position = position

    def fail(self, problem: str) -> ExpressionSyntaxError:
        """The error to raise here."""
        return ExpressionSyntaxError(self.text, self.position, problem)

    def peek(self, *tokens: str) -> str | None:
        """The first of `tokens` that comes next, without passing it."""
        return next((token for token in tokens if self.text.startswith(token, self.position)), None)

    def take(self, *tokens: str) -> str | None:
        """The first of `tokens` that comes next, passed."""
        token = self.peek(*tokens)
        self.position += len(token or "")
        return token

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What `pattern` matches here, passed."""
        found = pattern.match(self.text, self.position)
        if found:
            self.position = found.end()
        return found

    def expect(self, token: str) -> None:
        """Pass `token` or fail."""
        if not self.take(token):
            raise self.fail(f"expected {token!r}")

    def expect_end(self) -> None:
        """Fail unless the whole text was read."""
        if self.position < len(self.text):
            raise self.fail(f"unexpected {self.text[self.position :]!r}")

    def skip_space(self) -> None:
        """Pass white space."""
        self.match(_SPACE)

    def quoted(self) -> str:
        """A string in single or double quotes; a backslash escapes the quote and itself, and is literal elsewhere."""
        quote = self.take("'", '"')
        if not quote:
            raise self.fail("expected a quoted name")
        characters: list[str] = []
        while (character := self.text[self.position : self.position + 1]) != quote:
            if not character:
                raise self.fail(f"missing closing {quote}")
            self.position += 1
            if character == "\\" and (escaped := self.take(quote, "\\")):
                character = escaped
            characters.append(character)
        self.position += 1
        return "".join(characters)


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
        from pipeline.local.states.jsonpath.filters import FilterParser  # filters contain paths contain filters

        self.skip_space()
        self.expect("(")
        filters = FilterParser(self.text, self.position)
        test = filters.disjunction()
        self.position = filters.position
        self.skip_space()
        self.expect(")")
        return Filter(self.text[start : self.position] + "]", test)
