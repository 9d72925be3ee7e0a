"""The model contract: what tensor a model expects, and how its output reads.

`contract.json` lies in a model package beside a model and `labels.txt`; `contract/schema.json` is its JSON Schema.
The contract has two halves that are applied in two places:

    input, pixels     which pixels: size, colour, EXIF, crop, resize      in validation, once     images/pixels.py
    numbers           which numbers: (x * scale - mean) / std             next to the model       inference/runtimes

A wrong half costs accuracy without an error, so what differs from model to model has no default: not the colour order,
not the resize, not mean and std. The digest names a contract in shards and predictions; two contracts that say the
same, one of them with defaults left out, have the same digest.

Reading is our own (pipeline/contract/reader.py) and not a JSON Schema library's, for the sake of a small Lambda and of
messages that say what was expected. A test holds the two to the same verdict.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

from pipeline.contract.reader import (
    Fields,
    choice,
    identifier,
    number,
    numbers_per_channel,
    parse_json,
    rgb,
    text,
    whole,
)
from pipeline.inference.schemes import Scheme, parse_scheme
from pipeline.names import fingerprint

CONTRACT_FILE = "contract.json"

VERSION = 1
LARGEST_SIDE = 2048
LARGEST_TOP_K = 100
MOST_BOXES = 1000
LARGEST_NUMBER = 1e6
SMALLEST_DIVISOR = 1e-6
WHITE = (255, 255, 255)


class Task(StrEnum):
    """What the output means: one class of many, several of many, boxes, a vector, or whatever the model says."""

    CLASSIFICATION = "classification"
    MULTILABEL = "multilabel"
    DETECTION = "detection"
    EMBEDDING = "embedding"
    RAW = "raw"

    @property
    def is_ranked(self) -> bool:
        """Whether an output is a list of classes, of which the top-k are the prediction."""
        return self in {Task.CLASSIFICATION, Task.MULTILABEL}

    @property
    def is_labelled(self) -> bool:
        """Whether an answer names classes."""
        return self.is_ranked or self is Task.DETECTION


class DataType(StrEnum):
    """The type of the input tensor's elements."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    UINT8 = "uint8"


class Precision(StrEnum):
    """The numbers that a GPU computes in: those of half the size are twice as fast, and less exact."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class Layout(StrEnum):
    """The order of the input tensor's dimensions."""

    NCHW = "NCHW"
    NHWC = "NHWC"


class Colour(StrEnum):
    """The order of the channels."""

    RGB = "RGB"
    BGR = "BGR"
    GREY = "GREY"

    @property
    def channels(self) -> int:
        return 1 if self is Colour.GREY else 3


class Exif(StrEnum):
    """What to do with the orientation that a camera wrote beside the pixels."""

    APPLY = "apply"
    IGNORE = "ignore"


class Icc(StrEnum):
    """What to do with an embedded colour profile: bring its colours to sRGB, or take the numbers as they are."""

    APPLY = "apply"
    IGNORE = "ignore"


class Interpolation(StrEnum):
    """Pillow's resampling filters; all but nearest are antialiased when they shrink."""

    NEAREST = "nearest"
    BOX = "box"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    LANCZOS = "lanczos"


class Anchor(StrEnum):
    """Where a letterboxed image lies on its canvas."""

    CENTRE = "centre"
    TOP_LEFT = "top_left"


class Activation(StrEnum):
    """What is applied to the output to make scores of it; `none` where the graph already does."""

    NONE = "none"
    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"


@dataclass(frozen=True, slots=True)
class Input:
    """The input tensor: [N, channels, height, width] or [N, height, width, channels], N free."""

    name: str
    dtype: DataType
    layout: Layout
    height: int
    width: int
    channels: int
    colour: Colour

    @property
    def pixel_shape(self) -> tuple[int, int, int]:
        """(H, W, C): one image as validation leaves it, always RGB or grey, always channels last."""
        return (self.height, self.width, self.channels)

    @property
    def bytes_per_image(self) -> int:
        """Bytes of one image as uint8."""
        return self.height * self.width * self.channels


