"""Somebody else's configuration, read field by field, so that each is used or named in a sentence.

Fields are taken one by one with the readers of pipeline/contract/reader.py. `null` counts as absent: both libraries
write it for "my default". What nobody has taken when `close` is called was not understood, and is said to be ignored.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from pipeline.contract.reader import Reader, UnexpectedError
from pipeline.given import shown

T = TypeVar("T")
_LONGEST_SHOWN = 60


class CannotImport(ValueError):  # noqa: N818 - read by people, as the errors of pipeline/errors.py are
    """There is no contract that does what the configuration says, or the configuration does not make sense."""


class Effect(StrEnum):
    """What a note means for predictions; the worst first."""

    DIFFERS = "differs"
    """The contract gives other pixels or numbers than the original, for some photos or for all."""
    UNKNOWN = "unknown"
    """A field that is not known here, so that nobody can say what it does."""
    ASSUMED = "assumed"
    """The configuration leaves open what the contract has to say."""
    ROUNDS = "rounds"
    """The same up to a fraction of a pixel."""
    IGNORED = "ignored"
    """Without a counterpart, and without effect on what the model sees."""


@dataclass(frozen=True, slots=True)
class Note:
    effect: Effect
    sentence: str

    def __str__(self) -> str:
        return f"{self.effect}: {self.sentence}"


class Foreign:
    """The fields of one configuration, and the notes on them."""

    def __init__(self, document: Any, source: str) -> None:
        self.source = source
        if not isinstance(document, Mapping) or not all(isinstance(name, str) for name in document):
            raise CannotImport(f"{source} should be a JSON object {{...}}; it is {_shown(document)}")
        self._left = {name: value for name, value in document.items() if value is not None}
        self._notes: list[Note] = []

    def take(self, name: str, read: Reader[T]) -> T | None:
        """The value of a field; None where it is absent or null."""
        if name not in self._left:
            return None
        value = self._left.pop(name)
        try:
            return read(value)
        except UnexpectedError as expected:
            raise CannotImport(f"{self.source}: {name} should be {expected}; it is {_shown(value)}") from None

    def take_or(self, name: str, read: Reader[T], default: T, because: str) -> T:
        """The value of a field, or a default whose origin is noted."""
        value = self.take(name, read)
        if value is not None:
            return value
        self.note(Effect.ASSUMED, f"{name} is not given; {_shown(default)} is taken, {because}.")
        return default

    def note(self, effect: Effect, sentence: str) -> None:
        self._notes.append(Note(effect, sentence))

    def ignore(self, names: Iterable[str], because: str) -> None:
        """These fields, where they are given, have no effect on the contract."""
        for name in names:
            if name in self._left:
                self.note(Effect.IGNORED, f"{name} ({_shown(self._left.pop(name))}): {because}.")

    def refuse(self, sentence: str) -> NoReturn:
        raise CannotImport(f"{self.source}: {sentence}")

    def close(self) -> tuple[Note, ...]:
        """The notes. What nothing has taken is noted as not understood."""
        for name, value in self._left.items():
            # Both libraries name the steps of their pipelines do_something.
            effect = Effect.DIFFERS if name.startswith("do_") and value is True else Effect.UNKNOWN
            self.note(
                effect, f"{name} ({_shown(value)}) is not known here, and whatever it does is not in the contract."
            )
        self._left.clear()
        return tuple(self._notes)


def worst_first(notes: Iterable[Note]) -> tuple[Note, ...]:
    order = list(Effect)
    return tuple(sorted(notes, key=lambda note: order.index(note.effect)))


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise UnexpectedError("true or false")
    return value


def anything(value: Any) -> Any:
    return value


def _shown(value: Any) -> str:
    return shown(value, _LONGEST_SHOWN)
