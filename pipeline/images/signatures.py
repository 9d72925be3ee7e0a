"""The first bytes of file formats: enough to tell a person what they uploaded in place of an image that is accepted.

This decides no acceptance: that is the decoders' part (pipeline/images/decode.py).
"""

import re

# A byte order mark, declarations and comments may stand before the first element.
_PROLOG = r"(?:\xef\xbb\xbf)?\s*(?:(?:<\?[^>]*>|<!--(?:(?!-->).)*-->)\s*)*"

_PICTURES: tuple[tuple[str, str], ...] = (
    ("JPEG", r"\xff\xd8\xff"),
    ("PNG", r"\x89PNG\r\n\x1a\n"),
    ("GIF", r"GIF8[79]a"),
    ("WEBP", r"RIFF....WEBP"),
    ("BMP", r"BM.{4}\x00{4}"),
    ("TIFF", r"II[*+]\x00|MM\x00[*+]"),
    ("AVIF", r".{4}ftypavi[fs]"),
    ("HEIF", r".{4}ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)"),
    ("JPEG XL", r"\xff\x0a|\x00\x00\x00\x0cJXL \r\n\x87\n"),
    ("JPEG 2000", r"\x00\x00\x00\x0cjP {2}\r\n\x87\n|\xff\x4f\xff\x51"),
    ("Photoshop (PSD)", r"8BPS"),
    ("icon (ICO)", r"\x00\x00[\x01\x02]\x00[^\x00]\x00"),
    ("DDS", r"DDS "),
    ("OpenEXR", r"\x76\x2f\x31\x01"),
    ("Netpbm", r"P[1-7]\s"),
    ("QOI", r"qoif"),
    ("SVG", _PROLOG + r"<(?:!DOCTYPE )?svg[\s>\[]"),
    ("PDF", r"%PDF-"),
    ("PostScript", r"%!PS|\xc5\xd0\xd3\xc6"),
    ("camera raw", r".{4}ftypcrx |FUJIFILMCCD-RAW|II(?:RO|RS|U\x00)|MMOR"),
)
_OTHER_FILES: tuple[tuple[str, str], ...] = (
    ("HTML", _PROLOG + r"<(?:(?:!DOCTYPE )?html|head|body|title|meta|script|div)[\s>]"),
    ("XML", r"(?:\xef\xbb\xbf)?\s*<\?xml\s"),
    ("ZIP archive", r"PK(?:\x03\x04|\x05\x06)"),
    ("gzip archive", r"\x1f\x8b\x08"),
    ("MP4 or QuickTime video", r".{4}ftyp"),
    ("Matroska or WebM video", r"\x1aE\xdf\xa3"),
    ("AVI video", r"RIFF....AVI "),
)
_PATTERNS = tuple(
    (name, re.compile(pattern.encode("ascii"), re.DOTALL | re.IGNORECASE)) for name, pattern in _PICTURES + _OTHER_FILES
)
_ENOUGH = 1024

NO_PICTURES = frozenset(name for name, _ in _OTHER_FILES)
"""Those of the names that are of nothing that could be converted to a picture: an error page, an archive, a film."""


def recognise(data: bytes) -> str | None:
    """The name of the format that the bytes begin like, Pillow's name where it has one; None where none is known."""
    start = data[:_ENOUGH]
    return next((name for name, pattern in _PATTERNS if pattern.match(start)), None)