@dataclass(frozen=True, slots=True)
class CentreCrop:
    """The largest centred box of the input's aspect ratio, shrunk to `crop_fraction` of its sides, then resized.

    For a square input the box has the side `crop_fraction * min(width, height)`.
    """

    crop_fraction: float
    interpolation: Interpolation
    method: Literal["centre_crop"] = "centre_crop"


@dataclass(frozen=True, slots=True)
class Squash:
    """The whole image, resized to the input without regard to its aspect ratio."""

    interpolation: Interpolation
    method: Literal["squash"] = "squash"


@dataclass(frozen=True, slots=True)
class Letterbox:
    """The whole image, resized to fit inside the input with its aspect ratio kept; the rest is `fill`, in RGB."""

    fill: tuple[int, int, int]
    anchor: Anchor
    interpolation: Interpolation
    method: Literal["letterbox"] = "letterbox"


@dataclass(frozen=True, slots=True)
class Pixels:
    """How an image is brought to the input's size. `background`, in RGB, shows through a transparent image."""

    exif: Exif
    resize: CentreCrop | Squash | Letterbox
    background: tuple[int, int, int]
    icc: Icc = Icc.APPLY


@dataclass(frozen=True, slots=True)
class Numbers:
    """`(x * scale - mean) / std` for x in 0..255; mean and std in the order of the input's channels."""

    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Detection:
    """Which boxes of a detector's output make a prediction.

    `decode` says how the output reads as boxes. At most `max_boxes` are kept, of those that score above
    `score_threshold`; and of two of one class that overlap by more than `iou_threshold`, intersection over union, the
    better one.
    """

    decode: Scheme
    score_threshold: float
    iou_threshold: float
    max_boxes: int


@dataclass(frozen=True, slots=True)
class Output:
    """The output tensor, and how much of it makes a prediction. `labels` is a file of the package.

    `top_k` means something where the task ranks classes; `detection` is there for the task detection alone.
    """

    name: str
    activation: Activation
    top_k: int
    labels: str | None
    detection: Detection | None = None


@dataclass(frozen=True)
class ModelContract:
    """A whole contract, with every default filled in.

    `precision` is for torch models on a GPU: on a CPU they compute in float32, and an ONNX model in the types that it
    was exported with.
    """

    name: str
    task: Task
    input: Input
    pixels: Pixels
    numbers: Numbers | None
    output: Output
    precision: Precision = Precision.FLOAT32

    def to_json(self) -> dict[str, Any]:
        """The contract as a JSON document that `parse_contract` reads back."""
        document = {"version": VERSION, **asdict(self)}
        output = document["output"]
        detection = output.pop("detection")
        if detection is not None:
            decode = {name: value for name, value in detection["decode"].items() if value is not None}
            output.update(detection, decode={"scheme": decode.pop("scheme"), **decode})
        if self.numbers is None:
            del document["numbers"]
        if self.precision is Precision.FLOAT32:
            # The digest of a contract that says nothing of it stays what it was before there was a choice.
            del document["precision"]
        if self.pixels.icc is Icc.APPLY:
            del document["pixels"]["icc"]  # for the same reason
        if not self.task.is_ranked:
            del output["top_k"]
        if self.output.labels is None:
            del output["labels"]
        return document

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits of the SHA-256 of the contract's canonical JSON."""
        return fingerprint(json.dumps(self.to_json(), sort_keys=True), length=16)


def parse_contract(document: str | bytes | Mapping[str, Any], source: str = "contract.json") -> ModelContract:
    """The contract in a JSON text, or in a document already parsed.

    Raises InvalidContract, whose message starts with `source` and the path of the field, and says what was expected.
    """
    parsed = parse_json(document, source) if isinstance(document, (str, bytes)) else document
    fields = Fields(parsed, source)
    fields.take("version", whole(VERSION, VERSION))
    task = fields.take("task", choice(Task))
    tensor = _parse_input(fields.fields("input"))
    contract = ModelContract(
        name=fields.take("name", identifier("letters, digits, '.', '_' and '-', at most 63")),
        task=task,
        input=tensor,
        pixels=_parse_pixels(fields.fields("pixels")),
        numbers=_parse_numbers(fields, tensor),
        output=_parse_output(fields.fields("output"), task),
        precision=fields.take("precision", choice(Precision), Precision.FLOAT32),
    )
    fields.close()
    return contract


