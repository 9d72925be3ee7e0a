"""What headers declare, read without a decoder: of formats outside the allow-list, and of files no decoder takes.

No decoder sees such a file, and it is rejected in any case. But "we do not take icons" is the wrong thing to tell
somebody whose icon is a decompression bomb, or whose upload broke off: what is dangerous or broken is said first.

    ICO, CUR     the directory, and the BMP or PNG header of each picture (Microsoft, "Icons"; PNG, 5.6)
    JPEG 2000    the boxes, the codestream's SIZ marker, the lengths of tile-parts (ISO/IEC 15444-1, annexes A and I)
    PSD, PSB     the file header and the lengths of the sections (Adobe, "Photoshop File Formats Specification")
    DDS          the header (Microsoft, "DDS_HEADER structure")
    QOI          the header and the end marker (qoiformat.org)
    Netpbm       the header of PBM, PGM and PPM (netpbm.sourceforge.net)
    AVIF, HEIF   the spatial extents of the items (ISO/IEC 23008-12, 6.5.3)

Every step reads a few bytes at an offset that was checked against the file's length, and goes forward: a file of any
kind is read in time proportional to its number of pieces, of which there are at most a few thousand.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Size = tuple[int, int]

_MOST_PIECES = 4096
_BMP_HEADERS = frozenset({40, 108, 124})


class HeaderError(ValueError):
    """The header contradicts itself or the file. `truncated` where the file merely ends too early for it."""

    def __init__(self, words: str, truncated: bool = False) -> None:
        super().__init__(words)
        self.truncated = truncated


def declared_sizes(name: str, data: bytes) -> Iterator[Size]:
    """(width, height) of each picture that the file declares, in its order; none for a format that is not read here.

    `name` is as images/signatures.py names the format. Raises HeaderError, at the end of the pictures that could be
    read, for a header that cannot be true.
    """
    reader = _READERS.get(name)
    return reader(data) if reader else iter(())


def _unpack(form: str, data: bytes, offset: int, what: str) -> tuple[Any, ...]:
    end = offset + struct.calcsize(form)
    if offset < 0 or end > len(data):
        raise HeaderError(f"{what} would lie at bytes {offset} to {end}; the file has {len(data)}", truncated=True)
    return struct.unpack_from(form, data, offset)


def _within(end: int, data: bytes, what: str) -> None:
    if end > len(data):
        raise HeaderError(f"{what} ends at byte {end}; the file has {len(data)}", truncated=True)


def _ico(data: bytes) -> Iterator[Size]:
    (count,) = _unpack("<H", data, 4, "the number of pictures")
    for index in range(min(count, _MOST_PIECES)):
        what = f"picture {index + 1} of {count}"
        *_, size, offset = _unpack("<BBBBHHII", data, 6 + 16 * index, what)
        if offset < 6 + 16 * count:
            raise HeaderError(f"{what} would begin at byte {offset}, inside the directory")
        if data[offset : offset + 8] == b"\x89PNG\r\n\x1a\n":
            yield _png_in_an_icon(data, offset, what)
        else:
            width, height, needed = _bmp_in_an_icon(data, offset, what)
            yield width, height
            if needed > size:
                raise HeaderError(f"{what} has {size} bytes; its header asks for {needed}")
        _within(offset + size, data, what)


def _png_in_an_icon(data: bytes, offset: int, what: str) -> Size:
    length, kind, width, height = _unpack(">I4sII", data, offset + 8, what)
    (checksum,) = _unpack(">I", data, offset + 29, what)
    if (length, kind) != (13, b"IHDR") or zlib.crc32(data[offset + 12 : offset + 29]) != checksum:
        raise HeaderError(f"the PNG header of {what} is broken")
    return width, height


def _bmp_in_an_icon(data: bytes, offset: int, what: str) -> tuple[int, int, int]:
    """Width, height, and how many bytes the colours take. The mask below them may be missing."""
    header_size, width, height, _, depth, compression, _, _, _, used = _unpack("<IiiHHIIiiI", data, offset, what)
    if header_size not in _BMP_HEADERS:
        raise HeaderError(f"{what} is neither a PNG nor a BMP")
    # The colours and the mask below them count as one height.
    width, height = abs(width), abs(height) // 2
    palette = 4 * (used or 1 << depth) if depth <= 8 else 0
    row = (width * depth + 31) // 32 * 4
    return width, height, 0 if compression else header_size + palette + row * height


def _jpeg_2000(data: bytes) -> Iterator[Size]:
    if data.startswith(b"\xff\x4f"):
        yield from _codestream(data, 0, None)
        return
    depth = None
    for kind, start, _ in _boxes(data, 0, len(data)):
        if kind == b"jp2h":
            depth = _image_header_depth(data, start)
        if kind == b"jp2c":
            yield from _codestream(data, start, depth)
            return
    raise HeaderError("there is no picture")


def _image_header_depth(data: bytes, offset: int) -> int | None:
    """The bit depth that the image header box gives all components, as it is coded; None where they differ."""
    _, kind, height, width, _, depth = _unpack(">I4sIIHB", data, offset, "the image header")
    if kind != b"ihdr" or not (width and height):
        raise HeaderError("the image header box is missing or declares no pixels")
    return None if depth == 255 else depth


def _codestream(data: bytes, offset: int, depth: int | None) -> Iterator[Size]:
    start, marker, length = _unpack(">HHH", data, offset, "the codestream")
    if (start, marker) != (0xFF4F, 0xFF51):
        raise HeaderError("the codestream does not begin with its size")
    _, right, bottom, left, top, *tile, components = _unpack(">HIIIIIIIIH", data, offset + 6, "the size")
    if right <= left or bottom <= top or not (tile[0] and tile[1]) or length != 38 + 3 * components:
        raise HeaderError("the size in the codestream contradicts itself")
    yield right - left, bottom - top
    for index in range(components):
        coded, across, down = _unpack(">BBB", data, offset + 42 + 3 * index, "a component")
        if depth is not None and coded != depth:
            raise HeaderError(f"component {index + 1} contradicts the image header")
        if not (0 < across <= right - left and 0 < down <= bottom - top):
            raise HeaderError(f"component {index + 1} has a sample every {across} x {down} pixels")
    _check_tile_parts(data, offset + 4 + length)


def _check_tile_parts(data: bytes, offset: int) -> None:
    """Walks the markers to the end of the codestream. A tile-part of length 0 reaches there, wherever that is."""
    for _ in range(_MOST_PIECES):
        (marker,) = _unpack(">H", data, offset, "the end of the codestream")
        if marker == 0xFFD9:
            return
        if marker < 0xFF4F:
            raise HeaderError(f"no marker at byte {offset} of the codestream")
        (length,) = _unpack(">H", data, offset + 2, "a marker")
        if marker == 0xFF90:
            (length,) = _unpack(">I", data, offset + 6, "a tile-part")
            if length == 0:
                return
            offset += length
            _within(offset, data, "a tile-part")
        else:
            offset += 2 + length
        if length < 2:
            raise HeaderError(f"the marker {marker:#x} declares a length of {length}")


def _psd(data: bytes) -> Iterator[Size]:
    version, channels, height, width, depth = _unpack(">H6xHIIH", data, 4, "the header")
    if version not in {1, 2} or not 1 <= channels <= 56 or depth not in {1, 8, 16, 32}:
        raise HeaderError("the header contradicts itself")
    yield width, height
    offset = 26
    for what in ("the colour mode data", "the image resources", "the layers"):
        form = ">Q" if version == 2 and what == "the layers" else ">I"
        (length,) = _unpack(form, data, offset, what)
        offset += struct.calcsize(form) + length
        _within(offset, data, what)
    (compression,) = _unpack(">H", data, offset, "the picture")
    if compression > 3:
        raise HeaderError(f"the picture is compressed by an unknown method {compression}")
    if compression == 0:
        _within(offset + 2 + channels * height * ((width * depth + 7) // 8), data, "the picture")


def _dds(data: bytes) -> Iterator[Size]:
    size, _, height, width = _unpack("<IIII", data, 4, "the header")
    (pixel_format,) = _unpack("<I", data, 76, "the pixel format")
    if (size, pixel_format) != (124, 32):
        raise HeaderError("the header contradicts itself")
    _within(4 + size, data, "the header")
    yield width, height


def _qoi(data: bytes) -> Iterator[Size]:
    width, height, channels, colours = _unpack(">IIBB", data, 4, "the header")
    if channels not in {3, 4} or colours > 1:
        raise HeaderError("the header contradicts itself")
    yield width, height
    if not data.endswith(bytes(7) + b"\x01"):
        raise HeaderError("the end marker is missing", truncated=True)


# Comments may stand between the kind, the width and the height.
_NETPBM = re.compile(rb"P[1-6](?:\s|#[^\n]*\n)+(\d{1,10})(?:\s|#[^\n]*\n)+(\d{1,10})\s")


def _netpbm(data: bytes) -> Iterator[Size]:
    if header := _NETPBM.match(data):
        yield int(header[1]), int(header[2])


def _iso_media(data: bytes) -> Iterator[Size]:
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind == b"meta":
            yield from _spatial_extents(data, start + 4, end)


def _spatial_extents(data: bytes, start: int, end: int) -> Iterator[Size]:
    """The sizes below a meta box: those of items, of tiles and of thumbnails."""
    for kind, inner, inner_end in _boxes(data, start, end):
        if kind in {b"iprp", b"ipco"}:
            yield from _spatial_extents(data, inner, inner_end)
        elif kind == b"ispe":
            width, height = _unpack(">4xII", data, inner, "the extent of a picture")
            yield width, height


def _boxes(data: bytes, offset: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Each box from `offset` to `end`: its kind, where its content begins, where it ends (ISO/IEC 14496-12, 4.2)."""
    for _ in range(_MOST_PIECES):
        if offset + 8 > end:
            return
        length, kind = _unpack(">I4s", data, offset, "a box")
        start = offset + 8
        if length == 1:
            (length,) = _unpack(">Q", data, start, "the length of a box")
            start += 8
        following = offset + length if length else end
        if following < start:
            raise HeaderError(f"the box {kind!r} at byte {offset} declares a length of {length}")
        _within(following, data, f"the box {kind!r}")
        yield kind, start, following
        offset = following


_READERS: Mapping[str, Callable[[bytes], Iterator[Size]]] = {
    "icon (ICO)": _ico,
    "JPEG 2000": _jpeg_2000,
    "Photoshop (PSD)": _psd,
    "DDS": _dds,
    "QOI": _qoi,
    "Netpbm": _netpbm,
    "AVIF": _iso_media,
    "HEIF": _iso_media,
}
