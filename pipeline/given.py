"""What somebody gave, as it is shown to people: in an error that refuses it, on a line of a message or log."""

import json
from typing import Any

_LONGEST = 200


def shown(value: Any, longest: int = _LONGEST) -> str:
    """A value of a JSON document in at most `longest` characters: text in quotes, all else as JSON writes it."""
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
    # JSON may escape half of a surrogate pair, which no message could be written with.
    text = text.encode(errors="backslashreplace").decode()
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def printable(text: str) -> str:
    """`text` on one line, with every character that does not print escaped as Python does."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
