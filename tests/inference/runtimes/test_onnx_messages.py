"""Messages are read as they were written: here, and by onnx's own library."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto

from pipeline.inference.runtimes import onnx_messages as messages

FIELDS = st.lists(st.tuples(st.integers(1, 5_000), st.integers(0, 2**63 - 1) | st.binary(max_size=300)), max_size=8)


def written(fields: list[tuple[int, int | bytes]]) -> bytes:
    return b"".join(messages.field(number, value) for number, value in fields)


@given(fields=FIELDS)
def test_what_is_written_is_read(fields: list[tuple[int, int | bytes]]) -> None:
    read = messages.fields(memoryview(written(fields)))
    assert [(field.number, field.value, bytes(field.bytes)) for field in read] == [
        (number, value, b"") if isinstance(value, int) else (number, 0, value) for number, value in fields
    ]


@given(fields=FIELDS)
def test_the_fields_of_a_message_are_the_message(fields: list[tuple[int, int | bytes]]) -> None:
    message = written(fields)
    assert b"".join(field.encoded for field in messages.fields(memoryview(message))) == message


@given(data=st.binary(max_size=60))
def test_what_is_no_message_is_refused_by_nothing_else(data: bytes) -> None:
    try:
        assert b"".join(field.encoded for field in messages.fields(memoryview(data))) == data
    except ValueError:
        pass


@given(
    numbers=st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4),
    floats=st.lists(st.floats(width=32, allow_nan=False), max_size=4),
    raw=st.binary(max_size=9),
    name=st.text(max_size=9),
)
def test_a_tensor_that_onnx_wrote_is_read(numbers: list[int], floats: list[float], raw: bytes, name: str) -> None:
    tensor = TensorProto(int32_data=numbers, float_data=floats, raw_data=raw, name=name)
    found = {field.number: field for field in messages.fields(memoryview(tensor.SerializeToString()))}
    assert [number % 2**32 for number in numbers] == [
        number % 2**32 for number in (messages.numbers(found[5]) if numbers else [])
    ]
    assert len(found[4].bytes if floats else b"") == 4 * len(floats)
    assert bytes(found[9].bytes if 9 in found else b"") == raw
    assert bytes(found[8].bytes if 8 in found else b"").decode() == name


def test_a_field_that_is_longer_than_its_message_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than what holds it"):
        list(messages.fields(memoryview(b"\x0a\x05abcd")))
