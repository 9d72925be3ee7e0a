"""What a file is by its first bytes; not trusted with anything but a sentence for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.images.signatures import recognise


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"GIF89a", "GIF"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "WEBP"),
        (b"II*\x00", "TIFF"),
        (b"MM\x00*", "TIFF"),
        (b"\x00\x00\x00\x1cftypavif", "AVIF"),
        (b"\x00\x00\x00\x18ftypheic", "HEIF"),
        (b"\xff\x0a", "JPEG XL"),
        (b"8BPS\x00\x01", "Photoshop (PSD)"),
        (b"\x00\x00\x01\x00\x01\x00", "icon (ICO)"),
        (b"%PDF-1.4", "PDF"),
        (b"PK\x03\x04", "ZIP archive"),
        (b"<svg>", "SVG"),
        (
            b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a - b --><!-- c -->\n<!DOCTYPE svg PUBLIC "x">\n<svg xmlns="x">',
            "SVG",
        ),
        (b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY ns "x">]>\n<svg xmlns="&ns;">', "SVG"),
        (b"<?xml version='1.0'?><rss>", "XML"),
        (b"<!doctype HTML>", "HTML"),
        (b"\n<!-- nginx --><HTML lang=en>", "HTML"),
        (b"<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC 'x'>", "HTML"),
        (b"\x00\x00\x00\x18ftypmp42", "MP4 or QuickTime video"),
        (b"\x00\x00\x00\x18ftypcrx ", "camera raw"),
    ],
)
def test_a_format_is_recognised_by_its_first_bytes(data: bytes, name: str) -> None:
    assert recognise(data + bytes(20)) == name


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "Z"])))
def test_plain_words_are_no_format(text: str) -> None:
    assert recognise(f"Note: {text}".encode()) is None


@pytest.mark.parametrize("piece", [b"<!---->", b"<??>", b"<?>\n", b"<!-- \n"])
def test_a_text_made_to_stall_a_pattern_stalls_nothing(piece: bytes) -> None:
    """Backtracking over these takes 2 to the power of 140 steps where the pattern lets one piece be two."""
    assert recognise(piece * (1024 // len(piece))) is None
