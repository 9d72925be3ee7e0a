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

from pipeline.contract.output import ANSWERED_IN_NUMBERS, Output, Task, parse_output
from pipeline.contract.payload import ImagePayload, parse_payload
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
from pipeline.errors import InvalidContract
from pipeline.names import fingerprint

CONTRACT_FILE = "contract.json"

VERSION = 1
LARGEST_SIDE = 2048
LARGEST_NUMBER = 1e6
SMALLEST_DIVISOR = 1e-6
WHITE = (255, 255, 255)


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


# What validation brings a photo to whose original is sent: it sees whether the photo decodes, and keeps no pixels.
_LOOKED_AT = Input("", DataType.UINT8, Layout.NHWC, 32, 32, Colour.RGB.channels, Colour.RGB)
_LOOK = Pixels(Exif.APPLY, Squash(Interpolation.BILINEAR), WHITE, Icc.IGNORE)


@dataclass(frozen=True)
class ModelContract:
    """A whole contract, with every default filled in.

    `precision` is for torch models on a GPU: on a CPU they compute in float32, and an ONNX model in the types that it
    was exported with.

    With a `payload`, the model lies in a container that is not ours, and takes photos as they are: `numbers` is None,
    and `input` and `pixels` say how validation looks at a photo to see that it decodes.
    """

    name: str
    task: Task
    input: Input
    pixels: Pixels
    numbers: Numbers | None
    output: Output
    precision: Precision = Precision.FLOAT32
    payload: ImagePayload | None = None

    def to_json(self) -> dict[str, Any]:
        """The contract as a JSON document that `parse_contract` reads back.

        The digest of a contract that says nothing of what was added since stays what it was: a default is left out.
        """
        document: dict[str, Any] = {"version": VERSION, "name": self.name, "task": self.task}
        if self.payload is not None:
            return {**document, "payload": self.payload.to_json(), "output": self.output.to_json(self.task)}
        document |= {"input": asdict(self.input), "pixels": asdict(self.pixels)}
        if self.numbers is not None:
            document["numbers"] = asdict(self.numbers)
        if self.pixels.icc is Icc.APPLY:
            del document["pixels"]["icc"]
        document["output"] = self.output.to_json(self.task)
        if self.precision is not Precision.FLOAT32:
            document["precision"] = self.precision
        return document

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits of the SHA-256 of the contract's canonical JSON."""
        return fingerprint(json.dumps(self.to_json(), sort_keys=True), length=16)


def parse_contract(
    document: str | bytes | Mapping[str, Any], source: str = "contract.json", *, images: bool = False
) -> ModelContract:
    """The contract in a JSON text, or in a document already parsed.

    `images` says that the caller can do with a contract whose payload is the original photo, for a container that is
    not ours: nothing here runs such a model.

    Raises InvalidContract, whose message starts with `source` and the path of the field, and says what was expected.
    """
    parsed = parse_json(document, source) if isinstance(document, (str, bytes)) else document
    fields = Fields(parsed, source)
    fields.take("version", whole(VERSION, VERSION))
    payload = parse_payload(fields)
    if payload is None:
        contract = _parse_ours(fields)
    elif images:
        contract = _parse_foreign(fields, payload)
    else:
        raise InvalidContract(
            f"{source}: payload is an image: this contract is for a container that is not ours, and its model runs in"
            " transform jobs only; expected a contract whose payload is a shard"
        )
    fields.close()
    return contract


def _parse_ours(fields: Fields) -> ModelContract:
    task = fields.take("task", choice(Task))
    tensor = _parse_input(fields.fields("input"))
    return ModelContract(
        name=fields.take("name", _name),
        task=task,
        input=tensor,
        pixels=_parse_pixels(fields.fields("pixels")),
        numbers=_parse_numbers(fields, tensor),
        output=parse_output(fields.fields("output"), task, is_ours=True),
        precision=fields.take("precision", choice(Precision), Precision.FLOAT32),
    )


def _parse_foreign(fields: Fields, payload: ImagePayload) -> ModelContract:
    for name in ("input", "pixels", "numbers", "precision"):
        fields.refuse(name, because="payload is an image: what the container makes of it is its own affair")
    task = fields.take("task", choice(Task, ANSWERED_IN_NUMBERS))
    return ModelContract(
        name=fields.take("name", _name),
        task=task,
        input=_LOOKED_AT,
        pixels=_LOOK,
        numbers=None,
        output=parse_output(fields.fields("output"), task, is_ours=False),
        payload=payload,
    )


_name = identifier("letters, digits, '.', '_' and '-', at most 63")


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
