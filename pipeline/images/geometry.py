"""Where an image comes to lie on a model's input. Sizes, boxes and offsets only: no pixel is touched here.

A size is (width, height); a box is left, top, right, bottom; both in pixels.

    CentreCrop   centre_box of the image ──► the whole input
    Squash       the whole image         ──► the whole input
    Letterbox    the whole image         ──► inner_size of the input, at letterbox_offset
"""

from dataclasses import dataclass

from pipeline.contract import Anchor, CentreCrop, Letterbox, Squash

Box = tuple[float, float, float, float]
Size = tuple[int, int]

SPARE = 2.5
"""How many times the target a JPEG that is decoded small still has. With twice, one photo in twenty whose two best
classes were level changed its mind; with this none did (tests/images/test_draft.py)."""


def source_box(size: Size, target: Size, resize: CentreCrop | Squash | Letterbox) -> Box:
    """The part of an image that the resize reads."""
    if isinstance(resize, CentreCrop):
        return centre_box(size, target, resize.crop_fraction)
    return 0, 0, *size


def resized_size(size: Size, target: Size, resize: CentreCrop | Squash | Letterbox) -> Size:
    """What the resize makes of that part: the input's size, or less of it where the rest is filled."""
    return inner_size(size, target) if isinstance(resize, Letterbox) else target


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an image lies on the model's input: what is at x in the image is at `x * scale + offset`; x, then y."""

    scale: tuple[float, float]
    offset: tuple[float, float]


def placement(size: Size, target: Size, resize: CentreCrop | Squash | Letterbox) -> Placement:
    """The placement of an upright image. Turning it upright after the resize comes to the same: all is symmetric."""
    left, top, right, bottom = source_box(size, target, resize)
    inner = resized_size(size, target, resize)
    x, y = letterbox_offset(inner, target, resize.anchor) if isinstance(resize, Letterbox) else (0, 0)
    scale = inner[0] / (right - left), inner[1] / (bottom - top)
    return Placement(scale, (x - left * scale[0], y - top * scale[1]))


def centre_box(size: Size, target: Size, fraction: float) -> Box:
    """The largest centred box of the target's aspect ratio, shrunk to `fraction`."""
    width, height = size
    scale = min(width / target[0], height / target[1]) * fraction
    left = max(0.0, (width - target[0] * scale) / 2)
    top = max(0.0, (height - target[1] * scale) / 2)
    return left, top, width - left, height - top


def inner_size(size: Size, target: Size) -> Size:
    """The largest size of the image's own aspect ratio that fits inside the target; at least 1 x 1."""
    scale = min(target[0] / size[0], target[1] / size[1])
    width, height = (min(most, max(1, round(side * scale))) for side, most in zip(size, target, strict=True))
    return width, height


def reduction(box: Box, target: Size) -> int:
    """How many times smaller than it is stored an image may be decoded before it is resized: 1, 2, 4 or 8 times.

    These are the scales that libjpeg decodes at. At least `SPARE` times the target is left of the box, both ways.
    """
    left, top, right, bottom = box
    spare = min((right - left) / target[0], (bottom - top) / target[1]) / SPARE
    return next((times for times in (8, 4, 2) if spare >= times), 1)


def letterbox_offset(inner: Size, target: Size, anchor: Anchor) -> tuple[int, int]:
    """Where the upper left corner of a letterboxed image lies on its canvas: (x, y)."""
    if anchor is Anchor.TOP_LEFT:
        return 0, 0
    return (target[0] - inner[0]) // 2, (target[1] - inner[1]) // 2
