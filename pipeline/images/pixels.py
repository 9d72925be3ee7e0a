"""The half of the contract that shapes pixels: EXIF, colour, crop, resize.

Everything that can wait until the image is small waits. Crop and resize are one call on the pixels as they are stored;
turning them upright, colour profiles, CMYK and compositing on a background happen at the model's size. That gives the
same picture: a centred box stays centred when it is turned, and compositing is linear, as resampling is.

    opened image -> decoded, a JPEG only as large as needed -> 8 bits a channel, no palette -> crop + resize -> upright
                 -> sRGB -> no alpha -> RGB or grey

Large JPEGs are most of what cameras upload, and decoding them is most of what validation costs. libjpeg decodes at a
half, a quarter or an eighth for a fraction of that (libjpeg-turbo, "Decompression parameter selection"), and parses as
much of the file as it does for the whole picture: what is truncated or corrupt is found all the same.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image
from PIL.Image import Resampling, Transpose
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import PHOTOMETRIC_INTERPRETATION, TiffImageFile

from pipeline.contract import Colour, Exif, Icc, Interpolation, Letterbox, ModelContract
from pipeline.images import colour_profiles, geometry
from pipeline.images.geometry import Box, Size

FIRST_FRAME = "first frame of several"
SIXTEEN_BIT = "16 bit to 8 bit"

_FILTERS = {
    Interpolation.NEAREST: Resampling.NEAREST,
    Interpolation.BOX: Resampling.BOX,
    Interpolation.BILINEAR: Resampling.BILINEAR,
    Interpolation.BICUBIC: Resampling.BICUBIC,
    Interpolation.LANCZOS: Resampling.LANCZOS,
}
# Nearest and box take whole pixels or leave them: of a reduced picture these would be others.
_SMOOTH = frozenset({Interpolation.BILINEAR, Interpolation.BICUBIC, Interpolation.LANCZOS})
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
_WHITE_IS_ZERO = 0
_RESIZABLE = frozenset({"L", "LA", "RGB", "RGBA", "CMYK"})


@dataclass(frozen=True, slots=True)
class Fitted:
    """`pixels` uint8 [H, W, C], and the picture that has them; the upright size of the original; what was converted."""

    pixels: npt.NDArray[np.uint8]
    picture: Image.Image
    width: int
    height: int
    conversions: tuple[str, ...]


def fit(image: Image.Image, contract: ModelContract) -> Fitted:
    """An opened image, decoded and brought to the contract's input.

    An image that is decoded already is taken as it is. Raises what Pillow raises for what does not decode or convert.
    """
    raw_mode = _raw_mode(image)
    notes = _done_by_the_decoder(image, raw_mode)
    if not isinstance(image, JpegImageFile):
        # Other formats say what matters here only once they are decoded. A JPEG's EXIF stands before its pixels.
        image.load()
    orientation = _orientation(image) if contract.pixels.exif is Exif.APPLY else 1
    turned = orientation in _TURNED
    stored, target = image.size, (contract.input.width, contract.input.height)
    width, height = _swapped(stored) if turned else stored
    if turned:
        target = _swapped(target)
    resize = contract.pixels.resize
    box = geometry.source_box(stored, target, resize)
    target = geometry.resized_size(stored, target, resize)
    if resize.interpolation in _SMOOTH:
        box = _draft(image, box, target)
    image.load()
    # LAB says by itself which colour it means, and its conversion to RGB has applied that.
    wanted = contract.pixels.icc is Icc.APPLY and image.mode != "LAB"
    profile = image.info.get("icc_profile") if wanted else None

    fitted = _resizable(image, raw_mode, notes).resize(target, _FILTERS[resize.interpolation], box)
    if orientation in _UPRIGHT:
        fitted = fitted.transpose(_UPRIGHT[orientation])
        notes.append(f"EXIF orientation {orientation} applied")
    fitted = _to_colour(fitted, profile, contract, notes)
    fitted = _on_canvas(fitted, contract)
    pixels = np.asarray(fitted).reshape(contract.input.pixel_shape)
    return Fitted(pixels, fitted, width, height, tuple(notes))


def _swapped(size: Size) -> Size:
    return size[1], size[0]


def _draft(image: Image.Image, box: Box, target: Size) -> Box:
    """Tells libjpeg how much of the picture is needed, and answers where the box lies in what will be decoded.

    A side that does not divide is rounded up, and its last pixel stands for fewer than the others: the box is the
    original's, divided, and not a share of the new size. Other decoders' drafts are left alone: an embedded thumbnail,
    which they may take, is another picture.
    """
    times = geometry.reduction(box, target)
    if times == 1 or not isinstance(image, JpegImageFile):
        return box
    if not image.quantization:
        # A lossless JPEG (T.81, annex H) has no coefficients of which some could be left out, and libjpeg refuses.
        return box
    if image.draft(None, (image.width // times, image.height // times)) is None:
        return box
    left, top, right, bottom = box
    return left / times, top / times, right / times, bottom / times


def _raw_mode(image: Image.Image) -> str:
    """How the pixels lie in the file, in Pillow's words (Pillow, "Writing your own image plugin"); empty if unknown."""
    for tile in getattr(image, "tile", ()):
        args = tile.args
        return str(args[0] if isinstance(args, tuple) and args else args)
    return ""


