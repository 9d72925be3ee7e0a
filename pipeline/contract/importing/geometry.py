"""Hugging Face's size, crop_size and crop_pct, as one of the contract's ways to resize.

    both sides                     squash
    both sides, then crop          centre_crop, which keeps the aspect ratio where the original does not
    the shorter side, then crop    centre_crop
    the longer side, then pad      letterbox, as segmentation models do it

What leaves every photo a size of its own is refused: a contract's tensor has one size.
"""

from dataclasses import dataclass
from typing import Any

from pipeline.contract import LARGEST_SIDE
from pipeline.contract.importing.families import Family
from pipeline.contract.importing.foreign import Effect, Foreign, flag
from pipeline.contract.reader import Reader, UnexpectedError, number, whole
from pipeline.given import shown

_LARGEST_SIZE = 16 * LARGEST_SIDE
_FORMS = ({"height", "width"}, {"shortest_edge"}, {"longest_edge"}, {"shortest_edge", "longest_edge"})


@dataclass(frozen=True, slots=True)
class Geometry:
    """The size of the tensor, and the contract's `pixels.resize` without its interpolation."""

    height: int
    width: int
    resize: dict[str, Any]


def read_geometry(fields: Foreign, family: Family) -> Geometry:
    """How a photo is brought to the size of the tensor. Raises CannotImport where that is no way of the contract's."""
    if fields.take("do_resize", flag) is False:
        fields.refuse(
            "do_resize is false, so photos keep their own sizes. A contract's tensor has one size: resize photos as the"
            " model was trained, and write the contract by hand."
        )
    read_size = _size(family.is_square)
    size = fields.take("size", read_size)
    if size is None:
        if family.size is None:
            fields.refuse("size is not given, and what this processor takes for granted is not known.")
        size = fields.take_or("size", read_size, read_size(family.size), family.habit)
    crop = _crop(fields, family)
    padding = fields.take("do_pad", flag)
    padded = fields.take("pad_size", _size(True))
    if set(size) == {"longest_edge"} and padding and padded:
        return _padded(fields, size["longest_edge"], padded)
    if padding:
        fields.note(Effect.IGNORED, "do_pad: every image has the tensor's size already, so there is nothing to pad.")
    if padded and not padding:
        fields.note(Effect.IGNORED, f"pad_size ({shown(padded)}) has no effect, because do_pad is not set.")
    if set(size) == {"height", "width"} and family.crop_pct is None:
        return _from_both_sides(fields, size, crop)
    if len(set(size.values())) == 1 and family.crop_pct is not None:
        # Whatever a size is called, these families resize the shorter side.
        size = {"shortest_edge": next(iter(size.values()))}
    if set(size) == {"height", "width"}:
        fields.refuse(
            f"size {size} has two different sides, which {family.name} processors treat in a way of their own."
        )
    if set(size) != {"shortest_edge"}:
        fields.refuse(f"size {size} gives every photo a size of its own; a contract's tensor has one size.")
    return _from_shorter_side(fields, family, size["shortest_edge"], crop)


def _size(is_square: bool) -> Reader[dict[str, int]]:
    """Reads a size in any of its forms; `is_square` says what a single number means."""
    side = whole(1, _LARGEST_SIZE)

    def read(value: Any) -> dict[str, int]:
        if isinstance(value, list | tuple) and len(value) == 2:
            value = {"height": value[0], "width": value[1]}
        elif not isinstance(value, dict):
            value = {"height": value, "width": value} if is_square else {"shortest_edge": value}
        given = {name: each for name, each in value.items() if each is not None}
        try:
            if set(given) in _FORMS:
                return {name: side(each) for name, each in given.items()}
        except UnexpectedError:
            pass
        raise UnexpectedError('a number of pixels, {"height": ..., "width": ...} or {"shortest_edge": ...}')

    return read


