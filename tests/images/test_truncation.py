"""Files that end before they say that they do."""

import io
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.contract import ModelContract
from pipeline.images.decode import Reason, Rejection, decode
from pipeline.images.signatures import recognise
from pipeline.images.truncation import ends_early

fixed = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def saved(format: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)).save(file, format, **options)
    return file.getvalue()


FILES = {
    "AVIF": saved("AVIF"),
    "WebP": saved("WEBP"),
    "lossless WebP": saved("WEBP", lossless=True),
    "TIFF": saved("TIFF"),
    "deflated TIFF": saved("TIFF", compression="tiff_deflate"),
    "big-endian TIFF": saved("TIFF", big_endian=True),
    "PNG": saved("PNG"),
    "JPEG": saved("JPEG"),
    "progressive JPEG": saved("JPEG", progressive=True),
    "GIF": saved("GIF", comment=b"c" * 300),
    "BMP": saved("BMP"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_whole_file_does_not_end_early(kind: str) -> None:
    data = FILES[kind]
    assert not ends_early(recognise(data), data)


@pytest.mark.parametrize("kind", FILES)
@fixed
@given(fraction=st.floats(0.1, 0.97))
def test_an_upload_that_broke_off_is_truncated_and_not_corrupt(
    contract: ModelContract, kind: str, fraction: float
) -> None:
    data = FILES[kind]
    outcome = decode(data[: int(len(data) * fraction)], contract)
    assert isinstance(outcome, Rejection)
    assert outcome.reason == Reason.TRUNCATED


@pytest.mark.parametrize("kind", FILES)
def test_an_upload_that_broke_off_in_its_header_is_truncated(contract: ModelContract, kind: str) -> None:
    """Wherever it did, from the first bytes that tell the format on."""
    cuts = (FILES[kind][:length] for length in range(30, 700))
    outcomes = [decode(data, contract) for data in cuts]
    assert {outcome.reason for outcome in outcomes if isinstance(outcome, Rejection)} == {Reason.TRUNCATED}
    assert all(isinstance(outcome, Rejection) for outcome in outcomes)


@pytest.mark.skipif(find_spec("pillow_heif") is None, reason="pillow-heif is not installed: make test-extras")
@fixed
@given(fraction=st.floats(0.1, 0.97))
def test_a_heic_upload_that_broke_off_is_truncated(contract: ModelContract, fraction: float) -> None:
    data = saved("HEIF")
    outcome = decode(data[: int(len(data) * fraction)], contract)
    assert isinstance(outcome, Rejection)
    assert outcome.reason == Reason.TRUNCATED


@pytest.mark.parametrize(("kind", "start"), [("lossless WebP", 20), ("PNG", 50), ("JPEG", 160)])
def test_a_broken_file_of_full_length_is_corrupt(contract: ModelContract, kind: str, start: int) -> None:
    data = bytearray(FILES[kind])
    data[start : start + 180] = bytes(180)
    outcome = decode(bytes(data), contract)
    assert isinstance(outcome, Rejection)
    assert outcome.reason == Reason.CORRUPT


@pytest.mark.parametrize("name", ["WEBP", "AVIF", "HEIF", "TIFF", "PNG", "JPEG", "GIF", "BMP", None])
@fixed
@given(data=st.binary(max_size=300))
def test_any_bytes_get_an_answer(name: str | None, data: bytes) -> None:
    assert ends_early(name, data) in {True, False}
