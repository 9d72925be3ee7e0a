"""Which files are accepted, which are rejected, and for what reason."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.contract import ModelContract
from pipeline.images.decode import Decoded, Reason, Rejection, decode
from pipeline.limits import DEFAULT_LIMITS, Animation, Limits

BAD = Path(__file__).parents[1] / "data/bad"
BROKEN = {Reason.CORRUPT, Reason.TRUNCATED, Reason.NOT_AN_IMAGE}
with (BAD / "manifest.csv").open(newline="") as file:
    CORPUS = {row["file"]: row["expected_verdict"] for row in csv.DictReader(file)}

fixed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def encoded(mode: str, size: tuple[int, int] = (20, 10), format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, **({"color": options.pop("color")} if "color" in options else {})).save(
        file, format, **options
    )
    return file.getvalue()


def accepted(outcome: Decoded | Rejection) -> Decoded:
    assert isinstance(outcome, Decoded), outcome
    return outcome


def rejected(outcome: Decoded | Rejection) -> Rejection:
    assert isinstance(outcome, Rejection), outcome
    return outcome


@pytest.mark.parametrize("name", [name for name, verdict in CORPUS.items() if verdict in {"accept", "normalise"}])
def test_an_unusual_file_is_accepted(name: str, contract: ModelContract) -> None:
    assert accepted(decode((BAD / name).read_bytes(), contract)).pixels.shape == (8, 8, 3)


@pytest.mark.parametrize("name", [name for name, verdict in CORPUS.items() if verdict.startswith("reject_")])
def test_a_bad_file_is_rejected_for_its_kind_of_reason(name: str, contract: ModelContract) -> None:
    reasons = {
        "reject_corrupt": BROKEN,
        "reject_limit": {Reason.TOO_MANY_PIXELS},
        "reject_format": {Reason.FORMAT_NOT_ALLOWED},
    }[CORPUS[name]]
    assert rejected(decode((BAD / name).read_bytes(), contract)).reason in reasons


@pytest.mark.parametrize("name", [name for name, verdict in CORPUS.items() if verdict.startswith("reject_")])
def test_a_rejection_has_words(name: str, contract: ModelContract) -> None:
    assert rejected(decode((BAD / name).read_bytes(), contract)).detail


@pytest.mark.parametrize("name", [name for name, verdict in CORPUS.items() if verdict == "either"])
def test_a_doubtful_file_gets_a_verdict(name: str, contract: ModelContract) -> None:
    assert isinstance(decode((BAD / name).read_bytes(), contract), Decoded | Rejection)


@fixed
@given(st.binary(max_size=300))
def test_no_bytes_raise_anything(contract: ModelContract, data: bytes) -> None:
    assert isinstance(decode(data, contract), Decoded | Rejection)


@fixed
@given(
    name=st.sampled_from(sorted(name for name in CORPUS if (BAD / name).stat().st_size < 8_000)),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
)
def test_no_change_to_a_file_raises_anything(
    contract: ModelContract, name: str, changes: list[tuple[float, int]]
) -> None:
    data = bytearray((BAD / name).read_bytes())
    for place, value in changes:
        data[int(place * len(data))] = value
    # Small limits: a changed header may declare anything, and 50 megapixels take a while.
    assert isinstance(decode(bytes(data), contract, Limits(max_pixels=1_000_000)), Decoded | Rejection)


@fixed
@given(fraction=st.floats(0.02, 0.95), format=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"]))
def test_an_upload_that_broke_off_is_rejected(
    contract: ModelContract, photo: Callable[..., bytes], fraction: float, format: str
) -> None:
    data = photo(64, 48, format=format)
    assert rejected(decode(data[: int(len(data) * fraction)], contract)).reason in BROKEN


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_every_format_of_the_allow_list_is_accepted(
    contract: ModelContract, photo: Callable[..., bytes], format: str
) -> None:
    assert accepted(decode(photo(40, 30, format=format), contract)).format == format


def test_an_accepted_image_knows_its_original_size(contract: ModelContract, photo: Callable[..., bytes]) -> None:
    decoded = accepted(decode(photo(40, 30), contract))
    assert (decoded.width, decoded.height) == (40, 30)


def test_pixels_are_written_where_the_caller_says(contract: ModelContract, photo: Callable[..., bytes]) -> None:
    out = np.zeros((8, 8, 3), np.uint8)
    decoded = accepted(decode(photo(), contract, out=out))
    assert decoded.pixels is out
    assert np.array_equal(out, accepted(decode(photo(), contract)).pixels)


def test_an_object_without_bytes_is_empty(contract: ModelContract) -> None:
    assert rejected(decode(b"", contract)).reason == Reason.EMPTY


def test_text_is_not_an_image(contract: ModelContract) -> None:
    assert rejected(decode(b"Dear customer, please find attached", contract)).reason == Reason.NOT_AN_IMAGE


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.7\n", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\x00\x00\x00\x18ftypcrx " + bytes(12), "camera raw"),
    ],
)
def test_another_format_of_pictures_or_pages_is_not_allowed_and_named(
    contract: ModelContract, data: bytes, words: str
) -> None:
    rejection = rejected(decode(data, contract))
    assert (rejection.reason, words in rejection.detail) == (Reason.FORMAT_NOT_ALLOWED, True)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!DOCTYPE html><html><title>403 Forbidden</title>", "HTML"),
        (b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code></Error>", "XML"),
        (b"PK\x03\x04rest", "ZIP archive"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(12), "video"),
    ],
)
def test_what_is_no_picture_is_no_image_and_is_named(contract: ModelContract, data: bytes, words: str) -> None:
    rejection = rejected(decode(data, contract))
    assert (rejection.reason, words in rejection.detail) == (Reason.NOT_AN_IMAGE, True)


@pytest.mark.parametrize(("name", "brand", "words"), [("HEIF", b"heic", "pillow-heif"), ("AVIF", b"avif", "libavif")])
def test_a_format_without_a_decoder_says_what_to_install(
    contract: ModelContract, monkeypatch: pytest.MonkeyPatch, name: str, brand: bytes, words: str
) -> None:
    monkeypatch.delitem(Image.OPEN, name, raising=False)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)  # which reads AVIF, too
    rejection = rejected(decode(b"\x00\x00\x00\x18ftyp" + brand + bytes(12), contract))
    assert (rejection.reason, words in rejection.detail) == (Reason.FORMAT_NOT_ALLOWED, True)


@pytest.mark.skipif(find_spec("pillow_heif") is None, reason="pillow-heif is not installed: make test-extras")
def test_a_heic_photo_is_accepted_where_there_is_a_decoder(
    contract: ModelContract, photo: Callable[..., bytes]
) -> None:
    decoded = accepted(decode(photo(40, 30, format="HEIF"), contract))
    assert (decoded.format, decoded.width, decoded.height) == ("HEIF", 40, 30)


@pytest.mark.skipif(find_spec("pillow_heif") is None, reason="pillow-heif is not installed: make test-extras")
def test_a_heic_photo_stored_on_its_side_is_turned_once(contract: ModelContract) -> None:
    """HEIC has a property of its own for that, which its decoder applies; EXIF only repeats it (ISO/IEC 23008-12)."""
    picture = Image.new("RGB", (40, 30))
    picture.getexif()[0x0112] = 6
    file = io.BytesIO()
    picture.save(file, "HEIF")
    decoded = accepted(decode(file.getvalue(), contract))
    assert (decoded.width, decoded.height) == (30, 40)


def test_a_format_that_the_limits_leave_out_is_not_allowed(
    contract: ModelContract, photo: Callable[..., bytes]
) -> None:
    limits = Limits(formats=DEFAULT_LIMITS.formats - {"GIF"})
    assert rejected(decode(photo(format="GIF"), contract, limits)).reason == Reason.FORMAT_NOT_ALLOWED


def test_a_file_larger_than_the_limit_is_too_many_bytes(contract: ModelContract, photo: Callable[..., bytes]) -> None:
    assert rejected(decode(photo(), contract, Limits(max_bytes=100))).reason == Reason.TOO_MANY_BYTES


def test_the_pixel_limit_is_checked_before_decoding(contract: ModelContract) -> None:
    huge = encoded("1", (10_000, 10_000))
    cut_off_before_its_pixels = huge[:60]
    assert rejected(decode(cut_off_before_its_pixels, contract)).reason == Reason.TOO_MANY_PIXELS


def test_an_image_of_exactly_the_pixel_limit_is_accepted(contract: ModelContract, photo: Callable[..., bytes]) -> None:
    accepted(decode(photo(40, 30), contract, Limits(max_pixels=1200)))


def test_one_pixel_more_than_the_limit_is_too_many(contract: ModelContract, photo: Callable[..., bytes]) -> None:
    rejection = rejected(decode(photo(40, 30), contract, Limits(max_pixels=1199)))
    assert (rejection.reason, "1199" in rejection.detail) == (Reason.TOO_MANY_PIXELS, True)


def test_a_file_of_exactly_the_byte_limit_is_accepted(contract: ModelContract, photo: Callable[..., bytes]) -> None:
    accepted(decode(photo(), contract, Limits(max_bytes=len(photo()))))


def test_a_png_whose_pixels_fail_their_checksum_is_corrupt(
    contract: ModelContract, photo: Callable[..., bytes]
) -> None:
    """Pillow decodes it without a word."""
    data = bytearray(photo(format="PNG"))
    checksum = data.index(b"IEND") - 8
    data[checksum] ^= 1
    Image.open(io.BytesIO(data)).load()
    assert rejected(decode(bytes(data), contract)).reason == Reason.CORRUPT


def test_a_side_below_the_limit_is_too_small(contract: ModelContract, photo: Callable[..., bytes]) -> None:
    assert rejected(decode(photo(40, 9), contract, Limits(min_side=10))).reason == Reason.TOO_SMALL


def animation() -> bytes:
    file = io.BytesIO()
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "green", "blue")]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return file.getvalue()


def test_of_an_animation_the_first_frame_is_taken_and_that_is_noted(contract: ModelContract) -> None:
    assert "first frame of several" in accepted(decode(animation(), contract)).conversions


def test_an_animation_is_rejected_where_the_policy_says_so(contract: ModelContract) -> None:
    assert rejected(decode(animation(), contract, Limits(animated=Animation.REJECT))).reason == Reason.ANIMATED


@pytest.mark.parametrize("policy", Animation)
def test_an_animation_whose_second_frame_is_broken_is_one_still(contract: ModelContract, policy: Animation) -> None:
    second = animation().index(b"\x2c", animation().index(b"\x2c") + 1)
    outcome = decode(animation()[: second + 4], contract, Limits(animated=policy))
    if policy is Animation.REJECT:
        assert rejected(outcome).reason == Reason.ANIMATED
    else:
        assert "first frame of several" in accepted(outcome).conversions


def test_pillows_own_pixel_limit_is_left_as_it_was(contract: ModelContract, photo: Callable[..., bytes]) -> None:
    before = Image.MAX_IMAGE_PIXELS
    decode(photo(), contract, Limits(max_pixels=1199))
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_still_image_is_no_animation(contract: ModelContract, photo: Callable[..., bytes]) -> None:
    accepted(decode(photo(format="GIF"), contract, Limits(animated=Animation.REJECT)))


def test_a_multi_picture_file_counts_as_a_jpeg(contract: ModelContract) -> None:
    decoded = accepted(
        decode((BAD / "172_normalise_frozenpond.mpo").read_bytes(), contract, Limits(animated=Animation.REJECT))
    )
    assert decoded.format == "JPEG"


def test_a_decoder_that_runs_out_of_memory_crashes_on_that_image_alone(
    contract: ModelContract, photo: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(self: object) -> None:
        raise MemoryError

    monkeypatch.setattr("PIL.JpegImagePlugin.JpegImageFile.load", load)
    assert rejected(decode(photo(), contract)).reason == Reason.CRASHES_DECODER


def test_a_jpeg_that_is_all_scans_keeps_no_decoder_busy(contract: ModelContract) -> None:
    data = encoded("RGB", (64, 64), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    accepted(decode(data[:-2] + 100 * last + data[-2:], contract))
    assert rejected(decode(data[:-2] + 600 * last + data[-2:], contract)).reason == Reason.CORRUPT


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_what_follows_the_picture_is_no_part_of_it(
    contract: ModelContract, photo: Callable[..., bytes], format: str
) -> None:
    data = photo(format=format)
    assert np.array_equal(
        accepted(decode(data + b"left behind by an editor", contract)).pixels, accepted(decode(data, contract)).pixels
    )


def test_a_bmp_that_begins_at_its_top_is_the_same_picture(contract: ModelContract, photo: Callable[..., bytes]) -> None:
    data = photo(40, 30, format="BMP")
    rows = [data[place : place + 120] for place in range(54, len(data), 120)]
    flipped = data[:22] + (-30).to_bytes(4, "little", signed=True) + data[26:54] + b"".join(reversed(rows))
    assert np.array_equal(accepted(decode(flipped, contract)).pixels, accepted(decode(data, contract)).pixels)


def test_a_tiff_whose_directories_go_in_a_circle_is_its_first_page(
    contract: ModelContract, photo: Callable[..., bytes]
) -> None:
    data = bytearray(photo(format="TIFF"))
    directory = int.from_bytes(data[4:8], "little")
    following = directory + 2 + 12 * int.from_bytes(data[directory : directory + 2], "little")
    data[following : following + 4] = data[4:8]
    accepted(decode(bytes(data), contract))


def test_a_frame_larger_than_its_animation_takes_no_memory(contract: ModelContract) -> None:
    """Pillow makes room for what a first frame disposes of while it opens the file."""
    data = bytearray(animation())
    place = data.index(b"\x2c") + 1
    data[place : place + 8] = b"\xff\xff" * 4
    data[place - 1 : place - 1] = b"\x21\xf9\x04\x08\0\0\0\0"
    rejection = rejected(decode(bytes(data), contract))
    assert (rejection.reason, "DecompressionBomb" in rejection.detail) == (Reason.TOO_MANY_PIXELS, True)


def test_pillows_own_pixel_limit_is_not_in_the_way_of_a_higher_one(contract: ModelContract) -> None:
    cut_off_before_its_pixels = encoded("1", (20_000, 10_000))[:60]
    limits = Limits(max_pixels=200_000_000)
    assert rejected(decode(cut_off_before_its_pixels, contract, limits)).reason == Reason.TRUNCATED


def test_the_size_of_a_turned_photo_is_the_one_a_person_sees(contract: ModelContract) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.new("RGB", (40, 30)).save(file, "JPEG", exif=exif)
    decoded = accepted(decode(file.getvalue(), contract))
    assert (decoded.width, decoded.height) == (30, 40)


def test_an_orientation_that_the_contract_ignores_is_left_alone(contract: ModelContract) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.new("RGB", (40, 30)).save(file, "JPEG", exif=exif)
    ignoring = replace(contract, pixels=replace(contract.pixels, exif=type(contract.pixels.exif)("ignore")))
    decoded = accepted(decode(file.getvalue(), ignoring))
    assert (decoded.width, decoded.height, decoded.conversions) == (40, 30, ())
