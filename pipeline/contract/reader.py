"""Reading a contract's JSON field by field, with errors that name the field and say what was expected.

`Fields` walks one object: each field is taken once, by a reader that knows what to expect; what is left over at `close`
is unknown, and refused. A reader takes a value and returns it typed, or raises `UnexpectedError`.

JSON Schema's idea of a type is followed to the letter: 224.0 is a whole number, `true` is no number.
"""

import difflib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from pipeline.errors import InvalidContract
from pipeline.given import shown

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
Reader = Callable[[Any], T]

_REQUIRED: Any = object()
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
LONGEST_TEXT = 200
_LONGEST_SHOWN = 80


class UnexpectedError(ValueError):
    """A value is not what a reader expected; its text is what was expected."""


class Fields:
    """One object of the document, at `path`."""

    def __init__(self, value: Any, source: str, path: str = "") -> None:
        self._source = source
        self._path = path
        if not isinstance(value, Mapping):
            self._fail(path or "the document", "an object {...}", value)
        self._left = dict(value)
        self._known: list[str] = []

    def take(self, name: str, read: Reader[T], default: Any = _REQUIRED) -> T:
        """The value of a field, or its default."""
        self._known.append(name)
        if name not in self._left:
            if default is _REQUIRED:
                near = difflib.get_close_matches(name, map(str, self._left), 1)
                hint = f" (is {near[0]} a misspelling of it?)" if near else ""
                raise InvalidContract(
                    f"{self._source}: {self._at(name)} is missing{hint}; expected {_expectation(read)}"
                )
            value: T = default
            return value
        given = self._left.pop(name)
        try:
            return read(given)
        except UnexpectedError as expected:
            self._fail(self._at(name), str(expected), given)

    def fields(self, name: str) -> "Fields":
        """The object in a field."""
        return self.take(name, lambda value: Fields(value, self._source, self._at(name)))

    def fields_unless(self, name: str, word: str) -> "Fields | None":
        """The object in a field; None where `word` stands there, which is the default."""

        def read(value: Any) -> Fields | None:
            if isinstance(value, Mapping):
                return Fields(value, self._source, self._at(name))
            if value != word:
                raise UnexpectedError(f"{word!r} or an object {{...}}")
            return None

        return self.take(name, read, None)

    def refuse(self, name: str, because: str) -> None:
        """A field that may not stand here, though it may elsewhere."""
        if name in self._left:
            raise InvalidContract(f"{self._source}: {self._at(name)} has to be left out, because {because}")

    def close(self) -> None:
        """Refuses what nothing has taken."""
        for name in self._left:
            near = difflib.get_close_matches(str(name), self._known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(self._known))}"
            raise InvalidContract(f"{self._source}: {self._at(name)} is an unknown field; {hint}")

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _fail(self, path: str, expected: str, value: Any) -> NoReturn:
        raise InvalidContract(f"{self._source}: {path} should be {expected}; it is {shown(value, _LONGEST_SHOWN)}")


def parse_json(document: str | bytes, source: str) -> Any:
    """The value of a JSON text. NaN and Infinity are not JSON."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(document, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidContract(f"{source}: not JSON: {error}") from error


def text(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_TEXT:
        raise UnexpectedError(f"text of 1 to {LONGEST_TEXT} characters")
    return value


def identifier(expected: str) -> Reader[str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not IDENTIFIER.fullmatch(value):
            raise UnexpectedError(expected)
        return value

    return read


def one_of(names: Iterable[str]) -> Reader[str]:
    names = tuple(names)

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in names:
            raise UnexpectedError(f"one of {', '.join(names)}")
        return value

    return read


def choice(kind: type[E], among: Iterable[E] | None = None) -> Reader[E]:
    """A member of an enumeration, or of a part of it."""
    member = one_of(kind if among is None else among)
    return lambda value: kind(member(value))


def number(least: float, most: float) -> Reader[float]:
    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise UnexpectedError(f"a number from {least:g} to {most:g}")
        return float(value)

    return read


def whole(least: int, most: int, because: str = "") -> Reader[int]:
    span = f"{least}" if least == most else f"a whole number from {least} to {most}"

    def read(value: Any) -> int:
        is_whole = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value) and value.is_integer())
        if isinstance(value, bool) or not is_whole or not least <= value <= most:
            raise UnexpectedError(f"{span}, because {because}" if because else span)
        return int(value)

    return read


def whole_numbers(least: int, most: int, longest: int) -> Reader[tuple[int, ...]]:
    """A list of one or more whole numbers."""
    one = whole(least, most)

    def read(value: Any) -> tuple[int, ...]:
        values = _elements(value)
        try:
            numbers = tuple(one(each) for each in values)
        except UnexpectedError:
            numbers = ()
        if not 1 <= len(numbers) <= longest:
            raise UnexpectedError(f"a list of 1 to {longest} whole numbers from {least} to {most}")
        return numbers

    return read


def numbers_per_channel(channels: int, least: float, most: float) -> Reader[tuple[float, ...]]:
    """One number for each channel; a single number stands for all of them."""
    one = number(least, most)

    def read(value: Any) -> tuple[float, ...]:
        values = _elements(value) or [value] * channels
        try:
            numbers = tuple(one(each) for each in values)
        except UnexpectedError as expected:
            raise UnexpectedError(f"{expected}, or a list of {channels} of them") from None
        if len(numbers) != channels:
            raise UnexpectedError(f"a number, or a list of {channels}: one for each channel")
        return numbers

    return read


def rgb(value: Any) -> tuple[int, int, int]:
    component = whole(0, 255)
    try:
        red, green, blue = (component(each) for each in _elements(value))
    except ValueError:
        raise UnexpectedError("a colour: a list of three whole numbers from 0 to 255, red, green, blue") from None
    return red, green, blue


def _elements(value: Any) -> list[Any]:
    """The elements of an array: a list in parsed JSON, a tuple where a contract was turned into a document."""
    return list(value) if isinstance(value, (list, tuple)) else []


def _expectation(read: Reader[Any]) -> str:
    """What a reader expects, in its own words: it is asked with a value that nothing accepts."""
    try:
        read(None)
    except UnexpectedError as expected:
        return str(expected)
    except InvalidContract:
        return "an object {...}"
    raise AssertionError("a reader accepted null")
