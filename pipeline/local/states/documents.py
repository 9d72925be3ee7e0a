"""A JSON document together with its text.

Step Functions hands text from state to state: history shows it, limits count its bytes, and a state that changes
nothing passes it on as it came. Carrying the text beside the value means that it is written once a state.
"""

import json
from typing import NamedTuple

from pipeline.local.states.errors import DATA_LIMIT_EXCEEDED, StateError
from pipeline.local.states.scope import Json

LIMIT_BYTES = 262_144
"""The largest input or output of a state, task or execution (Step Functions Developer Guide, "Service quotas")."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(separators=(",", ":")).encode


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
        """Raises ValueError for text that is not JSON; NaN and Infinity, which Python would take, are not."""
        return cls(json.loads(text, parse_constant=_refuse), text)


def _refuse(constant: str) -> Json:
    raise ValueError(f"{constant} is not JSON")


def check_size(text: str, name: str) -> None:
    """Raise States.DataLimitExceeded when the result of the state or task `name` is too large to be passed on."""
    if byte_length(text) > LIMIT_BYTES:
        raise StateError(
            DATA_LIMIT_EXCEEDED,
            f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes "
            "service limit.",
        )
