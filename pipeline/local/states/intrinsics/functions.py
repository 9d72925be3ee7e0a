"""What the eighteen intrinsic functions do.

Each one takes the values of its arguments and returns JSON, or raises ArgumentError. Numbers are rounded as AWS rounds
them: to the nearest integer, halves upwards (-0.5 becomes 0).
"""

import base64
import hashlib
import json
import math
import random
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.local.states.documents import dump, load
from pipeline.local.states.scope import Json

MAX_ENCODED_CHARACTERS = 10_000
MAX_RANGE_ITEMS = 1_000
_INT32 = range(-(2**31), 2**31)
_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


@dataclass(frozen=True, slots=True)
class Function:
    """An intrinsic function and how many arguments it takes; `most` None: any number."""

    call: Callable[..., Json]
    least: int
    most: int | None

    def takes(self, count: int) -> bool:
        """Whether it can be called with `count` arguments."""
        return self.least <= count and (self.most is None or count <= self.most)


class ArgumentError(ValueError):
    """A function was called with a value that it does not take; whoever calls functions adds which one it was."""


def _typed(value: Json, kind: type, expected: str) -> Json:
    if not isinstance(value, kind):
        raise ArgumentError(f"expected {expected}, got {dump(value)}")
    return value


def _array(value: Json) -> list[Json]:
    array: list[Json] = _typed(value, list, "an array")
    return array


def _string(value: Json) -> str:
    string: str = _typed(value, str, "a string")
    return string


def _integer(value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ArgumentError(f"expected a number, got {dump(value)}")
    return value if isinstance(value, int) else math.floor(value + 0.5)


def _limited(text: str) -> str:
    if len(text) > MAX_ENCODED_CHARACTERS:
        raise ArgumentError(f"expected at most {MAX_ENCODED_CHARACTERS} characters, got {len(text)}")
    return text


def _utf8(text: str) -> bytes:
    # JSON may hold lone surrogates, which have no UTF-8; Java writes a question mark for each.
    return text.encode(errors="replace")


def identity_key(value: Json) -> str:
    """A text that is equal exactly for equal JSON values: 1 equals 1.0, and true does not equal 1."""
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: Json) -> Json:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    return value


def java_text(value: Json) -> str:
    """How Format prints an argument: strings bare, objects and arrays as Java's toString does, the rest as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "[" + ", ".join(map(java_text, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}={java_text(member)}" for name, member in value.items()) + "}"
    return dump(value)


def format_pieces(pieces: list[str], arguments: tuple[Json, ...]) -> str:
    """The pieces of a template, with an argument in every gap."""
    if len(pieces) - 1 != len(arguments):
        raise ArgumentError(f"the template has {len(pieces) - 1} '{{}}', but {len(arguments)} values follow it")
    texts = [java_text(argument) for argument in arguments]
    return "".join(piece + text for piece, text in zip(pieces, [*texts, ""], strict=True))


def _format(template: Json, *arguments: Json) -> str:
    return format_pieces(_string(template).split("{}"), arguments)


def _string_to_json(text: Json) -> Json:
    string = _string(text)
    if not string.strip():
        return None
    try:
        return load(string)
    except ValueError as error:
        raise ArgumentError(f"not JSON, {error}") from None


def _array_partition(array: Json, size: Json) -> list[list[Json]]:
    items, length = _array(array), _integer(size)
    if length < 1:
        raise ArgumentError(f"the chunk size {length} is not positive")
    return [items[start : start + length] for start in range(0, len(items), length)]


def _array_contains(array: Json, value: Json) -> bool:
    wanted = identity_key(value)
    return any(identity_key(item) == wanted for item in _array(array))


def _array_range(first: Json, last: Json, step: Json) -> list[int]:
    begin, end, stride = (_integer(value) for value in (first, last, step))
    if stride == 0:
        raise ArgumentError("the step is zero")
    if (end - begin) // stride >= MAX_RANGE_ITEMS:
        raise ArgumentError(f"more than {MAX_RANGE_ITEMS} items")
    return list(range(begin, end + (1 if stride > 0 else -1), stride))


def _array_get_item(array: Json, index: Json) -> Json:
    items, position = _array(array), _integer(index)
    if not 0 <= position < len(items):
        raise ArgumentError(f"index {position} of {len(items)} items")
    return items[position]


def _array_length(array: Json) -> int:
    return len(_array(array))


def _array_unique(array: Json) -> list[Json]:
    first_of: dict[str, Json] = {}
    for item in _array(array):
        first_of.setdefault(identity_key(item), item)
    return list(first_of.values())


def _base64_encode(text: Json) -> str:
    return base64.b64encode(_utf8(_limited(_string(text)))).decode()


def _base64_decode(text: Json) -> str:
    encoded = _limited(_string(text))
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        raise ArgumentError("not Base64 of UTF-8 text") from None


def _hash(data: Json, algorithm: Json) -> str:
    if not isinstance(algorithm, str) or algorithm not in _HASHES:
        raise ArgumentError(f"unknown algorithm {dump(algorithm)}, expected {', '.join(_HASHES)}")
    text = _limited(data if isinstance(data, str) else dump(data))
    return hashlib.new(_HASHES[algorithm], _utf8(text), usedforsecurity=False).hexdigest()


def _json_merge(left: Json, right: Json, deep: Json) -> Json:
    if deep is not False:
        raise ArgumentError("only the shallow merge (false) is supported")
    return {**_typed(left, dict, "an object"), **_typed(right, dict, "an object")}


def _math_random(start: Json, end: Json, seed: Json = None) -> int:
    first, last = _integer(start), _integer(end)
    if first >= last:
        raise ArgumentError(f"{first} is not less than {last}")
    generator = random.Random(None if seed is None else _integer(seed))  # noqa: S311
    return generator.randrange(first, last)


def _math_add(left: Json, right: Json) -> int:
    augend, addend = _integer(left), _integer(right)
    for value in (augend, addend):
        if value not in _INT32:
            raise ArgumentError(f"{value} is not a 32-bit integer")
    return augend + addend


def _string_split(text: Json, delimiters: Json) -> list[str]:
    string, characters = _string(text), _string(delimiters)
    if not characters:
        return [string] if string else []
    return [token for token in re.split(f"[{re.escape(characters)}]", string) if token]


FUNCTIONS: Mapping[str, Function] = {
    "States.Format": Function(_format, 1, None),
    "States.StringToJson": Function(_string_to_json, 1, 1),
    "States.JsonToString": Function(dump, 1, 1),
    "States.Array": Function(lambda *items: list(items), 0, None),
    "States.ArrayPartition": Function(_array_partition, 2, 2),
    "States.ArrayContains": Function(_array_contains, 2, 2),
    "States.ArrayRange": Function(_array_range, 3, 3),
    "States.ArrayGetItem": Function(_array_get_item, 2, 2),
    "States.ArrayLength": Function(_array_length, 1, 1),
    "States.ArrayUnique": Function(_array_unique, 1, 1),
    "States.Base64Encode": Function(_base64_encode, 1, 1),
    "States.Base64Decode": Function(_base64_decode, 1, 1),
    "States.Hash": Function(_hash, 2, 2),
    "States.JsonMerge": Function(_json_merge, 3, 3),
    "States.MathRandom": Function(_math_random, 2, 3),
    "States.MathAdd": Function(_math_add, 2, 2),
    "States.StringSplit": Function(_string_split, 2, 2),
    "States.UUID": Function(lambda: str(uuid.uuid4()), 0, 0),
}
