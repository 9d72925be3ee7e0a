"""Whether a file ends before it says that it does.

Decoders tell a broken picture from an upload that broke off only where they happen to notice, and rarely in a header.
Files say how long they are, or where their pixels begin:

    WebP          the length of the RIFF container
    AVIF, HEIF    the lengths of the outermost boxes (ISO/IEC 14496-12, 4.2)
    TIFF          the first directory: the offsets and lengths of its values, and of the strips or tiles (TIFF 6.0, 2)
    PNG           the lengths of the chunks, of which IEND is the last (PNG, 5.3)
    JPEG          the lengths of the segments up to the first scan (T.81, B.1.1)
    GIF           the palette and the blocks up to the first picture (GIF89a, 18 to 23)
    BMP           the offset of the pixels
"""

import struct
from collections.abc import Callable, Mapping

_MOST_PIECES = 4096
_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES = 273, 279, 324, 325
_NUMBERS = {3: "H", 4: "I"}
_TIFF_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_FIRST_SEGMENT, _SCAN, _NO_SEGMENTS = 0xFFC0, 0xFFDA, frozenset({*range(0xFFD0, 0xFFDA), 0xFFFF})
_EXTENSION, _PICTURE = b"\x21", b"\x2c"


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
    offset, kinds = 0, set()
    for _ in range(_MOST_PIECES):
        if offset >= len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, offset)
        kinds.add(kind)
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, offset + 8)
        if length < 8:
            break
        offset += length
    # Between two boxes nothing says that another one follows; but pixels lie in a box of this kind.
    return offset if b"mdat" in kinds else offset + 1


def _tiff(data: bytes) -> int:
    order = "<" if data.startswith(b"II") else ">"
    version, directory = struct.unpack_from(f"{order}HI", data, 2)
    if version != 42:
        return 0
    (count,) = struct.unpack_from(f"{order}H", data, directory)
    values, end = {}, 0
    for place in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(f"{order}HHI", data, place)
        size = _TIFF_BYTES.get(kind, 0) * length
        (offset,) = struct.unpack_from(f"{order}I", data, place + 8) if size > 4 else (place + 8,)
        end = max(end, offset + size)
        if tag in _STRIPS and kind in _NUMBERS:
            values[tag] = struct.unpack_from(f"{order}{length}{_NUMBERS[kind]}", data, offset)
    strips = (
        offset + length
        for offsets, lengths in ((_STRIP_OFFSETS, _STRIP_BYTES), (_TILE_OFFSETS, _TILE_BYTES))
        for offset, length in zip(values.get(offsets, ()), values.get(lengths, ()), strict=False)
    )
    return max(end, max(strips, default=0))


def _png(data: bytes) -> int:
    offset = 8
    for _ in range(_MOST_PIECES):
        length, kind = struct.unpack_from(">I4s", data, offset)
        if not kind.isalpha():
            break
        offset += 12 + length
        if kind == b"IEND" or offset > len(data):
            break
    return offset


def _jpeg(data: bytes) -> int:
    offset = 2
    for _ in range(_MOST_PIECES):
        (marker,) = struct.unpack_from(">H", data, offset)
        if marker < _FIRST_SEGMENT or marker in _NO_SEGMENTS:
            break
        (length,) = struct.unpack_from(">H", data, offset + 2)
        offset += 2 + length
        if marker == _SCAN:
            break
    return offset


def _gif(data: bytes) -> int:
    offset = 13 + _gif_palette(data, 10)
    for _ in range(_MOST_PIECES):
        block = data[offset : offset + 1]
        if block != _EXTENSION:
            return offset + 11 + _gif_palette(data, offset + 9) if block == _PICTURE else offset + 1
        offset = _after_sub_blocks(data, offset + 2)
    return offset


def _after_sub_blocks(data: bytes, offset: int) -> int:
    for _ in range(_MOST_PIECES):
        (size,) = struct.unpack_from("B", data, offset)
        offset += 1 + size
        if size == 0:
            break
    return offset


def _gif_palette(data: bytes, flags_at: int) -> int:
    (flags,) = struct.unpack_from("B", data, flags_at)
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _bmp(data: bytes) -> int:
    return int(struct.unpack_from("<I", data, 10)[0])


_STRIPS = frozenset({_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES})
_CHECKS: Mapping[str, Callable[[bytes], int]] = {
    "WEBP": _riff,
    "AVIF": _iso_media,
    "HEIF": _iso_media,
    "TIFF": _tiff,
    "PNG": _png,
    "JPEG": _jpeg,
    "GIF": _gif,
    "BMP": _bmp,
}
