"""The half of the contract that shapes pixels, against Pillow's own functions applied in the plain order."""

import io
import struct
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms, ImageOps

from pipeline.contract import (
    Anchor,
    CentreCrop,
    Colour,
    Icc,
    Interpolation,
    Letterbox,
    ModelContract,
    Squash,
)
from pipeline.images.pixels import Fitted, fit

EXAMPLES = Path(__file__).parents[2] / "examples/photos"


def with_resize(contract: ModelContract, resize: CentreCrop | Squash | Letterbox) -> ModelContract:
    return replace(contract, pixels=replace(contract.pixels, resize=resize))


def with_size(contract: ModelContract, width: int, height: int) -> ModelContract:
    return replace(contract, input=replace(contract.input, width=width, height=height))


def grey(contract: ModelContract) -> ModelContract:
    return replace(contract, input=replace(contract.input, colour=Colour.GREY, channels=1))


def smooth(width: int, height: int) -> Image.Image:
    """A picture without symmetry: red grows to the right, green downwards, blue is a bright corner."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return Image.fromarray((np.stack([x, y, x * y], axis=2) * 255).astype(np.uint8))


def stored_turned(picture: Image.Image, orientation: int) -> Image.Image:
    """The picture as a camera stores it with an EXIF orientation: turned, so that applying EXIF gives it back."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    turned = picture.transpose(back[orientation]) if orientation > 1 else picture
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    turned.save(file, "PNG", exif=exif)
    return Image.open(file)


def assert_alike(one: Fitted, other: Fitted, levels: int = 1) -> None:
    assert np.abs(one.pixels.astype(int) - other.pixels.astype(int)).max() <= levels


@pytest.mark.parametrize("interpolation", list(Interpolation))
def test_crop_and_resize_are_what_pillow_does_in_two_steps(
    contract: ModelContract, interpolation: Interpolation
) -> None:
    picture = smooth(320, 200)
    cropped = picture.crop((110, 50, 210, 150)).resize((10, 10), Image.Resampling[interpolation.upper()])
    square = with_size(with_resize(contract, CentreCrop(0.5, interpolation)), 10, 10)
    # A resize sees a few pixels beyond its box, a crop does not: the rims differ, the middle does not.
    difference = fit(picture, square).pixels.astype(int) - np.asarray(cropped).astype(int)
    assert np.abs(difference[1:-1, 1:-1]).max() <= 1


def test_squash_is_a_plain_resize(contract: ModelContract) -> None:
    picture = smooth(60, 20)
    plain = np.asarray(picture.resize((8, 8), Image.Resampling.BILINEAR))
    assert np.array_equal(fit(picture, contract).pixels, plain)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "resize",
    [
        CentreCrop(0.8, Interpolation.BICUBIC),
        Squash(Interpolation.BILINEAR),
        Letterbox((9, 9, 9), Anchor.TOP_LEFT, Interpolation.BILINEAR),
        Letterbox((9, 9, 9), Anchor.CENTRE, Interpolation.BICUBIC),
    ],
    ids=lambda resize: f"{resize.method}",
)
def test_a_turned_photo_becomes_the_same_pixels_as_an_upright_one(
    contract: ModelContract, resize: CentreCrop | Squash | Letterbox, orientation: int
) -> None:
    wide = with_size(with_resize(contract, resize), 30, 20)
    picture = smooth(90, 70)
    assert_alike(fit(stored_turned(picture, orientation), wide), fit(picture, wide), levels=2)


def test_turning_agrees_with_pillows_own_exif_transpose(contract: ModelContract) -> None:
    path = EXAMPLES / "travel/phone/geyser-turned-left.jpg"
    upright = ImageOps.exif_transpose(Image.open(path))
    assert_alike(fit(Image.open(path), contract), fit(upright, contract), levels=2)


@pytest.mark.parametrize(("anchor", "first_row", "last_row"), [("top_left", 200, 7), ("centre", 7, 7)])
def test_a_letterbox_fills_what_the_image_does_not_cover(
    contract: ModelContract, anchor: str, first_row: int, last_row: int
) -> None:
    boxed = with_resize(contract, Letterbox((7, 7, 7), Anchor(anchor), Interpolation.NEAREST))
    pixels = fit(Image.new("RGB", (40, 20), (200, 200, 200)), boxed).pixels
    assert (pixels[0, 0, 0], pixels[-1, 0, 0]) == (first_row, last_row)


