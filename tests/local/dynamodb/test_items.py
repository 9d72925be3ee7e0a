"""What an item may be: boto3's own serializer says what the notation is, and Python's Decimal what a number is."""

from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import DYNAMODB_CONTEXT, TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.dynamodb.items import LARGEST_ITEM, Schema, key_text, stored
from pipeline.local.protocol import ServiceError

numbers = st.decimals(allow_nan=False, allow_infinity=False).filter(
    lambda number: not number or (-130 <= number.adjusted() <= 125 and len(number.as_tuple().digits) <= 38)
)
scalars = st.none() | st.booleans() | st.text() | numbers.map(lambda number: +number)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3)
)
PHOTOS = Schema((("image", "S"), ("model", "S")))


def serialized(value: Any) -> Any:
    return TypeSerializer().serialize(value)


@given(st.dictionaries(st.text(min_size=1), values, max_size=4))
def test_what_is_kept_is_what_was_given(attributes: dict[str, Any]) -> None:
    kept = stored({name: serialized(value) for name, value in attributes.items()})

    assert {name: TypeDeserializer().deserialize(value) for name, value in kept.items()} == attributes


@given(numbers)
def test_a_number_is_written_plainly_and_stays_what_it_is(number: Decimal) -> None:
    text = stored({"n": {"N": str(number)}})["n"]["N"]

    assert DYNAMODB_CONTEXT.create_decimal(text) == number
    assert "E" not in text


@pytest.mark.parametrize(("one", "other"), [("1", "1.0"), ("1e2", "100"), ("-0", "0"), (" 5", "5.000")])
def test_a_number_is_one_key_however_it_is_written(one: str, other: str) -> None:
    assert key_text({"N": one}) == key_text({"N": other})


@pytest.mark.parametrize("text", ["", "a", "NaN", "Infinity", "1e126", "1e-131", "1" * 39])
def test_what_is_no_number_of_dynamodb_is_refused(text: str) -> None:
    with pytest.raises(ServiceError, match="ValidationException"):
        stored({"n": {"N": text}})


@pytest.mark.parametrize("members", [{"SS": []}, {"SS": ["a", "a"]}, {"NS": ["1", "1.0"]}])
def test_a_set_has_members_and_each_once(members: dict[str, Any]) -> None:
    with pytest.raises(ServiceError, match="ValidationException"):
        stored({"set": members})


def test_an_item_of_more_than_400_kb_is_refused() -> None:
    assert stored({"s": {"S": "é" * (LARGEST_ITEM // 2 - 1)}})
    with pytest.raises(ServiceError, match="maximum allowed size"):
        stored({"s": {"S": "é" * (LARGEST_ITEM // 2)}})


@pytest.mark.parametrize(
    "key",
    [
        {"image": {"S": "a"}},
        {"image": {"S": "a"}, "model": {"S": "m"}, "other": {"S": "x"}},
        {"image": {"N": "1"}, "model": {"S": "m"}},
        {"image": {"S": ""}, "model": {"S": "m"}},
        {"image": {"S": "é" * 1025}, "model": {"S": "m"}},
        {"image": {"S": "a"}, "model": {"S": "m" * 1025}},
    ],
)
def test_a_key_that_is_none_of_the_tables_is_refused(key: dict[str, Any]) -> None:
    with pytest.raises(ServiceError, match="ValidationException"):
        PHOTOS.of_key(key)
