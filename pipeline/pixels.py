"""The half of the contract that shapes pixels: EXIF, colour, crop, resize.

Everything that can wait until the image is small waits. Crop and resize are one call on the pixels as they are stored;
turning them upright, colour profiles, CMYK and compositing on a background happen at the model's size. That gives the
same picture: a centred box stays centred when it is turned, and compositing is linear, as resampling is.

    decoded image -> 8 bits a channel, no palette -> crop + resize -> upright -> sRGB -> no alpha -> RGB or grey
"""

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms
from PIL.Image import Resampling, Transpose

from pipeline import geometry
from pipeline.contract import Colour, Exif, Interpolation, Letterbox, ModelContract

FIRST_FRAME = "first frame of several"

_FILTERS = {
    Interpolation.NEAREST: Resampling.NEAREST,
    Interpolation.BOX: Resampling.BOX,
    Interpolation.BILINEAR: Resampling.BILINEAR,
    Interpolation.BICUBIC: Resampling.BICUBIC,
    Interpolation.LANCZOS: Resampling.LANCZOS,
}
# What brings the stored pixels upright (Exif 2.3, tag 0x0112).
_UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
_TURNED = frozenset({5, 6, 7, 8})
_RESIZABLE = frozenset({"L", "LA", "RGB", "RGBA", "CMYK"})


@dataclass(frozen=True, slots=True)
class Fitted:
    """`pixels` uint8 [H, W, C]; the upright size of the original; what was converted."""

    pixels: npt.NDArray[np.uint8]
    width: int
    height: int
    conversions: tuple[str, ...]


def fit(image: Image.Image, contract: ModelContract) -> Fitted:
    """A decoded image, brought to the contract's input. Raises what Pillow raises for pixels that do not convert."""
    notes: list[str] = []
    orientation = _orientation(image) if contract.pixels.exif is Exif.APPLY else 1
    turned = orientation in _TURNED
    width, height = (image.height, image.width) if turned else image.size
    # LAB says by itself which colour it means, and its conversion to RGB has applied that.
    profile = image.info.get("icc_profile") if image.mode != "LAB" else None

    fitted = _resize(_resizable(image, notes), contract, turned)
    if orientation in _UPRIGHT:
        fitted = fitted.transpose(_UPRIGHT[orientation])
        notes.append(f"EXIF orientation {orientation} applied")
    if profile:
        fitted = _to_srgb(fitted, profile, notes)
    fitted = _to_colour(fitted, contract, notes)
    fitted = _on_canvas(fitted, contract)
    return Fitted(np.asarray(fitted).reshape(contract.input.pixel_shape), width, height, tuple(notes))


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8. An EXIF block that does not read says nothing: the pixels are fine without it."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - Pillow's EXIF parser raises anything on a broken block
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _resizable(image: Image.Image, notes: list[str]) -> Image.Image:
    """The image in a mode of 8 bits a channel that can be resized without mixing up colours."""
    mode = image.mode
    if mode.startswith("I;16"):
        notes.append("16 bit to 8 bit")
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if mode in {"I", "F"}:
        notes.append("range stretched to 8 bit")
        return Image.fromarray(_stretched(np.array(image, np.float32)))
    if mode in {"P", "PA"}:
        notes.append("palette to RGB")
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if "transparency" in image.info and mode in {"1", "L", "RGB"}:
        return image.convert("RGBA")
    if mode in _RESIZABLE:
        return image
    if mode in {"1", "La", "RGBa"}:
        return image.convert({"1": "L", "La": "LA", "RGBa": "RGBA"}[mode])
    notes.append(f"{mode} to RGB")
    return image.convert("RGB")


def _stretched(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Measurements without a fixed range (32-bit TIFF): the smallest becomes 0, the largest 255. In place."""
    # In place, because this is the whole image at four bytes a pixel; halved, so that no difference overflows.
    np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    values *= 0.5
    low, high = float(values.min()), float(values.max())
    values -= low
    values *= 255.0 / (high - low) if high > low else 0.0
    return np.rint(values, out=values).astype(np.uint8)


def _resize(image: Image.Image, contract: ModelContract, turned: bool) -> Image.Image:
    """Crop and resize in one pass, on the pixels as stored; `turned` when width and height will be swapped later."""
    resize = contract.pixels.resize
    target = (contract.input.height, contract.input.width) if turned else (contract.input.width, contract.input.height)
    box = geometry.source_box(image.size, target, resize)
    return image.resize(geometry.resized_size(image.size, target, resize), _FILTERS[resize.interpolation], box)


def _to_srgb(image: Image.Image, profile: bytes, notes: list[str]) -> Image.Image:
    """Colours as the embedded profile means them. A profile that does not read, or does not fit the mode, is noted."""
    alpha = image.getchannel("A") if image.mode in {"LA", "RGBA"} else None
    colours = image.convert(image.mode.removesuffix("A")) if alpha else image
    try:
        make_transform = _kept_transform if len(profile) <= _LARGEST_KEPT_PROFILE else _transform
        transform = make_transform(profile, colours.mode)
        if transform is None:
            return image
        converted = ImageCms.applyTransform(colours, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append("ICC profile does not read, ignored")
        return image
    if converted is None:
        return image
    notes.append("ICC profile to sRGB")
    if alpha:
        converted.putalpha(alpha)
    return converted


def _transform(profile: bytes, mode: str) -> Any:
    """From a profile to sRGB; None where the profile is sRGB."""
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    if mode == "RGB" and "srgb" in ImageCms.getProfileDescription(source).lower():
        return None
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")


# Photos come with a handful of profiles, over and over. A profile may also be as large as its file: that one is used,
# and not kept.
_kept_transform = lru_cache(maxsize=32)(_transform)
_LARGEST_KEPT_PROFILE = 1 << 20


def _to_colour(image: Image.Image, contract: ModelContract, notes: list[str]) -> Image.Image:
    """RGB or grey, as the contract's input is, with what is transparent composited on the background."""
    target = "L" if contract.input.colour is Colour.GREY else "RGB"
    if image.mode == "CMYK":
        notes.append("CMYK to RGB")
    if image.mode in {"LA", "RGBA"}:
        image = _on_background(image, contract.pixels.background, notes)
    elif image.mode == "L" and target == "RGB":
        notes.append("grey to RGB")
    elif image.mode != "L" and target == "L":
        notes.append("colour to grey")
    return image if image.mode == target else image.convert(target)


def _on_background(image: Image.Image, background: tuple[int, int, int], notes: list[str]) -> Image.Image:
    """An image without its alpha. Many PNGs have one that is opaque all over: that hides nothing, and is not noted."""
    alpha = image.getchannel("A")
    if alpha.getextrema()[0] == 255:
        return image.convert("RGB")
    notes.append("alpha composited")
    canvas = Image.new("RGB", image.size, background)
    canvas.paste(image.convert("RGB"), mask=alpha)
    return canvas


def _on_canvas(image: Image.Image, contract: ModelContract) -> Image.Image:
    """A letterboxed image on its canvas; any other is full size already."""
    resize = contract.pixels.resize
    target = (contract.input.width, contract.input.height)
    if not isinstance(resize, Letterbox) or image.size == target:
        return image
    canvas = Image.new("RGB", target, resize.fill).convert(image.mode)
    canvas.paste(image, geometry.letterbox_offset(image.size, target, resize.anchor))
    return canvas