def _parse_input(fields: Fields) -> Input:
    colour = fields.take("colour", choice(Colour))
    tensor = Input(
        name=fields.take("name", text),
        dtype=fields.take("dtype", choice(DataType)),
        layout=fields.take("layout", choice(Layout)),
        height=fields.take("height", whole(1, LARGEST_SIDE)),
        width=fields.take("width", whole(1, LARGEST_SIDE)),
        channels=fields.take(
            "channels", whole(colour.channels, colour.channels, because=f"colour is {colour}"), colour.channels
        ),
        colour=colour,
    )
    fields.close()
    return tensor


def _parse_pixels(fields: Fields) -> Pixels:
    pixels = Pixels(
        exif=fields.take("exif", choice(Exif), Exif.APPLY),
        resize=_parse_resize(fields.fields("resize")),
        background=fields.take("background", rgb, WHITE),
        icc=fields.take("icc", choice(Icc), Icc.APPLY),
    )
    fields.close()
    return pixels


class _Method(StrEnum):
    CENTRE_CROP = "centre_crop"
    SQUASH = "squash"
    LETTERBOX = "letterbox"


def _parse_resize(fields: Fields) -> CentreCrop | Squash | Letterbox:
    method = fields.take("method", choice(_Method))
    interpolation = fields.take("interpolation", choice(Interpolation))
    resize: CentreCrop | Squash | Letterbox
    if method is _Method.CENTRE_CROP:
        resize = CentreCrop(fields.take("crop_fraction", number(0.01, 1)), interpolation)
    elif method is _Method.LETTERBOX:
        anchor = fields.take("anchor", choice(Anchor), Anchor.CENTRE)
        resize = Letterbox(fields.take("fill", rgb), anchor, interpolation)
    else:
        resize = Squash(interpolation)
    fields.close()
    return resize


def _parse_numbers(contract: Fields, tensor: Input) -> Numbers | None:
    if tensor.dtype is DataType.UINT8:
        contract.refuse("numbers", because="input.dtype is uint8: the model takes the pixels as they are")
        return None
    fields = contract.fields("numbers")
    mean = numbers_per_channel(tensor.channels, -LARGEST_NUMBER, LARGEST_NUMBER)
    std = numbers_per_channel(tensor.channels, SMALLEST_DIVISOR, LARGEST_NUMBER)
    numbers = Numbers(
        scale=fields.take("scale", number(SMALLEST_DIVISOR, LARGEST_NUMBER), 1.0),
        mean=fields.take("mean", mean),
        std=fields.take("std", std),
    )
    fields.close()
    return numbers


def _parse_output(fields: Fields, task: Task) -> Output:
    _refuse_other_tasks(fields, task)
    is_detection = task is Task.DETECTION
    output = Output(
        name=fields.take("name", text),
        # Softmax makes the scores of a box's classes compete, and its objectness is none of them.
        activation=fields.take(
            "activation", choice(Activation, [Activation.NONE, Activation.SIGMOID] if is_detection else None)
        ),
        top_k=fields.take("top_k", whole(1, LARGEST_TOP_K), 5),
        labels=fields.take("labels", identifier("the name of a file in the package, such as labels.txt"), None),
        detection=_parse_detection(fields) if is_detection else None,
    )
    fields.close()
    return output


def _parse_detection(fields: Fields) -> Detection:
    return Detection(
        decode=parse_scheme(fields.fields("decode")),
        score_threshold=fields.take("score_threshold", number(0, 1)),
        iou_threshold=fields.take("iou_threshold", number(0, 1)),
        max_boxes=fields.take("max_boxes", whole(1, MOST_BOXES), 100),
    )


def _refuse_other_tasks(fields: Fields, task: Task) -> None:
    """Fields of `output` that mean nothing for this task."""
    if not task.is_ranked:
        instead = "max_boxes says how many answers there are" if task is Task.DETECTION else "it ranks no classes"
        fields.refuse("top_k", because=f"task is {task}: {instead}")
    if not task.is_labelled:
        fields.refuse("labels", because=f"task is {task}: its output is not a list of classes")
    if task is not Task.DETECTION:
        for name in ("decode", "score_threshold", "iou_threshold", "max_boxes"):
            fields.refuse(name, because=f"task is {task}: its output holds no boxes")
