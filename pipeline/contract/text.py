"""A contract for people to read: as the JSON that they would write, or told in sentences.

The sentences say what happens to a photo, step by step, in the order in which it happens.
That order is the one of images/pixels.py, inference/tensors.py and inference/predictor.py. Every number of the contract
stands in a sentence, defaults included, so that two people who look at it see the same thing.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from pipeline.contract import (
    Activation,
    AnswerFormat,
    CentreCrop,
    Colour,
    Detection,
    Exif,
    Icc,
    ImagePayload,
    Layout,
    Letterbox,
    ModelContract,
    Output,
    Precision,
    Squash,
    Task,
)

EXAMPLE = (640, 480)
"""Width and height of the photo that examples speak of."""

_ACTIVATIONS = {
    Activation.NONE: "are taken as they are",
    Activation.SOFTMAX: "become scores by softmax: together they make 1",
    Activation.SIGMOID: "become scores by sigmoid, each for itself from 0 to 1",
}


_ANSWERS = {
    AnswerFormat.JSON_ARRAY: "An array of JSON",
    AnswerFormat.JSON_OBJECT: "{!r} of an object of JSON",
    AnswerFormat.CSV: "A line of CSV",
}


def to_text(contract: ModelContract) -> str:
    """contract.json with every default filled in, lists of numbers on one line each."""
    text = json.dumps(contract.to_json(), indent=2)
    # A line break inside a JSON text is never inside a string.
    return re.sub(r"\[\n[\d\s.,e+-]+\]", lambda found: f"[{' '.join(found[0][1:-1].split())}]", text) + "\n"


def describe(contract: ModelContract) -> str:
    """Several lines of plain text: name, digest, and the numbered steps of both halves and of the output."""
    if contract.payload is not None:
        steps = {
            "In validation, once": _looking_steps(),
            "To a container that is not ours": _payload_steps(contract.payload),
            "What the container answers": _output_steps(contract),
        }
    else:
        steps = {
            "In validation, once": _pixel_steps(contract),
            "Beside the model, in every job": _number_steps(contract),
            "What the model answers": _output_steps(contract),
        }
    lines = [f"{contract.name}: {contract.task}, contract {contract.digest}"]
    number = 0
    for title, sentences in steps.items():
        lines += ["", title]
        for sentence in sentences:
            number += 1
            lines.append(f"{number:>3}. {sentence}")
    return "\n".join(lines)


def _looking_steps() -> Iterator[str]:
    yield "The photo is decoded, to see that it decodes. Nothing of it is kept."


def _payload_steps(payload: ImagePayload) -> Iterator[str]:
    megabytes, at_once = payload.max_payload_mb, payload.max_concurrent_transforms
    yield f"The original is sent as it lies in S3, one a request, declared as {payload.content_type}."
    yield f"An original of more than {megabytes} MB is not sent: it is failed."
    yield f"At once are sent {f'up to {at_once}' if at_once else 'as many as the container asks for, or else one'}."


def _pixel_steps(contract: ModelContract) -> Iterator[str]:
    pixels, tensor = contract.pixels, contract.input
    size = f"{tensor.width} x {tensor.height}"
    if pixels.exif is Exif.APPLY:
        yield "The photo is turned upright, as its camera noted in EXIF."
    else:
        yield "The photo stays as it is stored: what its camera noted in EXIF is ignored."
    yield from _resize_steps(pixels.resize, tensor.width, tensor.height)
    yield f"Colours become {'grey' if tensor.colour is Colour.GREY else 'RGB (sRGB)'}, 8 bits a channel."
    if pixels.icc is Icc.IGNORE:
        yield "Embedded colour profiles are ignored: the numbers are taken as they are."
    yield f"Where it is transparent, {_rgb(pixels.background)} shows through."
    yield f"So it is packed: uint8, {size} pixels, {tensor.bytes_per_image:,} bytes."


def _resize_steps(resize: CentreCrop | Squash | Letterbox, width: int, height: int) -> Iterator[str]:
    size = f"{width} x {height}"
    if isinstance(resize, CentreCrop):
        shape = "square" if width == height else f"box of {width} : {height}"
        scale = min(EXAMPLE[0] / width, EXAMPLE[1] / height) * resize.crop_fraction
        kept = f"{width * scale:.0f} x {height * scale:.0f} of {EXAMPLE[0]} x {EXAMPLE[1]}"
        yield f"The largest centred {shape} is cut out, shrunk to {resize.crop_fraction:.6g} of its sides: {kept}."
        yield f"It is resized to {size}, {resize.interpolation}."
    elif isinstance(resize, Squash):
        yield f"All of it is resized to {size}, {resize.interpolation}, whatever its aspect ratio."
    else:
        where = "at the top left" if resize.anchor == "top_left" else "in the middle"
        yield f"All of it is resized to fit into {size}, {resize.interpolation}, its aspect ratio kept."
        yield f"It lies {where} of {size}; the rest is filled with {_rgb(resize.fill)}."


def _number_steps(contract: ModelContract) -> Iterator[str]:
    tensor, numbers = contract.input, contract.numbers
    if tensor.colour is Colour.BGR:
        yield "The channels are turned around: blue, green, red."
    if numbers is None:
        yield "The numbers stay as they are, 0 to 255: the model takes uint8."
    else:
        yield f"Each number x becomes (x * {numbers.scale:.6g} - {_few(numbers.mean)}) / {_few(numbers.std)}."
        black, white = (
            tuple((x * numbers.scale - mean) / std for mean, std in zip(numbers.mean, numbers.std, strict=True))
            for x in (0, 255)
        )
        yield f"So black (0) becomes {_few(black)}, and white (255) {_few(white)}."
    height, width, channels = tensor.pixel_shape
    shape = [channels, height, width] if tensor.layout is Layout.NCHW else [height, width, channels]
    yield f"The model is fed {tensor.name!r}: {tensor.dtype} [N, {', '.join(map(str, shape))}] ({tensor.layout})."
    if contract.precision is not Precision.FLOAT32:
        yield f"On a GPU the model computes in {contract.precision}."


def _output_steps(contract: ModelContract) -> Iterator[str]:
    output = contract.output
    named = repr(output.name) if output.answer is None else _ANSWERS[output.answer.format].format(output.answer.field)
    if contract.task is Task.RAW:
        yield f"{output.name!r} is kept as an array, whatever its shape."
        return
    if contract.task is Task.EMBEDDING:
        yield f"{named} is a vector for each image; its numbers {_ACTIVATIONS[output.activation]}."
        return
    if output.detection is not None:
        yield from _detection_steps(output, output.detection, contract.to_json()["output"]["decode"])
    else:
        yield f"{named} has a number for each class; they {_ACTIVATIONS[output.activation]}."
        yield f"The {output.top_k} best classes are the prediction."
    labels = f"are the lines of {output.labels}" if output.labels else "are the numbers of the classes, from 0"
    yield f"Labels {labels}."


def _detection_steps(output: Output, detection: Detection, decode: dict[str, Any]) -> Iterator[str]:
    told = ", ".join(f"{name} {_listed(value)}" for name, value in decode.items())
    yield f"{output.name!r} holds boxes: {told}."
    yield f"Scores {_ACTIVATIONS[output.activation]}."
    yield f"A box that scores no more than {detection.score_threshold:g} is left out."
    yield f"Of two boxes of a class that overlap by more than {detection.iou_threshold:g} of their union, one stays."
    yield f"At most {detection.max_boxes} boxes are the prediction, in pixels of the original photo, upright."


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _rgb(colour: tuple[int, int, int]) -> str:
    named = {(255, 255, 255): "white", (0, 0, 0): "black"}
    return named.get(colour) or f"RGB {colour[0]}, {colour[1]}, {colour[2]}"


def _few(numbers: tuple[float, ...]) -> str:
    """One number for all channels, or one for each."""
    shown = [f"{number:.4g}" for number in numbers]
    return shown[0] if len(set(shown)) == 1 else f"[{', '.join(shown)}]"
