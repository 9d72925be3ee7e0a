"""A JSON document together with its text.

Step Functions hands text from state to state: history shows it, limits count its bytes, and a state that changes
nothing passes it on as it came. Carrying the text beside the value means that it is written once a state.
"""

import json
import math
from typing import NamedTuple

from pipeline.local.states.errors import DATA_LIMIT_EXCEEDED, StateError
from pipeline.local.states.scope import Json

LIMIT_BYTES = 262_144
"""The largest input or output of a state, task or execution (Step Functions Developer Guide, "Service quotas")."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(separators=(",", ":")).encode


def load(text: str | bytes) -> Json:
    """JSON text as a value.

    Raises ValueError for text that is not JSON, and for what Python would read but nobody could write again: NaN,
    Infinity, 1e999, and documents nested more deeply than they can be walked.
    """
    try:
        return json.loads(text, parse_constant=finite, parse_float=finite)
    except RecursionError:
        raise ValueError("the document is nested too deeply") from None


def finite(text: str) -> float:
    """The number that `text` spells; ValueError for one that JSON cannot hold."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number that JSON can hold")
    return number


def dump(value: Json) -> str:
    """JSON as Step Functions writes it: no spaces, characters beyond ASCII as themselves.

    A lone surrogate, which JSON may escape and UTF-8 cannot hold, keeps its escape.
    """
    text = _encode(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return _encode_ascii(value)
    return text


def byte_length(text: str) -> int:
    """Bytes of `text` as UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


class Document(NamedTuple):
    """A JSON value and its text."""

    value: Json
    text: str

    @classmethod
    def of(cls, value: Json) -> "Document":
        return cls(value, dump(value))

    @classmethod
    def parse(cls, text: str) -> "Document":
        """Raises ValueError for text that `load` refuses."""
        return cls(load(text), text)


def check_size(text: str, name: str) -> None:
    """Raise States.DataLimitExceeded when the result of the state or task `name` is too large to be passed on."""
    if byte_length(text) > LIMIT_BYTES:
        raise StateError(
            DATA_LIMIT_EXCEEDED,
            f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes "
            "service limit.",
        )
