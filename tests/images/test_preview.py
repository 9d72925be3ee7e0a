"""Small pictures of rejected images: as much as was decoded, upright, and nothing that may not be opened."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.images.preview import SIDE, preview
from pipeline.limits import DEFAULT_LIMITS

PHOTO = (Path(__file__).resolve().parents[2] / "examples" / "photos" / "garden" / "daisy.jpg").read_bytes()
SCAN = (Path(__file__).resolve().parents[2] / "examples" / "photos" / "garden" / "scan.png").read_bytes()


def seen(data: bytes, **limits: object) -> Image.Image:
    picture = preview(data, replace(DEFAULT_LIMITS, **limits))  # type: ignore[arg-type]
    assert picture is not None
    return Image.open(BytesIO(picture)).convert("RGB")


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def test_a_photo_is_brought_to_the_size_of_a_thumbnail() -> None:
    assert max(seen(PHOTO).size) == SIDE


@pytest.mark.parametrize("options", [{"format": "JPEG"}, {"format": "JPEG", "progressive": True}, {"format": "PNG"}])
def test_of_half_a_file_the_upper_half_is_seen(options: dict[str, object]) -> None:
    noise = np.random.default_rng(0).integers(100, 255, (400, 400, 3), np.uint8)
    whole = saved(Image.fromarray(noise), **options)  # type: ignore[arg-type]
    pixels = np.asarray(seen(whole[: len(whole) // 2]))
    assert pixels[: SIDE // 4].mean() > 100


def test_of_a_damaged_file_there_is_what_came_before_the_damage() -> None:
    assert seen(SCAN).getextrema() != ((0, 0), (0, 0), (0, 0))


def test_a_picture_is_upright() -> None:
    exif = Image.Exif()
    exif[274] = 6
    assert seen(saved(Image.new("RGB", (200, 100), "red"), "JPEG", exif=exif)).size == (SIDE // 2, SIDE)


def test_a_format_that_is_not_allowed_is_not_opened() -> None:
    assert preview(PHOTO, replace(DEFAULT_LIMITS, formats=frozenset({"PNG"}))) is None


def test_what_declares_too_many_pixels_is_not_decoded() -> None:
    assert preview(PHOTO, replace(DEFAULT_LIMITS, max_pixels=1_000)) is None


def test_a_progressive_jpeg_of_a_thousand_scans_is_not_decoded() -> None:
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00"
    assert preview(PHOTO[:-2] + scan * 1_000 + PHOTO[-2:], DEFAULT_LIMITS) is None


def test_of_a_file_without_a_single_row_there_is_nothing_to_see() -> None:
    whole = saved(Image.effect_noise((300, 300), 80), "PNG")
    assert preview(whole[:60], DEFAULT_LIMITS) is None


@settings(max_examples=60)
@given(start=st.integers(0, len(PHOTO)), junk=st.binary(max_size=200))
def test_no_bytes_raise_anything(start: int, junk: bytes) -> None:
    found = preview(PHOTO[:start] + junk, DEFAULT_LIMITS)
    assert found is None or max(Image.open(BytesIO(found)).size) <= SIDE


def test_the_process_s_own_limit_is_as_before(photo: Callable[..., bytes]) -> None:
    before = Image.MAX_IMAGE_PIXELS
    preview(photo(), DEFAULT_LIMITS)
    assert before == Image.MAX_IMAGE_PIXELS
