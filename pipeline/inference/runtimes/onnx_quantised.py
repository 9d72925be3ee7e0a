"""A quantised model that takes pixels: without the numbers that are made of them, and without its own first step.

    as it was    pixels ─► float32 [N, C, H, W] ─► QuantizeLinear ─► 8-bit numbers [N, C, H, W] ─► ...
    as it runs   pixels ─► Transpose ────────────────────────────────────────────────────────────► ...

A model that was quantised beforehand (post-training static quantisation) makes 8-bit numbers of its input, and what it
makes of the 256 values of a pixel is known. Where those are the pixels themselves, or less 128 for int8, as calibration
by the least and the largest value of photos has it, both ways are the same, bit for bit. The second has no tensor of
float32 that fills the caches, and no transpose: ONNX Runtime computes such models channels-last, as pixels lie.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.contract import Colour, DataType, Layout, ModelContract
from pipeline.contract.onnx_file import read_model
from pipeline.contract.signature import TensorType
from pipeline.errors import InvalidModelPackage
from pipeline.inference.runtimes import onnx_messages as messages
from pipeline.inference.tensors import affine

INPUT = "imagebatch/pixels"

_LARGEST = 64 * 1024 * 1024
"""Bytes: they stay beside the session, and a larger model takes so long that its first step is nothing."""

_FORMS = {messages.TYPES["float32"]: "<f", messages.TYPES["uint8"]: "<B", messages.TYPES["int8"]: "<b"}
_LEAST = {messages.TYPES["uint8"]: 0, messages.TYPES["int8"]: -128}
"""The least number of each type that QuantizeLinear makes of photos, and that black pixels have to become."""


@dataclass(frozen=True)
class QuantisedModel:
    """A model as it runs."""

    model: bytes
    """A ModelProto with the input `INPUT`, [N, H, W, C] of uint8, or of int8: pixels less 128."""
    is_signed: bool
    inputs: tuple[TensorType, ...]
    """Of the model as it was."""

    def given(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8] | npt.NDArray[np.int8]:
        """What the model is given for images, uint8 [N, H, W, C]."""
        pixels = np.ascontiguousarray(images)
        return np.bitwise_xor(pixels, np.uint8(128)).view(np.int8) if self.is_signed else pixels


def taking_pixels(path: Path, contract: ModelContract) -> QuantisedModel | None:
    """The model in a file as one that takes pixels; None where it cannot.

    What is no model at all is left to ONNX Runtime, which says so.
    """
    if contract.input.dtype is not DataType.FLOAT32 or contract.input.colour is Colour.BGR:
        return None
    try:
        if path.stat().st_size > _LARGEST:
            return None
        model = path.read_bytes()
        signature = read_model(lambda offset, length: model[offset : offset + length], len(model)).signature
        found = _rewritten(memoryview(model), contract, signature.fixed_batch)
    except (OSError, ValueError, InvalidModelPackage):
        return None
    return QuantisedModel(*found, signature.inputs) if found else None


def _rewritten(model: memoryview, contract: ModelContract, batch: int | None) -> tuple[bytes, bool] | None:
    """The ModelProto, and whether it takes int8."""
    parts = list(messages.fields(model))
    (graph,) = (part for part in parts if part.number == 7)
    members = list(messages.fields(graph.bytes))
    first = _first_step(members, contract.input.name)
    if first is None:
        return None
    step, inputs, output = first
    weights = {
        name: member.bytes for member in members if member.number == 5 and (name := _text(member.bytes, 8)) in inputs
    }
    scale, zero_point = (_number(weights, name) for name in inputs[1:3])
    if scale is None or zero_point is None or zero_point[0] not in _LEAST:
        return None
    least = _LEAST[zero_point[0]]
    if not (_quantised(contract, scale[1], zero_point[1], least) == np.arange(least, least + 256)[:, None]).all():
        return None
    if contract.input.layout is Layout.NCHW:
        replacement = messages.node("Transpose", [INPUT], output, messages.attribute("perm", [0, 3, 1, 2]))
    else:
        replacement = messages.node("Identity", [INPUT], output, b"")
    given = messages.value(INPUT, "int8" if least else "uint8", contract.input.pixel_shape, batch)
    rewritten: list[bytes | memoryview] = []
    for member in members:
        if member is step:
            rewritten.append(messages.field(1, replacement))
        elif member.number == 11 and _text(member.bytes, 1) == contract.input.name:
            rewritten.append(messages.field(11, given))
        else:
            rewritten.append(member.encoded)
    encoded = messages.field(7, b"".join(rewritten))
    return b"".join(encoded if part is graph else part.encoded for part in parts), bool(least)


def _first_step(members: Sequence[messages.Field], name: str) -> tuple[messages.Field, list[str], str] | None:
    """The QuantizeLinear that alone reads the input `name`, what it reads, and what it answers."""
    found = None
    for member in members:
        if member.number != 1:
            continue
        parts = list(messages.fields(member.bytes))
        inputs = [bytes(part.bytes).decode() for part in parts if part.number == 1]
        if name not in inputs:
            continue
        if found or _text(member.bytes, 4) != "QuantizeLinear" or _text(member.bytes, 7) or len(inputs) != 3:
            return None
        found = member, inputs, _text(member.bytes, 2)
    return found


def _text(message: memoryview, number: int) -> str:
    """A text field of a message; empty where it has none."""
    return next((bytes(part.bytes).decode() for part in messages.fields(message) if part.number == number), "")


def _number(weights: Mapping[str, memoryview], name: str) -> tuple[int, float] | None:
    """The type and the value of a TensorProto of one float32, uint8 or int8; None where it is anything else."""
    if name not in weights:
        return None
    kind, data = 0, b""
    for part in messages.fields(weights[name]):
        if part.number == 2:
            kind = part.value
        elif part.number == 5:  # int32_data: 8-bit numbers, too, one in each
            data = bytes(number & 0xFF for number in messages.numbers(part))
        elif part.number in (4, 9):  # float_data, raw_data
            data = bytes(part.bytes)
    form = _FORMS.get(kind)
    if form is None or len(data) != struct.calcsize(form):
        return None
    return kind, struct.unpack(form, data)[0]


def _quantised(contract: ModelContract, scale: float, zero_point: float, least: int) -> npt.NDArray[np.float32]:
    """What QuantizeLinear makes of each value of a pixel, [256, C], as the operators of ONNX have it: rounded half to
    even, and held to the range of its type.
    """
    numbers = np.repeat(np.arange(256, dtype=np.float32)[:, None], contract.input.channels, axis=1)
    if contract.numbers is not None:
        factor, offset = affine(contract.numbers)
        numbers = numbers * factor + offset
    answered: npt.NDArray[np.float32] = np.rint(numbers / np.float32(scale)) + np.float32(zero_point)
    return answered.clip(least, least + 255)
