"""An image that was made smaller is, for the model, the image that it was."""

import dataclasses
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline.contract import Anchor, CentreCrop, Colour, Interpolation, Letterbox, ModelContract, Squash
from pipeline.endpoints import Image
from pipeline.endpoints.reducing import reduced
from pipeline.errors import RejectedImage
from pipeline.images.decode import Decoded, decode

RESIZES = {
    "crop": CentreCrop(0.875, Interpolation.BICUBIC),
    "squash": Squash(Interpolation.BICUBIC),
    "letterbox": Letterbox((0, 0, 0), Anchor.CENTRE, Interpolation.BICUBIC),
}


def picture(width: int, height: int, **options: Any) -> bytes:
    """A picture in which every place has a colour of its own, with detail of the size that a photo has."""
    y, x = np.mgrid[:height, :width]
    channels = [255 * x / width, 255 * y / height, 127 + 100 * np.sin(12 * x / width) * np.cos(9 * y / height)]
    file = io.BytesIO()
    Pillow.fromarray(np.stack(channels, 2).astype(np.uint8)).save(file, options.pop("format", "PNG"), **options)
    return file.getvalue()


def pixels(image: Image, contract: ModelContract) -> Any:
    found = decode(image.data, contract)
    assert isinstance(found, Decoded)
    return found.pixels.astype(int)


@pytest.fixture
def large(contract: ModelContract) -> ModelContract:
    """A contract for an input of 96 x 64."""
    return dataclasses.replace(contract, input=dataclasses.replace(contract.input, width=96, height=64))


def with_resize(contract: ModelContract, resize: Any) -> ModelContract:
    return dataclasses.replace(contract, pixels=dataclasses.replace(contract.pixels, resize=resize))


@pytest.mark.parametrize("size", [(900, 600), (601, 899), (1500, 120), (97, 65), (40, 30)])
@pytest.mark.parametrize("resize", RESIZES)
def test_the_model_sees_the_same(large: ModelContract, resize: str, size: tuple[int, int]) -> None:
    contract = with_resize(large, RESIZES[resize])
    original = Image.of(picture(*size), "a.png")
    seen = pixels(reduced(original, contract).image, contract)
    difference = np.abs(seen - pixels(original, contract))
    assert difference.mean() < 1.5
    assert np.percentile(difference, 99) <= 8


def test_it_is_as_small_as_what_the_contract_reads_of_it(large: ModelContract) -> None:
    contract = with_resize(large, CentreCrop(0.5, Interpolation.BILINEAR))
    made = reduced(Image.of(picture(960, 640), "a.png", "s3://b/a.png"), contract).image
    # The crop is half of each side, and 96 x 64 of the result.
    assert Pillow.open(io.BytesIO(made.data)).size == (192, 128)
    assert (made.name, made.uri, made.media_type) == ("a.png", "s3://b/a.png", "image/png")


def test_a_small_image_does_not_grow(large: ModelContract) -> None:
    made = reduced(Image.of(picture(40, 30), "a.png"), large).image
    assert Pillow.open(io.BytesIO(made.data)).size == (40, 30)


@pytest.mark.parametrize("orientation", [3, 6])
def test_it_is_upright_where_the_contract_turns_it(large: ModelContract, orientation: int) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    original = Image.of(picture(900, 600, format="JPEG", exif=exif, quality=95), "a.jpg")
    made = reduced(original, large).image
    assert Pillow.open(io.BytesIO(made.data)).getexif().get(0x0112, 1) == 1
    assert np.abs(pixels(made, large) - pixels(original, large)).mean() < 1.5


def test_a_grey_contract_makes_it_grey(large: ModelContract) -> None:
    tensor = dataclasses.replace(large.input, colour=Colour.GREY, channels=1)
    contract = dataclasses.replace(large, input=tensor)
    original = Image.of(picture(900, 600), "a.png")
    assert np.abs(pixels(reduced(original, contract).image, contract) - pixels(original, contract)).mean() < 1.5


def test_what_has_no_small_png_becomes_a_jpeg(contract: ModelContract) -> None:
    contract = dataclasses.replace(contract, input=dataclasses.replace(contract.input, width=800, height=800))
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(noise).save(file, "PNG")
    made = reduced(Image.of(file.getvalue(), "a.png"), contract).image
    assert made.media_type == "image/jpeg"
    assert Pillow.open(io.BytesIO(made.data)).format == "JPEG"


def test_what_is_no_image_is_rejected(large: ModelContract) -> None:
    with pytest.raises(RejectedImage, match=r"'notes\.txt'.*not_an_image"):
        reduced(Image.of(b"words", "notes.txt"), large)