@pytest.mark.parametrize(
    ("image", "expected", "note"),
    [
        (Image.new("L", (9, 9), 100), (100, 100, 100), "grey to RGB"),
        (Image.new("1", (9, 9), 1), (255, 255, 255), "grey to RGB"),
        (Image.new("CMYK", (9, 9), (255, 0, 0, 0)), (0, 255, 255), "CMYK to RGB"),
        (Image.new("RGBA", (9, 9), (10, 20, 30, 0)), (255, 255, 255), "alpha composited"),
        (Image.new("RGBA", (9, 9), (10, 20, 30, 127)), (133, 138, 143), "alpha composited"),
        (Image.new("LA", (9, 9), (0, 51)), (204, 204, 204), "alpha composited"),
        (Image.new("P", (9, 9), 0).convert("RGB").convert("P"), (0, 0, 0), "palette to RGB"),
        (Image.new("YCbCr", (9, 9), (100, 128, 128)), (100, 100, 100), "YCbCr to RGB"),
        (Image.fromarray(np.full((9, 9), 0xABCD, np.uint16)), (0xAB, 0xAB, 0xAB), "16 bit to 8 bit"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_mode_is_converted_and_the_conversion_is_noted(
    contract: ModelContract, image: Image.Image, expected: tuple[int, int, int], note: str
) -> None:
    fitted = fit(image, contract)
    assert tuple(fitted.pixels[4, 4].tolist()) == expected
    assert note in fitted.conversions


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_measurements_without_a_range_are_stretched_over_it(contract: ModelContract, kind: type) -> None:
    image = Image.fromarray(np.linspace(-1000, 5000, 64).reshape(8, 8).astype(kind))
    pixels = fit(image, contract).pixels
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_measurements_that_are_not_finite_are_taken_for_nothing(contract: ModelContract) -> None:
    values = np.zeros((8, 8), np.float32)
    values[0, :4] = np.nan, np.inf, -np.inf, 3e38
    values[1, 0] = -3e38
    pixels = fit(Image.fromarray(values), contract).pixels[..., 0]
    assert (pixels[0, :4].tolist(), pixels[1, 0]) == ([128, 128, 128, 255], 0)


def test_a_transparent_colour_of_a_png_shows_the_background(contract: ModelContract) -> None:
    file = io.BytesIO()
    Image.new("RGB", (9, 9), (1, 2, 3)).save(file, "PNG", transparency=(1, 2, 3))
    red = replace(contract, pixels=replace(contract.pixels, background=(255, 0, 0)))
    assert fit(Image.open(file), red).pixels[0, 0].tolist() == [255, 0, 0]


def test_compositing_after_the_resize_gives_what_compositing_before_it_gives(contract: ModelContract) -> None:
    picture = smooth(60, 40)
    picture.putalpha(smooth(60, 40).getchannel("R"))
    before = Image.new("RGB", picture.size, (255, 255, 255))
    before.paste(picture, mask=picture.getchannel("A"))
    assert_alike(fit(picture, contract), fit(before, contract), levels=2)


def test_an_alpha_that_hides_nothing_is_not_worth_a_note(contract: ModelContract) -> None:
    fitted = fit(Image.new("RGBA", (9, 9), (10, 20, 30, 255)), contract)
    assert (fitted.pixels[0, 0].tolist(), fitted.conversions) == ([10, 20, 30], ())


def test_a_lab_image_is_converted_without_its_profile(contract: ModelContract) -> None:
    file = io.BytesIO()
    smooth(40, 30).convert("LAB").save(file, "TIFF")
    fitted = fit(Image.open(file), contract)
    assert fitted.conversions == ("LAB to RGB",)
    assert_alike(fitted, fit(smooth(40, 30), contract), levels=12)


def test_a_grey_contract_gets_one_channel(contract: ModelContract) -> None:
    fitted = fit(smooth(40, 30), grey(contract))
    assert fitted.pixels.shape == (8, 8, 1)


def test_a_grey_image_for_a_grey_contract_needs_no_conversion(contract: ModelContract) -> None:
    assert fit(Image.new("L", (9, 9), 7), grey(contract)).conversions == ()


def test_a_colour_profile_is_applied_as_littlecms_applies_it_to_the_whole_image(contract: ModelContract) -> None:
    photo = Image.open(EXAMPLES / "rocket.jpg")
    profile = ImageCms.ImageCmsProfile(io.BytesIO(photo.info["icc_profile"]))
    converted: Any = ImageCms.profileToProfile(photo, profile, ImageCms.createProfile("sRGB"))
    converted.info.pop("icc_profile", None)
    assert_alike(fit(photo, contract), fit(converted, contract), levels=3)


def test_a_colour_profile_is_noted(contract: ModelContract) -> None:
    assert "ICC profile to sRGB" in fit(Image.open(EXAMPLES / "rocket.jpg"), contract).conversions


def test_a_colour_profile_that_the_contract_ignores_changes_nothing(contract: ModelContract) -> None:
    ignoring = replace(contract, pixels=replace(contract.pixels, icc=Icc.IGNORE))
    photo = Image.open(EXAMPLES / "rocket.jpg")
    without = photo.copy()
    del without.info["icc_profile"]
    assert np.array_equal(fit(photo, ignoring).pixels, fit(without, contract).pixels)
    assert "ICC profile to sRGB" not in fit(photo, ignoring).conversions


def test_an_srgb_profile_changes_nothing(contract: ModelContract) -> None:
    picture = smooth(40, 30)
    picture.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert fit(picture, contract).conversions == ()


def test_large_colour_profiles_are_used_and_not_kept_in_memory(contract: ModelContract) -> None:
    with Image.open(EXAMPLES / "rocket.jpg") as photo:
        profile = photo.info["icc_profile"]
    tracemalloc.start()
    try:
        for padding in range(4):
            picture = smooth(40, 30)
            picture.info["icc_profile"] = profile + bytes([padding]) * 4_000_000
            assert "ICC profile to sRGB" in fit(picture, contract).conversions
            del picture
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 4_000_000


def test_a_broken_colour_profile_is_noted_and_the_image_kept(contract: ModelContract) -> None:
    picture = smooth(40, 30)
    picture.info["icc_profile"] = b"no profile"
    fitted = fit(picture, contract)
    assert fitted.conversions == ("ICC profile does not read, ignored",)
    assert np.array_equal(fitted.pixels, fit(smooth(40, 30), contract).pixels)


def tiff(bits: int, planes: list[npt.NDArray[np.uint16]], photometric: int, planar: int = 1) -> bytes:
    """An uncompressed little-endian TIFF (TIFF 6.0, section 8), of kinds that Pillow does not write."""
    height, width = planes[0].shape
    samples = np.stack(planes) if planar == 2 else np.stack(planes, axis=2)
    if bits == 12:
        pairs = samples.reshape(-1, 2).astype(np.uint32)
        words = (pairs[:, 0] << 12) | pairs[:, 1]
        data = b"".join(int(word).to_bytes(3, "big") for word in words)
    else:
        data = samples.astype("<u2").tobytes()
    count, fields = len(planes), 9
    strips = count if planar == 2 else 1
    after = 8 + 2 + 12 * fields + 4
    offsets, lengths, depths = after, after + 4 * strips, after + 8 * strips
    start = depths + 2 * count
    each = len(data) // strips
    tags = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, count, depths if count > 2 else bits),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, strips, offsets if strips > 1 else start),
        (277, 3, 1, count),
        (279, 4, strips, lengths if strips > 1 else each),
        (284, 3, 1, planar),
    ]
    directory = struct.pack("<H", fields) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    extra = struct.pack(f"<{strips}I", *(start + each * strip for strip in range(strips)))
    extra += struct.pack(f"<{strips}I", *[each] * strips) + struct.pack(f"<{count}H", *[bits] * count)
    return b"II*\0" + struct.pack("<I", 8) + directory + extra + data


