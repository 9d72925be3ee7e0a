"""Headers of formats that nothing here decodes: bombs and broken files are told apart from what is merely foreign."""

import io
import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.contract import ModelContract
from pipeline.images.decode import Reason, Rejection, decode
from pipeline.images.foreign_headers import HeaderError, declared_sizes
from pipeline.images.signatures import recognise

NAMES = ["icon (ICO)", "JPEG 2000", "Photoshop (PSD)", "DDS", "QOI", "Netpbm", "AVIF", "HEIF"]
fixed = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def saved(format: str, size: tuple[int, int] = (40, 40), **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)).save(
        file, format, **options
    )
    return file.getvalue()


def psd(width: int = 40, height: int = 40) -> bytes:
    """A PSD without layers whose picture is not compressed. Pillow writes none."""
    header = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, height, width, 8, 3)
    return header + bytes(12) + bytes(2) + bytes(3 * width * height)


FILES = {
    "ICO of PNGs": saved("ICO", sizes=[(16, 16), (32, 32)]),
    "ICO of BMPs": saved("ICO", sizes=[(16, 16), (32, 32)], bitmap_format="bmp"),
    "JPEG 2000 file": saved("JPEG2000"),
    "JPEG 2000 codestream": saved("JPEG2000", no_jp2=True),
    "JPEG 2000 in tiles": saved("JPEG2000", (300, 200), tile_size=(128, 128)),
    "DDS": saved("DDS"),
    "QOI": saved("QOI"),
    "Netpbm": saved("PPM"),
    "PSD": psd(),
}


def read(data: bytes) -> list[tuple[int, int]]:
    name = recognise(data)
    assert name in NAMES
    return list(declared_sizes(name, data))


def reason(data: bytes, contract: ModelContract) -> Reason:
    outcome = decode(data, contract)
    assert isinstance(outcome, Rejection)
    return outcome.reason


@pytest.mark.parametrize("kind", FILES)
def test_the_size_is_the_one_that_the_writer_gave(kind: str) -> None:
    sizes = {
        "ICO of PNGs": [(16, 16), (32, 32)],
        "ICO of BMPs": [(16, 16), (32, 32)],
        "JPEG 2000 in tiles": [(300, 200)],
    }
    assert sorted(read(FILES[kind])) == sizes.get(kind, [(40, 40)])


@pytest.mark.parametrize("kind", FILES)
def test_a_sound_file_of_a_foreign_format_is_not_allowed(contract: ModelContract, kind: str) -> None:
    assert reason(FILES[kind], contract) == Reason.FORMAT_NOT_ALLOWED


@pytest.mark.parametrize("kind", [kind for kind in FILES if kind not in {"DDS", "Netpbm"}])
@fixed
@given(fraction=st.floats(0.3, 0.97))
def test_a_foreign_file_that_broke_off_is_broken(contract: ModelContract, kind: str, fraction: float) -> None:
    data = FILES[kind]
    assert reason(data[: int(len(data) * fraction)], contract) in {Reason.TRUNCATED, Reason.CORRUPT}


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 1, 176, 22)
        + struct.pack("<IiiHHIIiiII", 40, 65535, 65535, 1, 1, 0, 0, 0, 0, 0, 0)
        + bytes(136),
        psd(30_000, 30_000)[:100],
        struct.pack(">4sIIBB", b"qoif", 100_000, 100_000, 3, 0),
        b"P6 # a comment\n60000\n60000 255\n",
        b"DDS " + struct.pack("<IIII", 124, 0, 60_000, 60_000) + bytes(56) + struct.pack("<I", 32) + bytes(48),
        b"\xff\x4f\xff\x51" + struct.pack(">HHIIIIIIIIH", 41, 0, 90_000, 90_000, 0, 0, 64, 64, 0, 0, 1) + b"\7\1\1",
        b"\0\0\0\x14ftypavif\0\0\0\0avif" + b"\0\0\0\x30meta\0\0\0\0\0\0\0\x24iprp\0\0\0\x1cipco"
        b"\0\0\0\x14ispe\0\0\0\0" + struct.pack(">II", 17_000, 17_000),
    ],
    ids=["ICO", "PSD", "QOI", "Netpbm", "DDS", "JPEG 2000", "AVIF"],
)
def test_a_bomb_is_too_many_pixels_whatever_its_format(contract: ModelContract, data: bytes) -> None:
    assert reason(data, contract) == Reason.TOO_MANY_PIXELS


@pytest.mark.parametrize("name", NAMES)
@fixed
@given(data=st.binary(max_size=400))
def test_any_bytes_give_sizes_or_an_error(name: str, data: bytes) -> None:
    with suppress(HeaderError):
        assert all(isinstance(side, int) for size in declared_sizes(name, data) for side in size)


@pytest.mark.parametrize("kind", FILES)
@fixed
@given(changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6))
def test_a_changed_header_gives_sizes_or_an_error(kind: str, changes: list[tuple[int, int]]) -> None:
    data = bytearray(FILES[kind])
    for place, value in changes:
        data[place % len(data)] = value
    for name in NAMES:
        with suppress(HeaderError):
            assert all(isinstance(side, int) for size in declared_sizes(name, bytes(data)) for side in size)


def test_a_format_that_is_not_read_here_declares_nothing() -> None:
    assert list(declared_sizes("PDF", b"%PDF-1.7")) == []
