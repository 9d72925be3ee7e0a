"""PNGs whose metadata is a bomb, or merely longer than Pillow reads: the picture is as good without it.

Pillow refuses a whole file over a compressed text or colour profile that inflates to more than a megabyte, and over
much text in all (Pillow, "Text in PNG File Format"). Neither says anything about the pixels.
"""

import struct
import zlib
from collections.abc import Iterator

from PIL import PngImagePlugin

IGNORED = "metadata too large, ignored"

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_FRAME = struct.Struct(">I4s")
_CHECKSUM_BYTES = 4


def is_too_large(error: BaseException | None) -> bool:
    """Whether this is how Pillow refuses metadata."""
    return isinstance(error, ValueError) and ("MAX_TEXT" in str(error))


def removed(data: bytes) -> bytes:
    """The PNG without its texts, and without a colour profile that is longer than Pillow reads."""
    return _SIGNATURE + b"".join(chunk for kind, chunk in _chunks(data) if not _is_excess(kind, chunk))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk's kind, and the chunk itself; the last one as much as there is of it (PNG, 5.3)."""
    offset = len(_SIGNATURE)
    while offset + _FRAME.size <= len(data):
        length, kind = _FRAME.unpack_from(data, offset)
        end = offset + _FRAME.size + length + _CHECKSUM_BYTES
        yield kind, data[offset:end]
        offset = end


def _is_excess(kind: bytes, chunk: bytes) -> bool:
    if kind != b"iCCP":
        return kind in _TEXTS
    _, _, compressed = chunk[_FRAME.size : -_CHECKSUM_BYTES].partition(b"\0")
    inflating = zlib.decompressobj()
    try:
        inflating.decompress(compressed[1:], PngImagePlugin.MAX_TEXT_CHUNK)
    except zlib.error:
        return False
    return bool(inflating.unconsumed_tail)
