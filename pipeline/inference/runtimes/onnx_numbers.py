"""The half of the contract that shapes numbers, as an ONNX model that runs on whatever device the real model runs on.

    pixels uint8 [N, H, W, C] ─► Gather, for BGR ─► Cast ─► Mul ─► Add ─► Cast ─► Transpose, for NCHW ─► tensor

What a contract does not ask for is left out. The arithmetic is TensorMaker's, `x * (scale / std) + (-mean / std)` in
float32. The few messages of onnx.proto that this takes are written out here: a job container has no `onnx`.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipeline.contract import Colour, DataType, Layout, ModelContract
from pipeline.inference.tensors import affine

PIXELS, TENSOR = "pixels", "tensor"

_IR_VERSION, _OPSET = 8, 13
_TYPES = {"float32": 1, "uint8": 2, "int64": 7, "float16": 10}
"""TensorProto.DataType"""
_INT, _INTS = 2, 7
"""AttributeProto.AttributeType"""


def numbers_model(contract: ModelContract) -> bytes:
    """A ModelProto that makes the contract's input tensor, `TENSOR`, of images, `PIXELS`."""
    height, width, channels = contract.input.pixel_shape
    is_nchw = contract.input.layout is Layout.NCHW
    shape = (channels, height, width) if is_nchw else (height, width, channels)
    initializers: list[bytes] = []
    nodes: list[bytes] = []
    last = PIXELS
    for number, (operator, constant, attribute) in enumerate(_steps(contract)):
        inputs = [last]
        if constant is not None:
            inputs.append(f"constant{number}")
            initializers.append(_field(5, _constant(inputs[1], constant)))
        last = f"step{number}"
        nodes.append(_field(1, _node(operator, inputs, last, attribute)))
    nodes.append(_field(1, _node("Identity", [last], TENSOR, b"")))
    given = _value(PIXELS, "uint8", (height, width, channels))
    made = _value(TENSOR, contract.input.dtype, shape)
    graph = b"".join(nodes) + _field(2, b"numbers") + b"".join(initializers) + _field(11, given) + _field(12, made)
    opset = _field(1, b"") + _field(2, _OPSET)
    return _field(1, _IR_VERSION) + _field(7, graph) + _field(8, opset)


def _steps(contract: ModelContract) -> Iterator[tuple[str, npt.NDArray[np.generic] | None, bytes]]:
    """An operator, its second input, and its attribute."""
    if contract.input.colour is Colour.BGR:
        yield "Gather", np.array([2, 1, 0], np.int64), _attribute("axis", 3)
    if contract.numbers is not None:
        factor, offset = affine(contract.numbers)
        yield "Cast", None, _attribute("to", _TYPES["float32"])
        yield "Mul", factor, b""
        yield "Add", offset, b""
    if contract.input.dtype is DataType.FLOAT16:
        yield "Cast", None, _attribute("to", _TYPES["float16"])
    if contract.input.layout is Layout.NCHW:
        yield "Transpose", None, _attribute("perm", [0, 3, 1, 2])


def _node(operator: str, inputs: list[str], output: str, attribute: bytes) -> bytes:
    """A NodeProto."""
    fed = b"".join(_field(1, each.encode()) for each in inputs)
    attributes = _field(5, attribute) if attribute else b""
    return fed + _field(2, output.encode()) + _field(4, operator.encode()) + attributes


def _attribute(name: str, value: int | list[int]) -> bytes:
    """An AttributeProto."""
    if isinstance(value, int):
        return _field(1, name.encode()) + _field(3, value) + _field(20, _INT)
    return _field(1, name.encode()) + b"".join(_field(8, each) for each in value) + _field(20, _INTS)


def _constant(name: str, array: npt.NDArray[np.generic]) -> bytes:
    """A TensorProto of one dimension, its numbers as raw little-endian bytes."""
    little = array.astype(array.dtype.newbyteorder("<"))
    kind = _TYPES[array.dtype.name]
    return _field(1, len(array)) + _field(2, kind) + _field(8, name.encode()) + _field(9, little.tobytes())


def _value(name: str, dtype: str, shape: tuple[int, ...]) -> bytes:
    """A ValueInfoProto of [N, ...]."""
    sizes = _field(1, _field(2, b"N")) + b"".join(_field(1, _field(1, size)) for size in shape)
    tensor = _field(1, _TYPES[dtype]) + _field(2, sizes)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


def _field(number: int, value: int | bytes) -> bytes:
    """A field of a protocol buffer: a varint, or bytes with their length before them."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])