def shades(high: int) -> npt.NDArray[np.uint16]:
    return np.linspace(0, high, 64).round().astype(np.uint16).reshape(8, 8)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    ("bits", "photometric"), [(12, 1), (16, 1), (16, 0)], ids=["12 bit", "16 bit", "16 bit, white is zero"]
)
def test_a_deep_grey_tiff_is_as_bright_as_it_was(contract: ModelContract, bits: int, photometric: int) -> None:
    values = shades(2**bits - 1)
    fitted = fit(opened(tiff(bits, [values if photometric else 2**bits - 1 - values], photometric)), contract)
    assert np.abs(fitted.pixels[..., 0].astype(int) - (values >> (bits - 8))).max() <= 1
    assert "16 bit to 8 bit" in fitted.conversions


@pytest.mark.parametrize("planar", [1, 2], ids=["interleaved", "in planes"])
def test_a_deep_colour_tiff_has_its_colours(contract: ModelContract, planar: int) -> None:
    planes = [shades(65535), shades(30000), 65535 - shades(65535)]
    fitted = fit(opened(tiff(16, planes, 2, planar)), contract)
    assert np.abs(fitted.pixels.astype(int) - (np.stack(planes, axis=2) >> 8)).max() <= 1
    assert fitted.conversions == ("16 bit to 8 bit",)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_tiff_is_turned_by_its_own_tag_and_that_is_noted(contract: ModelContract, orientation: int) -> None:
    file = io.BytesIO()
    stored_turned(smooth(90, 70), orientation).save(file, "TIFF", tiffinfo={274: orientation})
    fitted = fit(opened(file.getvalue()), contract)
    assert (fitted.width, fitted.height) == (90, 70)
    assert fitted.conversions == (f"TIFF orientation {orientation} applied",)
    assert_alike(fitted, fit(smooth(90, 70), contract), levels=2)


