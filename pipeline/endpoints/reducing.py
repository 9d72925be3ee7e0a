"""An image that is too large for a request, made smaller so that the model sees the same.

The whole image is scaled so that the part of it which the contract reads has the model's size: who applies the contract
to the small image crops where it would have cropped the large one, and has next to nothing left to resize. It is
upright, in sRGB and without transparency wherever the contract would make it so, by the code of validation.
"""

import dataclasses
import math
from dataclasses import dataclass
from io import BytesIO

from PIL import Image as Pillow

from pipeline.contract import CentreCrop, ModelContract, Squash
from pipeline.endpoints.codec import Image
from pipeline.endpoints.codecs.base import Pixels, decoded
from pipeline.images.geometry import Size, resized_size, source_box
from pipeline.inference.predictions import Box

_SMALL_ENOUGH = 1_000_000
"""Bytes. A PNG loses nothing, and of a photo of a model's size has less; what has more is sent as JPEG."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """A smaller file of an image, and how many pixels of the original a pixel of it is wide and high."""

    image: Image
    scale: tuple[float, float]

    def on_original(self, box: Box) -> Box:
        """A box in pixels of the original."""
        across, down = self.scale
        x0, y0, x1, y1 = box
        return x0 * across, y0 * down, x1 * across, y1 * down


def reduced(image: Image, contract: ModelContract) -> Reduced:
    """A smaller file of the same image. Raises RejectedImage where it does not decode."""
    found = decoded(image, contract)
    width, height = size = _size((found.width, found.height), contract)
    smaller = _encoded(_pixels(image, contract, size), image)
    return Reduced(dataclasses.replace(smaller, limits=image.limits), (found.width / width, found.height / height))


def _size(size: Size, contract: ModelContract) -> Size:
    """The size at which the part that the contract reads is no smaller than what it becomes; never a larger one."""
    target = (contract.input.width, contract.input.height)
    width, height = resized_size(size, target, contract.pixels.resize)
    if isinstance(contract.pixels.resize, CentreCrop):
        left, top, right, bottom = source_box(size, target, contract.pixels.resize)
        scale = max(width / (right - left), height / (bottom - top))
        width, height = (math.ceil(side * scale - 1e-6) for side in size)
    return min(width, size[0]), min(height, size[1])


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
