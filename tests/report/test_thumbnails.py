"""Thumbnails are what Pillow makes of the pixels; sheets are laid out in test_parts.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.report.thumbnails import Pixels, reduced


def noise(*shape: int) -> Pixels:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, np.uint8)


def by_pillow(images: Pixels, x: int, y: int) -> Pixels:
    """Of sides that are multiples of the scale, which Pillow reduces by."""
    count, height, width, channels = images.shape
    pictures = [Image.fromarray(image if channels == 3 else image[:, :, 0]) for image in images]
    means = [np.asarray(picture.reduce((x, y))) for picture in pictures]
    return np.stack(means).reshape(count, height // y, width // x, channels)


# Scales up to 16, whose sums are of 16 bits, and beyond.
@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 3]))
def test_a_thumbnail_is_the_mean_of_squares_of_pixels(scale: int, height: int, width: int, channels: int) -> None:
    images = noise(2, height * scale, width * scale, channels)
    most = max(height, width)
    difference = reduced(images, most).astype(int) - by_pillow(images, scale, scale)
    # Pillow rounds by a multiplication where the scale is no power of two.
    assert abs(difference).max() <= (scale & (scale - 1) != 0)


def test_white_stays_white_at_every_scale() -> None:
    for side in (1, 2, 16, 17, 64):
        assert (reduced(np.full((1, side * 3, side * 3, 3), 255, np.uint8), 3) == 255).all()


@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 16))
def test_no_side_is_longer_than_asked_for_and_none_is_nothing(height: int, width: int, most: int) -> None:
    _, high, wide, _ = reduced(noise(1, height, width, 3), most).shape
    assert 1 <= high <= most
    assert 1 <= wide <= most


@pytest.mark.parametrize(("height", "width"), [(299, 299), (7, 299), (299, 7)])
def test_what_is_left_over_of_an_edge_is_cut_off(height: int, width: int) -> None:
    images = noise(2, height, width, 3)
    assert np.array_equal(
        reduced(images, 64), reduced(images[:, : height // 5 * 5, : width // 5 * 5], max(height, width) // 5)
    )
