"""What a model says of itself: the names, types and shapes of its inputs and outputs, held to a contract.

    model.onnx ──► contract/onnx_file.py, from a few KB of the file   ─┐
               ──► ONNX Runtime, which has followed every shape       ─┼─► Signature ──► mismatches(contract)
    model.pt2  ──► contract/torch_file.py, from its JSON              ─┘
    model.pt   says nothing of itself: the runtime tries it on one batch

StartRun asks before anything is listed, the job when it opens the model, `imagebatch contract check` on a laptop: the
same rules, so the same sentences. Each names what the model has, what the contract says, and the field to set.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.contract import Activation, DataType, Detection, Layout, ModelContract, Task
from pipeline.contract.model_files import ModelFile
from pipeline.errors import ContractMismatch

Dimension = int | str | None
"""A size; the name of one that is free; or None, where nothing is said of it."""

NUMERIC = frozenset(
    ("bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
)

_MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class TensorType:
    """One input or output.

    `dtype` is numpy's name of the element type, or ONNX's own where numpy has none (`bfloat16`, `string`, `sequence`).
    `shape` is None where the model does not even say how many dimensions there are. `name` is empty where it has none,
    as torch's do: then it is whatever the contract calls it.
    """

    name: str
    dtype: str
    shape: tuple[Dimension, ...] | None


@dataclass(frozen=True, slots=True)
class Signature:
    """A model's inputs, those that have to be fed, and its outputs."""

    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    file: ModelFile = ModelFile.ONNX

    @property
    def fixed_batch(self) -> int | None:
        """How many images the model takes at once, where it was exported for exactly so many."""
        first = self.inputs[0].shape[0] if self.inputs and self.inputs[0].shape else None
        return first if isinstance(first, int) else None

    def output(self, name: str) -> TensorType | None:
        """The output that a contract means by `name`."""
        return next((each for each in self.outputs if each.name in ("", name)), None)


def check_signature(signature: Signature, contract: ModelContract, labels: int | None) -> None:
    """Raises ContractMismatch where the model cannot be what the contract describes, with every sentence there is.

    `labels` is how many labels the package has, None where it has none.
    """
    problems = list(mismatches(signature, contract, labels))
    if problems:
        raise ContractMismatch(" ".join(problems))


def array_row_bytes(signature: Signature | None, contract: ModelContract) -> int:
    """Bytes of the answer for one image as the task raw keeps it, in float32.

    0 for every other task, and where the model does not say how large an answer is.
    """
    output = signature and signature.output(contract.output.name)
    if contract.task is not Task.RAW or not output or not output.shape:
        return 0
    sizes = [size for size in output.shape[1:] if isinstance(size, int)]
    return 4 * math.prod(sizes) if len(sizes) == len(output.shape) - 1 else 0


def mismatches(signature: Signature, contract: ModelContract, labels: int | None) -> Iterator[str]:
    """A sentence for each way in which model and contract do not fit. What the model leaves open fits everything."""
    yield from _input_mismatches(signature, contract)
    yield from _output_mismatches(signature, contract, labels)


def answer_mismatches(shape: Sequence[Dimension], contract: ModelContract, labels: int | None) -> Iterator[str]:
    """What is wrong with an output of this shape, declared or real, for the contract's task."""
    if contract.task.is_ranked:
        yield from class_mismatches(shape, contract, labels)
    elif contract.output.detection is not None:
        yield from box_mismatches(shape, contract.output.detection, contract, labels)
    elif contract.output.activation is Activation.SOFTMAX and len(shape) < 2:
        yield (
            f"output {contract.output.name!r} has shape {shown(shape)}, a number for each image; softmax shares 1 out"
            " among several of an image. Set output.activation or output.name."
        )


def class_mismatches(shape: Sequence[Dimension], contract: ModelContract, labels: int | None) -> Iterator[str]:
    """What is wrong with an output of this shape, declared or real, for a task that ranks classes."""
    classes = shape[1] if len(shape) == 2 else 0
    if classes == 0:
        yield (
            f"output {contract.output.name!r} has shape {shown(shape)}; the task {contract.task} needs [N, classes]."
            " Set output.name or task, or export the model without what comes after its classifier."
        )
    elif labels is not None and isinstance(classes, int) and classes != labels:
        yield (
            f"{contract.output.labels} has {labels} labels; the model answers {classes} classes."
            " There has to be one label for each class."
        )


