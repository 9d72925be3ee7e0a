"""Where an image comes to lie on a model's input. Sizes, boxes and offsets only: no pixel is touched here.

A size is (width, height); a box is left, top, right, bottom; both in pixels.

    CentreCrop   centre_box of the image ──► the whole input
    Squash       the whole image         ──► the whole input
    Letterbox    the whole image         ──► inner_size of the input, at letterbox_offset
"""

from pipeline.contract import Anchor, CentreCrop, Letterbox, Squash

Box = tuple[float, float, float, float]
Size = tuple[int, int]


def source_box(size: Size, target: Size, resize: CentreCrop | Squash | Letterbox) -> Box:
    """The part of an image that the resize reads."""
    if isinstance(resize, CentreCrop):
        return centre_box(size, target, resize.crop_fraction)
    return 0, 0, *size


def resized_size(size: Size, target: Size, resize: CentreCrop | Squash | Letterbox) -> Size:
    """What the resize makes of that part: the input's size, or less of it where the rest is filled."""
    return inner_size(size, target) if isinstance(resize, Letterbox) else target


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


def letterbox_offset(inner: Size, target: Size, anchor: Anchor) -> tuple[int, int]:
    """Where the upper left corner of a letterboxed image lies on its canvas: (x, y)."""
    if anchor is Anchor.TOP_LEFT:
        return 0, 0
    return (target[0] - inner[0]) // 2, (target[1] - inner[1]) // 2
