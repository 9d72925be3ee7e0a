"""The few messages of onnx.proto that this package writes, to make a model or to change one: jobs have no `onnx`.

contract/onnx_file.py reads the same format with other needs: of a file in S3 that nobody trusts, as little as it can.
"""

import math
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "float16": 10}
"""TensorProto.DataType"""
_READ = {TYPES[name]: np.dtype(name).newbyteorder("<") for name in ("float32", "uint8", "int8", "int32")}
_INT, _INTS = 2, 7
"""AttributeProto.AttributeType"""


class Model(IntEnum):
    """Fields of ModelProto."""

    GRAPH = 7


class Graph(IntEnum):
    """Fields of GraphProto."""

    NODE = 1
    INITIALIZER = 5
    INPUT = 11
    OUTPUT = 12


class Node(IntEnum):
    """Fields of NodeProto."""

    INPUT = 1
    OUTPUT = 2
    OPERATOR = 4
    ATTRIBUTE = 5
    DOMAIN = 7


class Attribute(IntEnum):
    """Fields of AttributeProto."""

    NAME = 1
    INT = 3
    TEXT = 4
    INTS = 8


class Tensor(IntEnum):
    """Fields of TensorProto. Integers of 8 bits are among INTS, if they are not RAW."""

    DIMENSIONS = 1
    TYPE = 2
    FLOATS = 4
    INTS = 5
    NAME = 8
    RAW = 9


class Value(IntEnum):
    """Fields of ValueInfoProto."""

    NAME = 1


class Field(NamedTuple):
    """A field of a message: its number, its value or the bytes of it, and all of it as it stands there."""

    number: int
    value: int
    bytes: memoryview
    encoded: memoryview


def node(operator: str, inputs: Iterable[str], output: str, *attributes: bytes | memoryview) -> bytes:
    """A NodeProto."""
    fed = b"".join(field(1, each.encode()) for each in inputs)
    shaped = b"".join(field(5, each) for each in attributes)
    return fed + field(2, output.encode()) + field(4, operator.encode()) + shaped


def attribute(name: str, value: int | list[int]) -> bytes:
    """An AttributeProto."""
    if isinstance(value, int):
        return field(1, name.encode()) + field(3, value) + field(20, _INT)
    return field(1, name.encode()) + b"".join(field(8, each) for each in value) + field(20, _INTS)


def constant(name: str, array: npt.NDArray[np.generic]) -> bytes:
    """A TensorProto, its numbers as raw little-endian bytes."""
    little = array.astype(array.dtype.newbyteorder("<"))
    shape = b"".join(field(1, size) for size in array.shape)
    return shape + field(2, TYPES[array.dtype.name]) + field(8, name.encode()) + field(9, little.tobytes())


def value(name: str, dtype: str, shape: tuple[int, ...], batch: int | None = None) -> bytes:
    """A ValueInfoProto of [N, ...], or of [batch, ...]."""
    first = field(1, batch) if batch else field(2, b"N")
    sizes = field(1, first) + b"".join(field(1, field(1, size)) for size in shape)
    tensor = field(1, TYPES[dtype]) + field(2, sizes)
    return field(1, name.encode()) + field(2, field(1, tensor))


def field(number: int, value: int | bytes | memoryview) -> bytes:
    """A field of a protocol buffer: a varint, or bytes with their length before them."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + bytes(value)


def fields(message: memoryview) -> Iterator[Field]:
    """The fields of a message, one after the other. What they hold is not looked at. Raises ValueError where they are
    none.
    """
    offset = 0
    while offset < len(message):
        begin, value, length = offset, 0, 0
        key, offset = _read_varint(message, offset)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, offset = _read_varint(message, offset)
        elif kind == 2:
            length, offset = _read_varint(message, offset)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"byte {begin:,} begins no field")
        if length > len(message) - offset:
            raise ValueError(f"the field at byte {begin:,} is longer than what holds it")
        yield Field(number, value, message[offset : offset + length], message[begin : offset + length])
        offset += length


def numbers(field: Field) -> list[int]:
    """The numbers of one field of a repeated one: a number by itself, or several packed. Raises ValueError."""
    if not len(field.bytes):
        return [field.value]
    found, offset = [], 0
    while offset < len(field.bytes):
        value, offset = _read_varint(field.bytes, offset)
        found.append(value)
    return found


def texts(message: Field, number: int) -> list[str]:
    """The text fields of a message that have a number."""
    return [bytes(part.bytes).decode() for part in fields(message.bytes) if part.number == number]


def text(message: Field, number: int) -> str:
    """A text field of a message; empty where it has none."""
    return next(iter(texts(message, number)), "")


def array(tensor: Field) -> npt.NDArray[np.generic] | None:
    """The numbers of a TensorProto of float32, uint8, int8 or int32; None where it is another, or not whole."""
    shape: list[int] = []
    integers: list[int] = []
    data, dtype = b"", None
    for part in fields(tensor.bytes):
        if part.number == Tensor.DIMENSIONS:
            shape += numbers(part)
        elif part.number == Tensor.TYPE:
            dtype = _READ.get(part.value)
        elif part.number == Tensor.INTS:
            integers += numbers(part)
        elif part.number in (Tensor.FLOATS, Tensor.RAW):
            data += part.bytes
    if dtype is None:
        return None
    # A negative number is written as the 64 bits that it would have.
    data += np.array([each & 0xFFFF_FFFF_FFFF_FFFF for each in integers], np.uint64).astype(dtype).tobytes()
    if len(data) != dtype.itemsize * math.prod(shape):
        return None
    return np.frombuffer(data, dtype).reshape(shape)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])


def _read_varint(message: memoryview, offset: int) -> tuple[int, int]:
    """A number, in groups of 7 bits, and the offset behind it."""
    value = shift = 0
    while offset < len(message) and shift < 64:
        byte = message[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset
        shift += 7
    raise ValueError(f"the number before byte {offset:,} does not end")