def _crop(fields: Foreign, family: Family) -> dict[str, int] | None:
    crops = fields.take("do_center_crop", flag)
    given = fields.take("crop_size", _size(True))
    if crops is None and family.crop is not None:
        crops = family.crops
        fields.note(Effect.ASSUMED, f"do_center_crop is not given; {str(crops).lower()} is taken, {family.habit}.")
    if not crops:
        if given:
            fields.note(Effect.IGNORED, f"crop_size ({shown(given)}) has no effect, because do_center_crop is not set.")
        return None
    if given is None:
        if family.crop is None:
            fields.refuse("do_center_crop is true, and crop_size does not say to what size.")
        given = {"height": family.crop, "width": family.crop}
        fields.note(Effect.ASSUMED, f"crop_size is not given; {family.crop} is taken, {family.habit}.")
    if set(given) == {"shortest_edge"}:
        return {"height": given["shortest_edge"], "width": given["shortest_edge"]}
    if set(given) != {"height", "width"}:
        fields.refuse(f"crop_size {given} is no height and width.")
    return given


def _from_both_sides(fields: Foreign, size: dict[str, int], crop: dict[str, int] | None) -> Geometry:
    height, width = size["height"], size["width"]
    if crop is None or crop == size:
        return Geometry(height, width, {"method": "squash"})
    fields.note(
        Effect.DIFFERS,
        f"size {height}x{width} squashes a photo before {crop['height']}x{crop['width']} are cropped out."
        " A contract cannot do both: it crops with the aspect ratio kept. Photos of other ratios come out otherwise.",
    )
    fraction = max(crop["height"] / height, crop["width"] / width)
    return _cropped(fields, crop, fraction, pads=fraction > 1)


def _from_shorter_side(fields: Foreign, family: Family, shorter: int, crop: dict[str, int] | None) -> Geometry:
    resized = int(shorter * family.overscan)
    if family.squashes_from is not None and shorter >= family.squashes_from:
        fields.ignore(["crop_pct"], f"it has no effect from a size of {family.squashes_from} on")
        return _from_both_sides(fields, {"height": shorter, "width": shorter}, crop)
    if family.crop_pct is not None:
        resized = int(shorter / fields.take_or("crop_pct", number(0.01, 1), family.crop_pct, family.habit))
    if family.squashes_from is not None and crop is None:
        crop = {"height": shorter, "width": shorter}
    if crop is None:
        fields.refuse(
            f"size makes the shorter side {shorter} and nothing crops, so every photo has a size of its own; a"
            " contract's tensor has one size."
        )
    if crop["height"] != crop["width"]:
        fields.note(
            Effect.DIFFERS,
            f"crop_size {crop['height']}x{crop['width']} is not square: the contract cuts the largest box of that"
            " ratio, the original a box in proportion to the shorter side. Only square photos come out the same.",
        )
    fields.note(
        Effect.ROUNDS,
        f"The original resizes the shorter side to {resized} and crops whole pixels; the contract does both in one"
        " pass. The two differ by up to half a pixel of the resized photo.",
    )
    # A family that crops by itself has no more left than its size.
    left = shorter if family.squashes_from is not None else resized
    return _cropped(fields, crop, max(crop.values()) / resized, pads=max(crop.values()) > left)


def _cropped(fields: Foreign, crop: dict[str, int], fraction: float, *, pads: bool) -> Geometry:
    if pads:
        fields.note(
            Effect.DIFFERS,
            f"crop_size {crop['height']}x{crop['width']} is larger than what size leaves, so the original pads with"
            " black; the contract enlarges the photo instead.",
        )
    return Geometry(crop["height"], crop["width"], {"method": "centre_crop", "crop_fraction": min(fraction, 1.0)})


def _padded(fields: Foreign, longer: int, padded: dict[str, int]) -> Geometry:
    if padded != {"height": longer, "width": longer}:
        fields.refuse(
            f"pad_size {padded} is not the longest_edge {longer} on both sides; a letterbox fills its canvas."
        )
    fields.note(
        Effect.DIFFERS,
        "do_pad: the original pads with 0 after normalising, the contract with black before; set pixels.resize.fill to"
        " the mean colour where it matters.",
    )
    return Geometry(longer, longer, {"method": "letterbox", "fill": [0, 0, 0], "anchor": "top_left"})
