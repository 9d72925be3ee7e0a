"""Hold a value to one of botocore's shapes, as an AWS service does when a request arrives.

`decode` turns what JSON carries into what Python works with (epoch numbers become datetimes, base64 becomes bytes) and
refuses a value of the wrong type. `violations` then yields every rule that the value breaks: members that are missing
or unknown, lengths and ranges, enums, and patterns. botocore checks none of the last three before it sends a request,
so a client that goes through boto3 learns of them only from the service.

The texts are those of AWS's own answers: "Value 'x' at 'processingJobName' failed to satisfy constraint: Member must
...", paths in lower camel case, list elements as `.1.member`.
"""

import base64
import binascii
import datetime
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

_PYTHON_TYPES: dict[str, tuple[type[Any], ...]] = {
    "structure": (Mapping,),
    "map": (Mapping,),
    "list": (list, tuple),
    "string": (str,),
    "character": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
}
_NUMBERS = {"integer", "long", "float", "double"}
_SIZED = {"string", "character", "blob", "list", "map"}


class WrongTypeError(ValueError):
    """A value that its shape cannot hold: a string where a list is expected, or base64 that is none."""


def decode(shape: Shape, value: Any, path: str = "") -> Any:
    """Bring a JSON value into the types that the shape stands for; members with the value null are left out.

    Values that are already Python's (datetimes, bytes) pass through, so a caller inside the process can hand over
    either form. Members that the shape does not know are kept, for `violations` to name.

    Raises:
        WrongTypeError: naming the path, what was expected and what came.
    """
    if shape.type_name == "timestamp":
        return _decode_timestamp(value, path)
    if shape.type_name == "blob":
        return _decode_blob(value, path)
    if shape.metadata.get("document"):
        return value
    if not _has_type(shape.type_name, value):
        raise WrongTypeError(f"{path or 'The request'}: expected a {shape.type_name}, got {_describe(value)}")
    if isinstance(shape, StructureShape):
        return {
            name: decode(shape.members[name], member, _join(path, name)) if name in shape.members else member
            for name, member in value.items()
            if member is not None
        }
    if isinstance(shape, ListShape):
        return [decode(shape.member, element, f"{path}.{n}.member") for n, element in enumerate(value, start=1)]
    if isinstance(shape, MapShape):
        return {key: decode(shape.value, element, f"{path}.{key}.value") for key, element in value.items()}
    return value


def violations(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """Every constraint that a decoded value breaks, in AWS's words."""
    yield from _own_violations(shape, value, path)
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        yield from _member_violations(shape, value, path)
    elif isinstance(shape, ListShape):
        for position, element in enumerate(value, start=1):
            yield from violations(shape.member, element, f"{path}.{position}.member")
    elif isinstance(shape, MapShape):
        for key, element in value.items():
            yield from violations(shape.key, key, f"{path}.key")
            yield from violations(shape.value, element, f"{path}.{key}.value")


def _member_violations(shape: StructureShape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if name not in value:
            yield f"Value null at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
    if shape.metadata.get("union") and len(value) != 1:
        yield f"'{path}' is a union: exactly one of {', '.join(shape.members)} must be set"
    for name, member in value.items():
        if name in shape.members:
            yield from violations(shape.members[name], member, _join(path, name))
        else:
            yield f"Unknown parameter '{name}' at '{path or '.'}'; known are: {', '.join(shape.members)}"


def _own_violations(shape: Shape, value: Any, path: str) -> Iterator[str]:
    rules = shape.metadata
    if shape.type_name in _SIZED:
        size, noun = len(value), "length"
    elif shape.type_name in _NUMBERS:
        size, noun = value, "value"
    else:
        return
    broken = []
    if "min" in rules and size < rules["min"]:
        broken.append(f"Member must have {noun} greater than or equal to {rules['min']}")
    if "max" in rules and size > rules["max"]:
        broken.append(f"Member must have {noun} less than or equal to {rules['max']}")
    if "enum" in rules and value not in rules["enum"]:
        broken.append(f"Member must satisfy enum value set: [{', '.join(rules['enum'])}]")
    if "pattern" in rules and isinstance(value, str) and not _matches(rules["pattern"], value):
        broken.append(f"Member must satisfy regular expression pattern: {rules['pattern']}")
    shown = "<redacted>" if rules.get("sensitive") else _shorten(value)
    for rule in broken:
        yield f"Value '{shown}' at '{path}' failed to satisfy constraint: {rule}"


def _matches(pattern: str, value: str) -> bool:
    # To know every character of a category takes a tenth of a second, and most values are ASCII.
    compiled = _compile(pattern, 0x7F if value.isascii() else sys.maxunicode)
    return compiled is None or compiled.fullmatch(value) is not None


@lru_cache(maxsize=512)
def _compile(pattern: str, last: int) -> re.Pattern[str] | None:
    """A model's pattern, which is a Java expression, for Python and characters up to `last`; None where there is none.

    The only Java construct in use that matters is the Unicode category (`\\p{L}`), always inside a class.
    """
    translated = re.sub(r"\\p\{([LMNPSZ])\}", lambda match: _category_ranges(match[1], last), pattern)
    try:
        return re.compile(translated)
    except re.error:
        return None


@lru_cache(maxsize=16)
def _category_ranges(category: str, last: int) -> str:
    """The characters up to `last` of one Unicode major category, as ranges for the inside of a character class."""
    ranges: list[str] = []
    start: int | None = None
    for code in range(last + 2):
        inside = code <= last and unicodedata.category(chr(code))[0] == category
        if inside and start is None:
            start = code
        elif not inside and start is not None:
            ranges.append(f"\\U{start:08x}-\\U{code - 1:08x}")
            start = None
    return "".join(ranges)


def _decode_timestamp(value: Any, path: str) -> datetime.datetime:
    if isinstance(value, datetime.datetime):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError, OSError):
            return datetime.datetime.fromtimestamp(value, datetime.UTC)
    if isinstance(value, str):
        with suppress(ValueError):
            return datetime.datetime.fromisoformat(value)
    raise WrongTypeError(f"{path}: expected a timestamp (seconds since 1970), got {_describe(value)}")


def _decode_blob(value: Any, path: str) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error:
            pass
    raise WrongTypeError(f"{path}: expected base64, got {_describe(value)}")


def _has_type(type_name: str, value: object) -> bool:
    # A bool is an int to Python, and is none to JSON.
    return isinstance(value, _PYTHON_TYPES[type_name]) and not (type_name in _NUMBERS and isinstance(value, bool))


def _join(path: str, member: str) -> str:
    name = member[:1].lower() + member[1:]
    return f"{path}.{name}" if path else name


def _describe(value: Any) -> str:
    return f"{type(value).__name__} {_shorten(value)!r}"


def _shorten(value: Any, limit: int = 200) -> str:
    text = str(value)
    return text if len(text) <= limit else f"{text[:limit]}..."
