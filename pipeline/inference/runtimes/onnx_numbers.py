"""The half of the contract that shapes numbers, as an ONNX model that runs on whatever device the real model runs on.

    pixels uint8 [N, H, W, C] ─► Gather, for BGR ─► Cast ─► Mul ─► Add ─► Cast ─► Transpose, for NCHW ─► tensor

What a contract does not ask for is left out. The arithmetic is TensorMaker's, `x * (scale / std) + (-mean / std)` in
float32.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipeline.contract import Colour, DataType, Layout, ModelContract
from pipeline.inference.runtimes import onnx_messages as messages
from pipeline.inference.tensors import affine

PIXELS, TENSOR = "pixels", "tensor"

_IR_VERSION, _OPSET = 8, 13


def numbers_model(contract: ModelContract) -> bytes:
    """A ModelProto that makes the contract's input tensor, `TENSOR`, of images, `PIXELS`."""
    height, width, channels = contract.input.pixel_shape
    is_nchw = contract.input.layout is Layout.NCHW
    shape = (channels, height, width) if is_nchw else (height, width, channels)
    initializers: list[bytes] = []
    nodes: list[bytes] = []
    last = PIXELS
    for number, (operator, second, of_operator) in enumerate(_steps(contract)):
        inputs = [last]
        if second is not None:
            inputs.append(f"constant{number}")
            initializers.append(messages.field(5, messages.constant(inputs[1], second)))
        last = f"step{number}"
        nodes.append(messages.field(1, messages.node(operator, inputs, last, *of_operator)))
    nodes.append(messages.field(1, messages.node("Identity", [last], TENSOR)))
    given = messages.value(PIXELS, "uint8", (height, width, channels))
    made = messages.value(TENSOR, contract.input.dtype, shape)
    graph = (
        b"".join(nodes)
        + messages.field(2, b"numbers")
        + b"".join(initializers)
        + messages.field(11, given)
        + messages.field(12, made)
    )
    opset = messages.field(1, b"") + messages.field(2, _OPSET)
    return messages.field(1, _IR_VERSION) + messages.field(7, graph) + messages.field(8, opset)


def _steps(contract: ModelContract) -> Iterator[tuple[str, npt.NDArray[np.generic] | None, list[bytes]]]:
    """An operator, its second input, and its attributes."""
    if contract.input.colour is Colour.BGR:
        yield "Gather", np.array([2, 1, 0], np.int64), [messages.attribute("axis", 3)]
    if contract.numbers is not None:
        factor, offset = affine(contract.numbers)
        yield "Cast", None, [messages.attribute("to", messages.TYPES["float32"])]
        yield "Mul", factor, []
        yield "Add", offset, []
    if contract.input.dtype is DataType.FLOAT16:
        yield "Cast", None, [messages.attribute("to", messages.TYPES["float16"])]
    if contract.input.layout is Layout.NCHW:
        yield "Transpose", None, [messages.attribute("perm", [0, 3, 1, 2])]
