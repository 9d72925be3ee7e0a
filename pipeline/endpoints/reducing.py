"""An image that is too large for a request, made smaller so that the model sees the same.

The whole image is scaled so that the part of it which the contract reads has the model's size: who applies the contract
to the small image crops where it would have cropped the large one, and has next to nothing left to resize. It is
upright, in sRGB and without transparency wherever the contract would make it so, by the code of validation.
"""

import dataclasses
import math
from io import BytesIO

from PIL import Image as Pillow

from pipeline.contract import ModelContract, Squash
from pipeline.endpoints.codec import Image
from pipeline.endpoints.codecs.base import Pixels, decoded
from pipeline.images.geometry import Size, resized_size, source_box

_SMALL_ENOUGH = 1_000_000
"""Bytes. A PNG loses nothing, and of a photo of a model's size has less; what has more is sent as JPEG."""


def reduced(image: Image, contract: ModelContract) -> Image:
    """A smaller file of the same image. Raises RejectedImage where it does not decode."""
    found = decoded(image, contract)
    whole = _pixels(image, contract, _size((found.width, found.height), contract))
    return dataclasses.replace(_encoded(whole, image), limits=image.limits)


def _size(size: Size, contract: ModelContract) -> Size:
    """The size at which the part that the contract reads is no smaller than what it becomes."""
    target = (contract.input.width, contract.input.height)
    left, top, right, bottom = source_box(size, target, contract.pixels.resize)
    width, height = resized_size(size, target, contract.pixels.resize)
    scale = min(1.0, max(width / (right - left), height / (bottom - top)))
    return math.ceil(size[0] * scale - 1e-6), math.ceil(size[1] * scale - 1e-6)


def _pixels(image: Image, contract: ModelContract, size: Size) -> Pixels:
    """The whole image at a size: what a contract for an input of this size would make of it."""
    tensor = dataclasses.replace(contract.input, width=size[0], height=size[1])
    pixels = dataclasses.replace(contract.pixels, resize=Squash(contract.pixels.resize.interpolation))
    return decoded(image, dataclasses.replace(contract, input=tensor, pixels=pixels)).pixels


def _encoded(pixels: Pixels, image: Image) -> Image:
    picture = Pillow.fromarray(pixels.squeeze())
    file = BytesIO()
    picture.save(file, "PNG")
    if file.tell() <= _SMALL_ENOUGH:
        return Image(file.getvalue(), "image/png", image.name, image.uri)
    file = BytesIO()
    picture.save(file, "JPEG", quality=95, subsampling=0)
    return Image(file.getvalue(), "image/jpeg", image.name, image.uri)
