"""Whether a file ends before it says that it does.

Decoders tell a broken picture from an upload that broke off only where they happen to notice. Three kinds of file say
how long they are, and which bytes their pixels take:

    WebP          the length of the RIFF container
    AVIF, HEIF    the lengths of the outermost boxes (ISO/IEC 14496-12, 4.2)
    TIFF          the first directory, and the offsets and lengths of the strips or tiles (TIFF 6.0, section 2)
"""

import struct
from collections.abc import Callable, Mapping

_MOST_BOXES = 4096
_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES = 273, 279, 324, 325
_NUMBERS = {3: "H", 4: "I"}


def ends_early(name: str | None, data: bytes) -> bool:
    """Whether bytes are missing at the end of a file. `name` is as pipeline/images/signatures.py names its format."""
    check = _CHECKS.get(name or "")
    try:
        return check is not None and check(data) > len(data)
    except struct.error:
        # What says how long the file is lies behind its end.
        return True


def _riff(data: bytes) -> int:
    (length,) = struct.unpack_from("<I", data, 4)
    return 8 + int(length)


def _iso_media(data: bytes) -> int:
    offset = 0
    for _ in range(_MOST_BOXES):
        if offset >= len(data):
            break
        (length,) = struct.unpack_from(">I", data, offset)
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, offset + 8)
        if length < 8:
            break
        offset += length
    return offset


def _tiff(data: bytes) -> int:
    order = "<" if data.startswith(b"II") else ">"
    version, directory = struct.unpack_from(f"{order}HI", data, 2)
    if version != 42:
        return 0
    (count,) = struct.unpack_from(f"{order}H", data, directory)
    values = {}
    for place in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(f"{order}HHI", data, place)
        if tag in _STRIPS and kind in _NUMBERS:
            form = f"{order}{length}{_NUMBERS[kind]}"
            outside = struct.calcsize(form) > 4
            (offset,) = struct.unpack_from(f"{order}I", data, place + 8) if outside else (place + 8,)
            values[tag] = struct.unpack_from(form, data, offset)
    ends = (
        offset + length
        for offsets, lengths in ((_STRIP_OFFSETS, _STRIP_BYTES), (_TILE_OFFSETS, _TILE_BYTES))
        for offset, length in zip(values.get(offsets, ()), values.get(lengths, ()), strict=False)
    )
    return max(ends, default=0)


_STRIPS = frozenset({_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES})
_CHECKS: Mapping[str, Callable[[bytes], int]] = {
    "WEBP": _riff,
    "AVIF": _iso_media,
    "HEIF": _iso_media,
    "TIFF": _tiff,
}