def png(colour: int, depth: int, width: int, rows: list[bytes], transparent: bytes = b"") -> bytes:
    """A PNG of any depth (PNG, 11.2): Pillow writes few of them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, len(rows), depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = chunk(b"IHDR", header) + (chunk(b"tRNS", transparent) if transparent else b"")
    return b"\x89PNG\r\n\x1a\n" + chunks + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("colour", "depth", "row", "transparent"),
    [
        (0, 1, b"\x0f", b"\0\1"),
        (0, 2, b"\x00\xaa", b"\0\2"),
        (0, 4, b"\x00\x00\xbb\xbb", b"\0\x0b"),
        (0, 8, bytes(4) + b"\x63" * 4, b"\0\x63"),
        (0, 16, bytes(8) + b"\x12\x34" * 4, b"\x12\x34"),
        (2, 8, bytes(12) + b"\1\2\3" * 4, b"\0\1\0\2\0\3"),
        (2, 16, bytes(24) + b"\1\1\2\2\3\3" * 4, b"\1\1\2\2\3\3"),
    ],
    ids=["grey 1", "grey 2", "grey 4", "grey 8", "grey 16", "colour 8", "colour 16"],
)
def test_a_transparent_colour_is_found_at_any_depth(
    contract: ModelContract, colour: int, depth: int, row: bytes, transparent: bytes
) -> None:
    nearest = with_resize(contract, Squash(Interpolation.NEAREST))
    red = replace(nearest, pixels=replace(nearest.pixels, background=(255, 0, 0)))
    fitted = fit(opened(png(colour, depth, 8, [row] * 8, transparent)), red)
    assert fitted.pixels[0, [0, 7]].tolist() == [[0, 0, 0], [255, 0, 0]]
    assert "alpha composited" in fitted.conversions


def test_sixteen_bits_that_the_decoder_drops_are_noted(contract: ModelContract) -> None:
    fitted = fit(opened(png(2, 16, 8, [bytes(range(48))] * 8)), contract)
    assert fitted.conversions == ("16 bit to 8 bit",)


def test_a_cmyk_image_with_a_profile_says_both(contract: ModelContract) -> None:
    """A profile of another kind of image is ignored; what is left is the plain conversion."""
    picture = smooth(40, 30).convert("CMYK")
    picture.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert fit(picture, contract).conversions == ("CMYK to RGB", "ICC profile does not read, ignored")


def test_a_grey_image_for_a_grey_contract_stays_grey_through_its_profile(contract: ModelContract) -> None:
    picture = smooth(40, 30).convert("L")
    picture.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert "colour to grey" not in fit(picture, grey(contract)).conversions
