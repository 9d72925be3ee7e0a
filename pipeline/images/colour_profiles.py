"""Colours as an embedded ICC profile means them, in sRGB.

A profile is as hostile as the file around it: one that does not read, or that is for another mode than the image's, is
ignored, and that is noted. It never costs the image.
"""

from functools import lru_cache
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms

APPLIED = "ICC profile to sRGB"
IGNORED = "ICC profile does not read, ignored"

_LARGEST_KEPT = 1 << 20


def to_srgb(image: Image.Image, profile: bytes, notes: list[str]) -> Image.Image:
    """An image in mode L, LA, RGB, RGBA or CMYK as RGB or RGBA in sRGB; as it was where the profile changes nothing."""
    alpha = image.getchannel("A") if image.mode in {"LA", "RGBA"} else None
    colours = image.convert(image.mode.removesuffix("A")) if alpha else image
    try:
        make_transform = _kept_transform if len(profile) <= _LARGEST_KEPT else _transform
        transform = make_transform(profile, colours.mode)
        if transform is None:
            return image
        converted = ImageCms.applyTransform(colours, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append(IGNORED)
        return image
    if converted is None:
        return image
    notes.append(APPLIED)
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
