"""What an item may be, and where in its table it lies.

The rules are those of the Amazon DynamoDB Developer Guide, "Supported data types and naming rules", "Constraints" and
"DynamoDB item sizes and formats".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Self

from pipeline.local.dynamodb.tables import Item, Key
from pipeline.local.protocol import ServiceError

LARGEST_ITEM = 400 * 1024
_LONGEST = (2048, 1024)
"""Bytes of a partition key and of a sort key."""
_MOST_DIGITS = 38


@dataclass(frozen=True, slots=True)
class Schema:
    """The key of a table: name and type (S, N or B) of its partition key and, where it has one, of its sort key."""

    attributes: tuple[tuple[str, str], ...]

    @classmethod
    def of_request(cls, request: Mapping[str, Any]) -> Self:
        """That of a CreateTable request."""
        types = {each["AttributeName"]: each["AttributeType"] for each in request["AttributeDefinitions"]}
        names = {each["KeyType"]: each["AttributeName"] for each in request["KeySchema"]}
        return cls(tuple((names[kind], types[names[kind]]) for kind in ("HASH", "RANGE") if kind in names))

    @property
    def partition_key(self) -> str:
        return self.attributes[0][0]

    def of_item(self, item: Item) -> Key:
        """Where an item lies. Raises ServiceError where an attribute of its key is missing, or is none."""
        texts = []
        for (name, kind), longest in zip(self.attributes, _LONGEST, strict=False):
            if name not in item:
                raise invalid(f"One or more parameter values were invalid: Missing the key {name} in the item")
            if set(item[name]) != {kind}:
                actual = ", ".join(item[name])
                raise invalid(
                    f"One or more parameter values were invalid: Type mismatch for key {name} expected: {kind} "
                    f"actual: {actual}"
                )
            text = key_text(item[name])
            if not text:
                raise invalid(f"One or more parameter values are not valid: the key {name} is empty")
            if len(text.encode("utf-8", "surrogatepass")) > longest:
                raise invalid(f"One or more parameter values were invalid: the key {name} exceeds {longest} bytes")
            texts.append(text)
        return Key(texts[0], texts[1] if len(texts) > 1 else "")

    def of_key(self, key: Item) -> Key:
        """Where a key points, which has to have the table's attributes and no others."""
        if set(key) != {name for name, _ in self.attributes}:
            raise invalid("The provided key element does not match the schema")
        return self.of_item(key)

    def key_in(self, item: Item) -> Item:
        """Those attributes of an item that are its key."""
        return {name: item[name] for name, _ in self.attributes}


def key_text(value: Mapping[str, str]) -> str:
    """An attribute of a key as text: of a number there is one, however it was written."""
    ((kind, text),) = value.items()
    return _number(text) if kind == "N" else text


def stored(item: Item) -> Item:
    """The item as it is kept and given back, its numbers written plainly. Raises ServiceError for what is none."""
    kept = {name: _value(value) for name, value in item.items()}
    if sum(_bytes(name) + _size(value) for name, value in kept.items()) > LARGEST_ITEM:
        raise invalid("Item size has exceeded the maximum allowed size")
    return kept


def invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _value(value: Mapping[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return {kind: _number(content)}
        case "NS" | "SS" | "BS":
            members = [_number(each) for each in content] if kind == "NS" else list(content)
            if not members or len(set(members)) < len(members):
                raise invalid("One or more parameter values were invalid: a set is empty, or has a member twice")
            return {kind: members}
        case "L":
            return {kind: [_value(each) for each in content]}
        case "M":
            return {kind: {name: _value(each) for name, each in content.items()}}
    return {kind: content}


def _number(text: str) -> str:
    try:
        number = Decimal(text.strip())
    except InvalidOperation as error:
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}") from error
    if not number:
        return "0"
    if not number.is_finite() or not -130 <= number.adjusted() <= 125:
        raise invalid(f"A number is too large or too small: {text}")
    plain = f"{number:f}"
    if len(plain.replace(".", "").lstrip("-").strip("0")) > _MOST_DIGITS:
        raise invalid(f"A number has more than {_MOST_DIGITS} significant digits: {text}")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _size(value: Mapping[str, Any]) -> int:
    """About as many bytes as an attribute's value counts."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return _bytes(content)
        case "N":
            return len(content) // 2 + 1
        case "B":
            return len(content) * 3 // 4
        case "SS" | "NS" | "BS":
            return sum(_size({kind[0]: each}) for each in content)
        case "L":
            return 3 + sum(1 + _size(each) for each in content)
        case "M":
            return 3 + sum(1 + _bytes(name) + _size(each) for name, each in content.items())
    return 1


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
