"""Read the elements of a JSON array one by one, without holding the array."""

import json
from collections.abc import Iterator
from typing import Protocol

from pipeline.local.states.documents import finite
from pipeline.local.states.scope import Json

_CHUNK = 65_536
_SPACE = " \t\n\r"
_ENDS = frozenset(_SPACE + ",]")


class NotAnArrayError(ValueError):
    """The document is JSON, or might be, but no array."""


class TextSource(Protocol):
    """What is read from: text in pieces."""

    def read(self, size: int, /) -> str: ...


def iterate_array(source: TextSource) -> Iterator[Json]:
    """Yield the elements of the array that `source` holds.

    Raises:
        NotAnArrayError: it holds something else.
        ValueError: the array is broken, at the element where that shows.
    """
    reader = _Reader(source)
    if reader.next_character() != "[":
        raise NotAnArrayError("the document is not an array")
    reader.skip()
    if reader.next_character() == "]":
        return
    while True:
        yield reader.value()
        separator = reader.next_character()
        reader.skip()
        if separator == "]":
            return
        if separator != ",":
            raise ValueError(f"expected ',' or ']' between elements, got {separator!r}")


class _Reader:
    """A window on the text that grows until it holds a whole element."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._buffer = ""
        self._position = 0
        self._decode = json.JSONDecoder(parse_constant=finite, parse_float=finite).raw_decode

    def next_character(self) -> str:
        """The next character that is not white space, without taking it; "" at the end."""
        while True:
            while self._position < len(self._buffer):
                character = self._buffer[self._position]
                if character not in _SPACE:
                    return character
                self._position += 1
            if not self._grow(_CHUNK):
                return ""

    def skip(self) -> None:
        self._position += 1

    def value(self) -> Json:
        """The next element."""
        self.next_character()
        size = _CHUNK
        while True:
            try:
                value, end = self._decode(self._buffer, self._position)
                # A number cut off by the window ("1.", "2e") reads as a shorter one: only a delimiter proves its end.
                if self._buffer[end : end + 1] in _ENDS or not self._grow(size):
                    self._position = end
                    return value
            except ValueError:
                if not self._grow(size):
                    raise
            size *= 2

    def _grow(self, size: int) -> bool:
        more = self._source.read(size)
        self._buffer = self._buffer[self._position :] + more
        self._position = 0
        return bool(more)
