"""Messages are read as they were written: here, and by onnx's own library."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from onnx import TensorProto, helper, numpy_helper

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


def tensor_field(tensor: TensorProto) -> messages.Field:
    encoded = messages.field(1, tensor.SerializeToString())
    return next(messages.fields(memoryview(encoded)))


@given(
    array=arrays(
        st.sampled_from([np.float32, np.uint8, np.int8, np.int32]), array_shapes(min_dims=0, max_dims=4, min_side=0)
    ),
    is_raw=st.booleans(),
)
def test_an_array_that_onnx_wrote_is_read(array: np.ndarray, is_raw: bool) -> None:
    numbers = array.tobytes() if is_raw else array.ravel().tolist()
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    read = messages.array(tensor_field(helper.make_tensor("name", kind, array.shape, numbers, raw=is_raw)))
    assert read is not None
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


@given(array=arrays(st.sampled_from([np.float32, np.uint8, np.int8, np.int32, np.int64]), array_shapes(min_dims=0)))
def test_an_array_that_is_written_is_read_by_onnx(array: np.ndarray) -> None:
    written = TensorProto.FromString(messages.constant("name", array))
    assert written.name == "name"
    np.testing.assert_array_equal(numpy_helper.to_array(written), array)


@pytest.mark.parametrize(
    "tensor",
    [
        TensorProto(data_type=TensorProto.INT64, dims=[1], raw_data=bytes(8)),
        TensorProto(data_type=TensorProto.FLOAT, dims=[2], raw_data=bytes(4)),
        TensorProto(data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL),
        TensorProto(),
    ],
    ids=["another type", "not whole", "elsewhere", "nothing"],
)
def test_what_is_no_array_that_is_known_is_not_read(tensor: TensorProto) -> None:
    assert messages.array(tensor_field(tensor)) is None