def _done_by_the_decoder(image: Image.Image, raw_mode: str) -> list[str]:
    """What decoding will do to the pixels by itself, and will not tell afterwards."""
    notes = []
    if ";16" in raw_mode and not image.mode.startswith("I"):
        notes.append(SIXTEEN_BIT)
    if isinstance(image, TiffImageFile):
        orientation = image.tag_v2.get(ExifTags.Base.Orientation)
        if orientation in _UPRIGHT:
            notes.append(f"TIFF orientation {orientation} applied")
    return notes


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8. An EXIF block that does not read says nothing: the pixels are fine without it."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - Pillow's EXIF parser raises anything on a broken block
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _resizable(image: Image.Image, raw_mode: str, notes: list[str]) -> Image.Image:
    """The image in a mode of 8 bits a channel that can be resized without mixing up colours."""
    mode = image.mode
    if mode.startswith("I;16"):
        notes.append(SIXTEEN_BIT)
        return _from_16_bit(image, raw_mode)
    if mode in {"I", "F"}:
        notes.append("range stretched to 8 bit")
        return Image.fromarray(_stretched(np.array(image, np.float32)))
    if mode in {"P", "PA"}:
        notes.append("palette to RGB")
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if "transparency" in image.info and mode in {"1", "L", "RGB"}:
        image.info["transparency"] = _transparent_colour(image.info["transparency"], raw_mode)
        return image.convert("RGBA" if mode == "RGB" else "LA")
    if mode in _RESIZABLE:
        return image
    if mode in {"1", "La", "RGBa"}:
        return image.convert({"1": "L", "La": "LA", "RGBa": "RGBA"}[mode])
    notes.append(f"{mode} to RGB")
    return image.convert("RGB")


def _from_16_bit(image: Image.Image, raw_mode: str) -> Image.Image:
    values = np.asarray(image)
    # The 12 bits of a TIFF lie at the lower end of Pillow's 16.
    grey = (values >> (4 if raw_mode == "I;12" else 8)).astype(np.uint8)
    if isinstance(image, TiffImageFile) and image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO:
        grey = 255 - grey
    transparent = image.info.get("transparency")
    if not isinstance(transparent, int):
        return Image.fromarray(grey)
    alpha = np.where(values == transparent, 0, 255).astype(np.uint8)
    return Image.fromarray(np.stack([grey, alpha], axis=2))


def _transparent_colour(colour: Any, raw_mode: str) -> Any:
    """As the decoded pixels have it: a PNG says it in the bits that they have in the file (PNG, 11.3.2.1)."""
    if isinstance(colour, tuple) and ";16" in raw_mode:
        return tuple(channel >> 8 for channel in colour)
    if isinstance(colour, int):
        return colour * {"L;2": 0x55, "L;4": 0x11}.get(raw_mode, 1)
    return colour


def _stretched(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Measurements without a fixed range (32-bit TIFF): the smallest becomes 0, the largest 255. In place."""
    # In place, because this is the whole image at four bytes a pixel; halved, so that no difference overflows.
    np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    values *= 0.5
    low, high = float(values.min()), float(values.max())
    values -= low
    values *= 255.0 / (high - low) if high > low else 0.0
    return np.rint(values, out=values).astype(np.uint8)


def _to_colour(image: Image.Image, profile: bytes | None, contract: ModelContract, notes: list[str]) -> Image.Image:
    """RGB or grey in sRGB, as the contract's input is, with what is transparent composited on the background."""
    was_grey = image.mode in {"L", "LA"}
    if image.mode == "CMYK":
        notes.append("CMYK to RGB")
    if profile:
        image = colour_profiles.to_srgb(image, profile, notes)
    target = "L" if contract.input.colour is Colour.GREY else "RGB"
    if was_grey != (target == "L"):
        notes.append("grey to RGB" if was_grey else "colour to grey")
    if image.mode in {"LA", "RGBA"}:
        image = _on_background(image, contract.pixels.background, notes)
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
