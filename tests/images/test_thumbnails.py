"""Thumbnails are means of pixels, and a sheet says by its size where they stand."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.images.thumbnails import COLUMNS, SIDE, Sheet, reduced

SIDES = st.integers(1, 400)


def sheet_of(thumbnails: list[Image.Image], most: int = 160) -> Image.Image:
    sheet = Sheet(most)
    for thumbnail in thumbnails:
        sheet.add(thumbnail)
    return Image.open(io.BytesIO(sheet.encode()))


@given(st.integers(1, 4), st.sampled_from([1, 3]))
def test_a_thumbnail_is_the_mean_of_squares_of_pixels(scale: int, channels: int) -> None:
    side = SIDE * scale
    pixels = np.random.default_rng(scale).integers(0, 256, (side, side, channels), np.uint8)
    squares = pixels.reshape(SIDE, scale, SIDE, scale, channels).mean(axis=(1, 3))
    thumbnail = np.asarray(reduced(Image.fromarray(pixels.squeeze()))).reshape(SIDE, SIDE, channels)
    assert abs(thumbnail - squares).max() <= 1


@given(SIDES, SIDES)
def test_no_side_is_longer_than_a_thumbnails_and_none_is_nothing(width: int, height: int) -> None:
    thumbnail = reduced(Image.new("RGB", (width, height)))
    assert 1 <= min(thumbnail.size) <= max(thumbnail.size) <= SIDE
    assert thumbnail.mode == "RGB"


@given(st.integers(1, SIDE), st.integers(1, SIDE), st.integers(1, 45))
def test_a_sheets_size_says_where_thumbnails_stand(width: int, height: int, count: int) -> None:
    sheet = sheet_of([Image.new("L", (width, height))] * count)
    side, more = divmod(sheet.width, COLUMNS)
    assert (more, side % 2, sheet.height) == (0, 0, -(-count // COLUMNS) * side)
    assert 0 <= side - max(width, height) <= 1


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("size", [(112, 112), (75, 75), (40, 100), (101, 30)])
def test_each_thumbnail_stands_in_its_square_of_a_sheet_and_of_its_half(mode: str, size: tuple[int, int]) -> None:
    greys = [int(grey) for grey in np.random.default_rng(3).integers(30, 256, 23)]
    thumbnails = [Image.new("L", size, grey).convert(mode) for grey in greys]
    sheet, half = sheet_of(thumbnails, 40), sheet_of(thumbnails, 40)
    half.draft("RGB", (half.width // 2, half.height // 2))
    assert (half.width * 2, half.height * 2) == sheet.size
    for picture in (sheet, half):
        side = picture.width // COLUMNS
        for place, grey in enumerate(greys):
            row, column = divmod(place, COLUMNS)
            found = picture.getpixel((column * side + side // 2, row * side + side // 2))
            assert max(abs(value - grey) for value in found) < 12  # type: ignore[union-attr]
