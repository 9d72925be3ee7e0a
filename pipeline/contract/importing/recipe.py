"""What every foreign configuration comes down to, and the contract made of it.

A `Recipe` is what a library says of pixels and numbers. What it cannot say (the names, types and layout of the model's
own tensors) comes from the model file where there is one, and is assumed, with a note, where there is none.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.contract import VERSION, DataType, Layout, ModelContract, Task, parse_contract
from pipeline.contract.importing.foreign import CannotImport, Effect, Note, worst_first
from pipeline.contract.signature import Signature, TensorType, mismatches
from pipeline.errors import InvalidContract

LABELS_FILE = "labels.txt"
_ACTIVATIONS = {Task.CLASSIFICATION: "softmax", Task.MULTILABEL: "sigmoid"}
_TYPES = frozenset(DataType)


@dataclass(frozen=True, slots=True)
class Recipe:
    """`resize` is the contract's `pixels.resize`; mean and std are in the order of the input's channels.

    `input_name` and `output_name` are what the library's own ONNX export calls them.
    """

    name: str
    task: Task
    height: int
    width: int
    colour: str
    resize: dict[str, Any]
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    layout: Layout
    input_name: str
    output_name: str
    labels: tuple[str, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """A contract, the labels for its package (none where the configuration names none), and what is to be known."""

    contract: ModelContract
    labels: tuple[str, ...]
    notes: tuple[Note, ...]


def complete(recipe: Recipe, model: Signature | None, name: str | None = None, *, with_labels: bool = True) -> Imported:
    """The contract of a recipe. `with_labels` says whether labels.txt will lie beside it.

    Raises CannotImport where the two make no contract.
    """
    notes = list(recipe.notes)
    tensor, output_name = _tensor(recipe, model, notes)
    document: dict[str, Any] = {
        "version": VERSION,
        "name": name or identifier(recipe.name),
        "task": recipe.task,
        "input": {**tensor, "height": recipe.height, "width": recipe.width, "colour": recipe.colour},
        "pixels": {"resize": recipe.resize},
        "numbers": {"scale": recipe.scale, "mean": recipe.mean, "std": recipe.std},
        "output": {"name": output_name, "activation": _ACTIVATIONS.get(recipe.task, "none")},
    }
    if tensor["dtype"] == DataType.UINT8:
        del document["numbers"]
        notes.append(_uint8_note(recipe))
    labels = recipe.labels if recipe.task.is_ranked and with_labels else ()
    if labels:
        document["output"]["labels"] = LABELS_FILE
    elif recipe.labels:
        sentence = (
            f"The configuration names {len(recipe.labels)} classes: --out PACKAGE/contract.json writes {LABELS_FILE}."
        )
        notes.append(Note(Effect.IGNORED, sentence))
    try:
        contract = parse_contract(document, source="the contract made of it")
    except InvalidContract as error:
        raise CannotImport(str(error)) from None
    notes.extend(_always_assumed(contract))
    if model is not None:
        found = mismatches(model, contract, len(labels) or None)
        notes.extend(Note(Effect.DIFFERS, f"The model does not fit: {sentence}") for sentence in found)
    return Imported(contract, labels, worst_first(notes))


def identifier(text: str) -> str:
    """`text` as a contract's name can have it."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).lstrip("._-")[:63] or "model"


def _tensor(recipe: Recipe, model: Signature | None, notes: list[Note]) -> tuple[dict[str, Any], str]:
    """The contract's `input` as far as it is the model's business, and the output's name."""
    if model is None:
        notes.append(
            Note(
                Effect.ASSUMED,
                f"The model's tensors are assumed: input {recipe.input_name!r}, {DataType.FLOAT32}, {recipe.layout},"
                f" output {recipe.output_name!r}. Import with --model model.onnx to read them from the model.",
            )
        )
        return {"name": recipe.input_name, "dtype": DataType.FLOAT32, "layout": recipe.layout}, recipe.output_name
    images = [each for each in model.inputs if each.shape is None or len(each.shape) == 4]
    if len(images) != 1 or len(model.inputs) != 1:
        raise CannotImport(
            f"The model takes {_listed(model.inputs)}; a contract describes one input of images, [N, C, H, W] or"
            " [N, H, W, C]. Export the model with that input alone."
        )
    if images[0].dtype not in _TYPES:
        raise CannotImport(
            f"The model takes {images[0].name!r} as {images[0].dtype}; a contract knows {', '.join(sorted(_TYPES))}."
        )
    tensor = {"name": images[0].name, "dtype": images[0].dtype, "layout": _layout(images[0], recipe, notes)}
    return tensor, _output(model.outputs, recipe, notes)


def _layout(tensor: TensorType, recipe: Recipe, notes: list[Note]) -> Layout:
    channels = 1 if recipe.colour == "GREY" else 3
    shape = tensor.shape or (None,) * 4
    first, last = shape[1] == channels, shape[3] == channels
    if first != last:
        return Layout.NCHW if first else Layout.NHWC
    notes.append(
        Note(
            Effect.ASSUMED,
            f"The model does not say where its channels are ({tensor.name!r} of shape {list(shape)}):"
            f" {recipe.layout} is taken.",
        )
    )
    return recipe.layout


def _output(outputs: tuple[TensorType, ...], recipe: Recipe, notes: list[Note]) -> str:
    names = [each.name for each in outputs]
    if not names:
        raise CannotImport("The model has no output.")
    if len(names) == 1:
        return names[0]
    chosen = recipe.output_name if recipe.output_name in names else names[0]
    others = ", ".join(repr(name) for name in names if name != chosen)
    notes.append(Note(Effect.ASSUMED, f"The model has several outputs: {chosen!r} is taken, {others} left alone."))
    return chosen


def _uint8_note(recipe: Recipe) -> Note:
    return Note(
        Effect.DIFFERS,
        "The model takes uint8 pixels as they are, so the contract has no numbers. It is right only where the graph"
        f" itself does (x * {recipe.scale:.6g} - {list(recipe.mean)}) / {list(recipe.std)}.",
    )


def _always_assumed(contract: ModelContract) -> Iterable[Note]:
    yield Note(
        Effect.ASSUMED,
        f"pixels.exif is {contract.pixels.exif}: photos are turned upright. Neither library says whether those that the"
        " model was trained on were.",
    )
    yield Note(
        Effect.ASSUMED,
        f"pixels.icc is {contract.pixels.icc}: embedded profiles are brought to sRGB; the original ignores them.",
    )
    yield Note(
        Effect.ASSUMED,
        f"pixels.background is {list(contract.pixels.background)}: what is transparent shows white; the original drops"
        " the transparency and shows whatever colour lies behind it.",
    )
    if contract.task.is_ranked:
        yield Note(
            Effect.ASSUMED,
            f"output.activation is {contract.output.activation}: the graph is taken to end in logits. Set it to none if"
            " the graph already makes scores of them.",
        )


def _listed(tensors: tuple[TensorType, ...]) -> str:
    return ", ".join(f"{each.name!r} {list(each.shape) if each.shape else ''}".strip() for each in tensors) or "nothing"
