"""A PNG is as good without metadata that Pillow refuses to read."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from pipeline.contract import ModelContract
from pipeline.images.decode import Decoded, decode
from pipeline.images.png_metadata import IGNORED, removed

BOMB = zlib.compress(bytes(3_000_000))
PROFILE = zlib.compress(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes())


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes, after: bool = False) -> bytes:
    """A picture with these chunks before its pixels, or after them."""
    file = io.BytesIO()
    Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3)).save(file, "PNG")
    data = file.getvalue()
    place = len(data) - 12 if after else 33
    return data[:place] + b"".join(chunks) + data[place:]


TEXT_BOMBS = {
    "zTXt": chunk(b"zTXt", b"comment\0\0" + BOMB),
    "iTXt": chunk(b"iTXt", b"comment\0\1\0\0\0" + BOMB),
    "very much tEXt": chunk(b"tEXt", b"comment\0" + b"a" * 1_000_000) * 70,
    "iCCP": chunk(b"iCCP", b"profile\0\0" + BOMB),
}


@pytest.mark.parametrize("kind", TEXT_BOMBS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_oversized_metadata_costs_no_picture(contract: ModelContract, kind: str, after: bool) -> None:
    outcome = decode(png(TEXT_BOMBS[kind], after=after), contract)
    plain = decode(png(), contract)
    assert isinstance(outcome, Decoded)
    assert isinstance(plain, Decoded)
    assert np.array_equal(outcome.pixels, plain.pixels)
    assert outcome.conversions == (IGNORED,)


def test_ordinary_metadata_is_not_touched(contract: ModelContract) -> None:
    outcome = decode(
        png(chunk(b"tEXt", b"comment\0hello"), chunk(b"zTXt", b"more\0\0" + zlib.compress(b"x"))), contract
    )
    assert isinstance(outcome, Decoded)
    assert outcome.conversions == ()


def test_a_profile_that_can_be_read_stays_beside_a_text_that_cannot() -> None:
    profile = chunk(b"iCCP", b"profile\0\0" + PROFILE)
    assert removed(png(profile, TEXT_BOMBS["zTXt"])) == png(profile)


def test_damage_beside_a_bomb_is_still_found(contract: ModelContract) -> None:
    data = png(TEXT_BOMBS["zTXt"])
    assert not isinstance(decode(data[:-20], contract), Decoded)
