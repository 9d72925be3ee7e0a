"""The contracts next door: what a contract would say if one thing about it had been mistaken.

    numbers   the other ways in which models are fed (0..1, -1..1, ImageNet's mean and std, ...), the other order of
              colours, the other layout where the model leaves it open
    pixels    the other ways to bring a photo to size, the other filters, EXIF the other way

These are the mistakes that raise no error: the tensor has the right shape and type, and only its values are wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from pipeline.contract import (
    Anchor,
    CentreCrop,
    Colour,
    Exif,
    Interpolation,
    Layout,
    Letterbox,
    ModelContract,
    Numbers,
    Squash,
)
from pipeline.contract.signature import Signature, mismatches


class Aspect(StrEnum):
    """The one thing in which a neighbour differs."""

    SCALE = "scale"
    COLOUR = "colour"
    LAYOUT = "layout"
    RESIZE = "resize"
    INTERPOLATION = "interpolation"
    EXIF = "exif"

    @property
    def shapes_numbers(self) -> bool:
        """Whether it changes the numbers that a model gets for the same pixels, or the pixels themselves."""
        return self in {Aspect.SCALE, Aspect.COLOUR, Aspect.LAYOUT}


@dataclass(frozen=True, slots=True)
class Neighbour:
    """`name` says what is different, `fix` which field to set to what."""

    name: str
    fix: str
    aspect: Aspect
    contract: ModelContract


_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# In the order red, green, blue.
_SCALES = {
    "0..255": Numbers(1.0, (0.0,) * 3, (1.0,) * 3),
    "0..1": Numbers(1 / 255, (0.0,) * 3, (1.0,) * 3),
    "-1..1": Numbers(1 / 127.5, (1.0,) * 3, (1.0,) * 3),
    "(x - 127) / 128": Numbers(1.0, (127.0,) * 3, (128.0,) * 3),
    "ImageNet mean and std": Numbers(1 / 255, _IMAGENET_MEAN, _IMAGENET_STD),
    "ImageNet mean, 0..255": Numbers(1.0, (123.675, 116.28, 103.53), (1.0,) * 3),
}
_INTERPOLATIONS = (Interpolation.BICUBIC, Interpolation.BILINEAR, Interpolation.NEAREST)
_GREY_FILL = (114, 114, 114)


def neighbours(contract: ModelContract, signature: Signature | None) -> Iterator[Neighbour]:
    """Every contract that differs from this one in one thing and fits the model as well."""
    yield from _numbers(contract)
    yield from _colours(contract)
    yield from _layouts(contract, signature)
    yield from _resizes(contract)
    yield from _interpolations(contract)
    yield _exif(contract)


def _numbers(contract: ModelContract) -> Iterator[Neighbour]:
    if contract.numbers is None:
        return
    for name, scale in _SCALES.items():
        numbers = _in_order(scale, contract.input.colour)
        if numbers != contract.numbers:
            yield Neighbour(name, f"numbers to {_shown(numbers)}", Aspect.SCALE, replace(contract, numbers=numbers))


def _in_order(numbers: Numbers, colour: Colour) -> Numbers:
    """Numbers of red, green and blue as those of the input's channels."""
    if colour is Colour.RGB:
        return numbers
    if colour is Colour.BGR:
        return replace(numbers, mean=numbers.mean[::-1], std=numbers.std[::-1])
    return replace(numbers, mean=(sum(numbers.mean) / 3,), std=(sum(numbers.std) / 3,))


def _colours(contract: ModelContract) -> Iterator[Neighbour]:
    if contract.input.colour is Colour.GREY:
        return
    colour = Colour.BGR if contract.input.colour is Colour.RGB else Colour.RGB
    numbers = contract.numbers
    if numbers is not None:
        numbers = replace(numbers, mean=numbers.mean[::-1], std=numbers.std[::-1])
    swapped = replace(contract, input=replace(contract.input, colour=colour), numbers=numbers)
    also = ", and mean and std to the same order" if numbers != contract.numbers else ""
    yield Neighbour(colour, f"input.colour to {colour}{also}", Aspect.COLOUR, swapped)


def _layouts(contract: ModelContract, signature: Signature | None) -> Iterator[Neighbour]:
    layout = Layout.NHWC if contract.input.layout is Layout.NCHW else Layout.NCHW
    swapped = replace(contract, input=replace(contract.input, layout=layout))
    if signature is not None and not any(mismatches(signature, swapped, labels=None)):
        yield Neighbour(layout, f"input.layout to {layout}", Aspect.LAYOUT, swapped)


def _resizes(contract: ModelContract) -> Iterator[Neighbour]:
    declared = contract.pixels.resize
    filter = declared.interpolation
    for name, resize, fix in (
        ("centre crop of 0.875", CentreCrop(0.875, filter), "centre_crop with crop_fraction 0.875"),
        ("centre crop of 1.0", CentreCrop(1.0, filter), "centre_crop with crop_fraction 1"),
        ("squash", Squash(filter), "squash"),
        ("letterbox", Letterbox(_GREY_FILL, Anchor.CENTRE, filter), f"letterbox with fill {list(_GREY_FILL)}"),
    ):
        if resize != declared and not (resize.method == declared.method == "letterbox"):
            yield _with_resize(contract, name, f"pixels.resize to {fix}", Aspect.RESIZE, resize)


def _interpolations(contract: ModelContract) -> Iterator[Neighbour]:
    for interpolation in _INTERPOLATIONS:
        if interpolation is not contract.pixels.resize.interpolation:
            resize = replace(contract.pixels.resize, interpolation=interpolation)
            fix = f"pixels.resize.interpolation to {interpolation}"
            yield _with_resize(contract, f"{interpolation} interpolation", fix, Aspect.INTERPOLATION, resize)


def _with_resize(
    contract: ModelContract, name: str, fix: str, aspect: Aspect, resize: CentreCrop | Squash | Letterbox
) -> Neighbour:
    return Neighbour(name, fix, aspect, replace(contract, pixels=replace(contract.pixels, resize=resize)))


def _exif(contract: ModelContract) -> Neighbour:
    exif = Exif.IGNORE if contract.pixels.exif is Exif.APPLY else Exif.APPLY
    name = "EXIF applied" if exif is Exif.APPLY else "EXIF ignored"
    changed = replace(contract, pixels=replace(contract.pixels, exif=exif))
    return Neighbour(name, f"pixels.exif to {exif}", Aspect.EXIF, changed)


def _shown(numbers: Numbers) -> str:
    return f"scale {numbers.scale:.6g}, mean {_values(numbers.mean)}, std {_values(numbers.std)}"


def _values(values: tuple[float, ...]) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else f"[{', '.join(f'{value:g}' for value in values)}]"