def box_mismatches(
    shape: Sequence[Dimension], detector: Detection, contract: ModelContract, labels: int | None
) -> Iterator[str]:
    """What is wrong with an output of this shape, declared or real, that is to be read as boxes."""
    scheme = detector.decode
    expected = scheme.mismatch(shape, (contract.input.width, contract.input.height))
    if expected is not None:
        yield (
            f"output {contract.output.name!r} has shape {shown(shape)}; the scheme {scheme.scheme} needs {expected}."
            " Set output.name, output.decode or input.height and width."
        )
        return
    classes = scheme.classes(shape)
    if labels is not None and isinstance(classes, int) and classes != labels:
        yield (
            f"{contract.output.labels} has {labels} labels; the model answers {classes} classes."
            " There has to be one label for each class."
        )


def shown(shape: Sequence[Dimension] | None) -> str:
    """A shape for a person to read: `[batch, 3, ?, ?]`."""
    if shape is None:
        return "[...]"
    return f"[{', '.join('?' if size is None else str(size) for size in shape)}]"


def _input_mismatches(signature: Signature, contract: ModelContract) -> Iterator[str]:
    declared, file = contract.input, signature.file
    if len(signature.inputs) != 1:
        yield (
            f"{file} takes {_listing(signature.inputs)}; the contract says one input, {declared.name!r}."
            " Export the model with the images as its only input."
        )
        return
    (found,) = signature.inputs
    name = found.name or declared.name
    if name != declared.name:
        yield (f"{file} takes {name!r}; the contract says one input, {declared.name!r}. Set input.name to {name!r}.")
    if found.dtype != declared.dtype:
        known = found.dtype in set(DataType)
        advice = f"Set input.dtype to {found.dtype}" if known else f"Export the model for one of {', '.join(DataType)}"
        yield f"{file} takes {name!r} as {found.dtype}; the contract says {declared.dtype}. {advice}."
    if found.shape is not None and not _fits(found.shape, declared.layout, contract):
        wanted = shown(("N", *_image_shape(declared.layout, contract)))
        yield (
            f"{file} takes {name!r} of shape {shown(found.shape)}; the contract says {wanted}"
            f" ({declared.layout}). {_shape_advice(found.shape, contract)}"
        )


def _output_mismatches(signature: Signature, contract: ModelContract, labels: int | None) -> Iterator[str]:
    output = signature.output(contract.output.name)
    if output is None:
        yield (
            f"{signature.file} answers {_listing(signature.outputs)}; the contract says {contract.output.name!r}."
            " Set output.name."
        )
        return
    if output.dtype not in NUMERIC:
        yield (
            f"output {contract.output.name!r} is {output.dtype}; a prediction is made of numbers."
            " Set output.name, or export the model without what turns its numbers into something else."
        )
    elif output.shape is not None:
        yield from answer_mismatches(output.shape, contract, labels)


def _image_shape(layout: Layout, contract: ModelContract) -> tuple[int, int, int]:
    height, width, channels = contract.input.pixel_shape
    return (channels, height, width) if layout is Layout.NCHW else (height, width, channels)


def _fits(shape: Sequence[Dimension], layout: Layout, contract: ModelContract) -> bool:
    """Whether a batch of the contract's images, in that layout, can be fed."""
    return (
        len(shape) == 4
        and shape[0] != 0
        and all(
            not isinstance(has, int) or has == wants
            for has, wants in zip(shape[1:], _image_shape(layout, contract), strict=True)
        )
    )


def _shape_advice(shape: Sequence[Dimension], contract: ModelContract) -> str:
    """The field that is most likely wrong."""
    if len(shape) == 3:
        return "It has no batch dimension: export the model with one, [N, ...]."
    if len(shape) != 4:
        return "A batch of images has four dimensions: export the model for that."
    if shape[0] == 0:
        return "It takes batches of no image: export the model with a free batch dimension."
    other = Layout.NHWC if contract.input.layout is Layout.NCHW else Layout.NCHW
    if _fits(shape, other, contract):
        return f"Set input.layout to {other}."
    channels = shape[1] if contract.input.layout is Layout.NCHW else shape[3]
    rows, columns = shape[2:] if contract.input.layout is Layout.NCHW else shape[1:3]
    if channels in (None, contract.input.channels) or isinstance(channels, str):
        return f"Set input.height and input.width{_sizes(rows, columns)}."
    if channels in (1, 3):
        return "Set input.colour and input.channels: GREY has one channel, RGB and BGR have three."
    return "Set input.layout, height, width and colour."


def _sizes(rows: Dimension, columns: Dimension) -> str:
    return f" to {rows} and {columns}" if isinstance(rows, int) and isinstance(columns, int) else ""


def _listing(tensors: Sequence[TensorType]) -> str:
    names = [f"{each.name!r:.100}" for each in tensors[:_MOST_NAMED]]
    more = f" and {len(tensors) - _MOST_NAMED} more" if len(tensors) > _MOST_NAMED else ""
    return ", ".join(names) + more if names else "nothing"
