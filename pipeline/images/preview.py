"""A small picture of what there is of a rejected image, for people who look through what was rejected.

Only decoders of the allow-list see the bytes, and only what the limits let them decode: a preview opens nothing that
validation has not opened. A file that ends early, or is damaged, shows what was decoded before that; the rest is black.
"""

from io import BytesIO

from PIL import Image, ImageFile, ImageOps

from pipeline.images import decoders
from pipeline.images.decode import Reason, has_too_many_scans, pillow_under
from pipeline.limits import Limits

SIDE = 96
"""Pixels of the longer side, at most."""

MAY_SHOW = frozenset({Reason.TRUNCATED, Reason.CORRUPT, Reason.TOO_SMALL, Reason.ANIMATED})
"""Reasons for which a decoder has opened the file, or may. The others are no picture, may not be decoded, or kill."""

_QUALITY = 60
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"


def preview(data: bytes, limits: Limits) -> bytes | None:
    """A JPEG of an image's first frame, upright; None where nothing can be seen.

    Raises nothing for any bytes. Not for threads: Pillow's limit is the process's while it decodes.
    """
    try:
        with pillow_under(limits):
            return _preview(data, limits)
    except Exception:  # noqa: BLE001 - hostile bytes make a decoder raise anything, and a picture is not owed
        return None


def _preview(data: bytes, limits: Limits) -> bytes | None:
    if data.startswith(_JPEG_START):
        if has_too_many_scans(data):
            return None
        # libjpeg gives out what it has of a progressive picture only when it comes to an end.
        data += _JPEG_END
    image = Image.open(BytesIO(data), formats=sorted(limits.formats & decoders.available()))
    if image.width * image.height > limits.max_pixels:
        return None
    image.draft("RGB", (SIDE, SIDE))
    if not _load(image):
        return None
    image.thumbnail((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=None)
    picture = ImageOps.exif_transpose(image).convert("RGB")
    file = BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _load(image: ImageFile.ImageFile) -> bool:
    """Decode as much as there is; whether that is anything."""
    try:
        image.load()
    except Exception:  # noqa: BLE001 - see preview
        # What was decoded until then stays in the image, the rest of which is blank.
        image.tile = []
        image.load()
        return any(low < high for low, high in _extrema(image))
    return True


def _extrema(image: Image.Image) -> tuple[tuple[float, float], ...]:
    return image.convert("RGB").getextrema()  # type: ignore[return-value]
