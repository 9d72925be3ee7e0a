"""A quantised model that takes pixels: without the numbers that are made of them, and without its own first step.

    as it was    pixels ─► float32 [N, C, H, W] ─► QuantizeLinear ─► uint8 [N, C, H, W] ─► ...
    as it runs   pixels ─► Transpose ────────────────────────────────────────────────────► ...

A model that was quantised beforehand (post-training static quantisation, activations of uint8) makes 8-bit numbers of
its input, and what it makes of the 256 values of a pixel is known. Where those are the pixels themselves, as
calibration by the least and the largest value of photos has it, both ways are the same, bit for bit. The second has no
tensor of float32 that fills the caches, and no transpose: ONNX Runtime computes such models channels-last, as pixels
lie.

Activations of int8 are left as they are: ONNX Runtime makes them uint8 itself, of pairs of QuantizeLinear and
DequantizeLinear, and without the first it computes the first convolution in float32.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.contract import Colour, DataType, Layout, ModelContract
from pipeline.contract.onnx_file import read_model
from pipeline.contract.signature import TensorType
from pipeline.errors import InvalidModelPackage
from pipeline.inference.runtimes import onnx_messages as messages
from pipeline.inference.runtimes.onnx_messages import Attribute, Graph, Model, Node, Tensor, Value, text, texts
from pipeline.inference.runtimes.onnx_stem import over_neighbours
from pipeline.inference.tensors import affine

INPUT = "imagebatch/pixels"
"""The input of a model as it runs, uint8 [N, H, W, C]."""

_LARGEST = 64 * 1024 * 1024
"""Bytes: ONNX Runtime keeps those that it is given, and a larger model takes so long that its first step is nothing."""

_IN_ANOTHER_FILE = messages.field(1, b"location")
"""Begins the place of weights that lie in a file of their own. It is relative to the model's, and bytes have none."""

_WITHOUT_EFFECT = {"axis", "saturate"}
"""Attributes of QuantizeLinear that are for other scales and types than these."""


def taking_pixels(
    path: Path, contract: ModelContract, *, sums_are_exact: bool = False
) -> tuple[bytes, tuple[TensorType, ...]] | None:
    """The model in a file as one that takes pixels, and the inputs that it had; None where it cannot.

    Where `sums_are_exact` its first convolution goes over pixels side by side (onnx_stem.py). What is no model at all
    is left to ONNX Runtime, which says so.
    """
    if contract.input.dtype is not DataType.FLOAT32 or contract.input.colour is Colour.BGR:
        return None
    try:
        if path.stat().st_size > _LARGEST:
            return None
        model = path.read_bytes()
        if _IN_ANOTHER_FILE in model:
            return None
        signature = read_model(lambda offset, length: model[offset : offset + length], len(model)).signature
        rewritten = _rewritten(memoryview(model), contract, signature.fixed_batch, sums_are_exact)
    except (OSError, ValueError, ArithmeticError, LookupError, InvalidModelPackage):
        return None
    return (rewritten, signature.inputs) if rewritten else None


def _rewritten(model: memoryview, contract: ModelContract, batch: int | None, sums_are_exact: bool) -> bytes | None:
    parts = list(messages.fields(model))
    (graph,) = (part for part in parts if part.number == Model.GRAPH)
    members = list(messages.fields(graph.bytes))
    step = _first_step(members, contract.input.name)
    if step is None or not _answers_pixels(members, step, contract):
        return None
    replacement, replaced = messages.field(Graph.NODE, _replacement(step, contract)), [step]
    if sums_are_exact and (stem := over_neighbours(members, INPUT, text(step, Node.OUTPUT), contract)):
        replacement, replaced = stem.encoded, [step, *stem.replaced]
    rewritten: list[bytes | memoryview] = []
    for member in members:
        if member is step:
            rewritten.append(replacement)
        elif member.number == Graph.INPUT and text(member, Value.NAME) == contract.input.name:
            given = messages.value(INPUT, "uint8", contract.input.pixel_shape, batch)
            rewritten.append(messages.field(Graph.INPUT, given))
        elif not any(member is each for each in replaced):
            rewritten.append(member.encoded)
    encoded = messages.field(Model.GRAPH, b"".join(rewritten))
    return b"".join(encoded if part is graph else part.encoded for part in parts)


def _first_step(members: Sequence[messages.Field], name: str) -> messages.Field | None:
    """The QuantizeLinear that reads the input `name`, which nothing else reads."""
    readers = [member for member in members if member.number == Graph.NODE and name in texts(member, Node.INPUT)]
    if len(readers) != 1 or text(readers[0], Node.OPERATOR) != "QuantizeLinear" or text(readers[0], Node.DOMAIN):
        return None
    attributes = (part for part in messages.fields(readers[0].bytes) if part.number == Node.ATTRIBUTE)
    return readers[0] if all(text(each, Attribute.NAME) in _WITHOUT_EFFECT for each in attributes) else None


def _answers_pixels(members: Sequence[messages.Field], step: messages.Field, contract: ModelContract) -> bool:
    """Whether a QuantizeLinear of the contract's numbers answers each value of a pixel with itself."""
    weights = {text(member, Tensor.NAME): member for member in members if member.number == Graph.INITIALIZER}
    _, scale_name, zero_point_name, *_ = [*texts(step, Node.INPUT), "", ""]
    scale, zero_point = _number(weights.get(scale_name), "float32"), _number(weights.get(zero_point_name), "uint8")
    if scale is None or zero_point is None:
        return False
    return bool((_quantised(contract, scale, zero_point) == np.arange(256)[:, None]).all())


def _replacement(step: messages.Field, contract: ModelContract) -> bytes:
    """A node that answers pixels where the first step did."""
    (output,) = texts(step, Node.OUTPUT)
    if contract.input.layout is Layout.NCHW:
        return messages.node("Transpose", [INPUT], output, messages.attribute("perm", [0, 3, 1, 2]))
    return messages.node("Identity", [INPUT], output)


def _quantised(contract: ModelContract, scale: float, zero_point: float) -> npt.NDArray[np.float32]:
    """What QuantizeLinear answers for each value of a pixel, [256, C]: rounded half to even, and held to 0 to 255
    (ONNX Operators, "QuantizeLinear").
    """
    numbers = np.repeat(np.arange(256, dtype=np.float32)[:, None], contract.input.channels, axis=1)
    if contract.numbers is not None:
        factor, offset = affine(contract.numbers)
        numbers = numbers * factor + offset
    answers: npt.NDArray[np.float32] = np.rint(numbers / np.float32(scale)) + np.float32(zero_point)
    return answers.clip(0, 255)


def _number(tensor: messages.Field | None, dtype: str) -> float | None:
    """The value of a tensor of one float32 or uint8; None where it is anything else."""
    found = None if tensor is None else messages.array(tensor)
    if found is None or found.size != 1 or found.dtype != dtype:
        return None
    return float(found.item())
