"""Bytes of an uploaded file -> pixels that fit the contract, or a rejection with a reason.

The order of the checks is the point of this module. Bytes decide, never a key's suffix; only decoders of the allow-list
see them; the size that a header declares is checked before anything is decoded; then the file is verified (which sees
bad checksums that decoding passes over) and decoded (which sees truncation that verifying passes over). One decoder,
Pillow, decides what is broken. A file that none of them takes is named by its first bytes, and what its header declares
is read without a decoder: a bomb and an upload that broke off are told so, whatever their format.

What is merely unusual is converted and noted, not rejected: CMYK, 16 bit, palettes, transparency, EXIF orientation,
colour profiles, broken EXIF (pipeline/images/pixels.py).
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from pipeline.contract import ModelContract
from pipeline.images import decoders, pixels, png_metadata
from pipeline.images.foreign_headers import HeaderError, declared_sizes
from pipeline.images.signatures import NO_PICTURES, recognise
from pipeline.images.truncation import ends_early
from pipeline.limits import DEFAULT_LIMITS, Animation, Limits


class Reason(StrEnum):
    """Why an image was rejected. The values stand in verdicts, in rejected.csv and in summaries."""

    EMPTY = "empty"
    """The object has no bytes."""
    NOT_AN_IMAGE = "not_an_image"
    """The bytes are no picture: words, a web page, an archive, a film, or nothing that is known here."""
    FORMAT_NOT_ALLOWED = "format_not_allowed"
    """The bytes are of a known format of pictures or pages that is not on the allow-list, or has no decoder here."""
    TRUNCATED = "truncated"
    """The file ends before its picture does: an upload that broke off."""
    CORRUPT = "corrupt"
    """The file is of an allowed format and does not decode."""
    TOO_MANY_PIXELS = "too_many_pixels"
    """The header declares more pixels than the limit; nothing was decoded."""
    TOO_MANY_BYTES = "too_many_bytes"
    """The object is larger than the limit; it was not read."""
    TOO_SMALL = "too_small"
    """A side is shorter than the limit. The default limit, one pixel, refuses nothing."""
    ANIMATED = "animated"
    """The file has several frames, and the policy says to refuse that."""
    UNREADABLE = "unreadable"
    """S3 refused the object: deleted since it was listed, no access, archived."""
    CRASHES_DECODER = "crashes_decoder"
    """The decoder killed the process, or ran out of memory, on this image alone."""
    DECODE_TIMEOUT = "decode_timeout"
    """The decoder did not end within the time limit, on this image alone."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """An accepted image.

    `pixels` is uint8 [H, W, C] as the contract's input says, RGB or grey. `width` and `height` are the original's as a
    person sees it, EXIF orientation applied where the contract applies it. `conversions` says what was done to it.
    `picture` is the same pixels, RGB or L.
    """

    pixels: npt.NDArray[np.uint8]
    picture: Image.Image
    width: int
    height: int
    format: str
    conversions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejected image: the reason, and the words of whoever refused it."""

    reason: Reason
    detail: str


class _RejectedError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.rejection = Rejection(reason, detail)


def decode(
    data: bytes,
    contract: ModelContract,
    limits: Limits = DEFAULT_LIMITS,
    out: npt.NDArray[np.uint8] | None = None,
) -> Decoded | Rejection:
    """The pixels of one file, as the contract wants them, or why not. Raises nothing for any bytes.

    With `out`, uint8 [H, W, C], the pixels are written there and `Decoded.pixels` is `out`; a rejection may leave
    anything in it.

    Threads may decode at the same time if they share limits, and if somebody is in `pillow_under` them meanwhile.
    """
    try:
        with pillow_under(limits):
            return _decode(data, contract, limits, out)
    except _RejectedError as error:
        return error.rejection


@contextmanager
def pillow_under(limits: Limits) -> Iterator[None]:
    """Our pixel limit is Pillow's as well: it looks inside files, at frames for which memory is needed on opening.

    Pillow's limit is the process's. Around threads that decode, it is set once: what each of them restores is the same.
    """
    before = Image.MAX_IMAGE_PIXELS
    # Pillow refuses what has more than twice as many, and warns of what has more.
    Image.MAX_IMAGE_PIXELS = (limits.max_pixels + 1) // 2
    try:
        with warnings.catch_warnings():
            # A warning never decides about an image.
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _decode(
    data: bytes, contract: ModelContract, limits: Limits, out: npt.NDArray[np.uint8] | None
) -> Decoded | Rejection:
    if not data:
        raise _RejectedError(Reason.EMPTY, "the object has no bytes")
    if len(data) > limits.max_bytes:
        raise _RejectedError(Reason.TOO_MANY_BYTES, f"{len(data)} bytes; the limit is {limits.max_bytes}")
    try:
        image, fitted = _read(data, contract, limits)
        conversions = fitted.conversions
    except _RejectedError as error:
        if not png_metadata.is_too_large(error.__cause__):
            raise
        image, fitted = _read(png_metadata.removed(data), contract, limits)
        conversions = (*fitted.conversions, png_metadata.IGNORED)
    conversions += _frames(image, limits)
    target = np.empty(contract.input.pixel_shape, np.uint8) if out is None else out
    np.copyto(target, fitted.pixels)
    name = "JPEG" if image.format == "MPO" else str(image.format)
    return Decoded(target, fitted.picture, fitted.width, fitted.height, name, conversions)


def _read(data: bytes, contract: ModelContract, limits: Limits) -> tuple[Image.Image, pixels.Fitted]:
    image = _open(data, limits)
    _check_size(image.width, image.height, limits)
    if image.info.get("progressive"):
        _check_scans(data)
    try:
        if image.format == "PNG":
            # The only decoder that verifies anything (chunk checksums). A verified image has to be opened again.
            image.verify()
            image = _open(data, limits)
        return image, pixels.fit(image, contract)
    except _RejectedError:
        raise
    except Exception as error:
        raise _decoder_refused(error, data) from error


def _open(data: bytes, limits: Limits) -> Image.Image:
    """Parses the header. Nothing is decoded yet."""
    try:
        return Image.open(BytesIO(data), formats=sorted(limits.formats & decoders.available()))
    except UnidentifiedImageError:
        raise _unidentified(data, limits) from None
    except Exception as error:
        raise _decoder_refused(error, data) from error


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width < 1 or height < 1:
        raise _RejectedError(Reason.CORRUPT, f"the header declares {width} x {height} pixels")
    if width * height > limits.max_pixels:
        raise _too_many_pixels(width, height, limits)
    if min(width, height) < limits.min_side:
        raise _RejectedError(
            Reason.TOO_SMALL, f"{width} x {height} pixels; no side may be shorter than {limits.min_side}"
        )


def has_too_many_scans(data: bytes) -> bool:
    """A progressive JPEG is decoded anew for every scan it has, of which a few bytes make one more."""
    return _scans(data) > _MOST_SCANS


def _check_scans(data: bytes) -> None:
    if has_too_many_scans(data):
        raise _RejectedError(Reason.CORRUPT, f"{_scans(data)} progressive scans; at most {_MOST_SCANS} are decoded")


def _scans(data: bytes) -> int:
    return len(_SCAN.findall(data))


# The marker of a scan, its length, and its one to four components (T.81, B.2.3). Encoders write about ten of them;
# libjpeg-turbo's own tools advise to stop at 500.
_SCAN = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
_MOST_SCANS = 500


def _too_many_pixels(width: int, height: int, limits: Limits) -> _RejectedError:
    words = f"{width} x {height} pixels declared; the limit is {limits.max_pixels} pixels"
    return _RejectedError(Reason.TOO_MANY_PIXELS, words)


def _frames(image: Image.Image, limits: Limits) -> tuple[str, ...]:
    """Looked at when the first frame is safe: to count a GIF's frames is to read them, and later ones may be broken."""
    if image.format == "MPO":
        return ()
    try:
        animated = bool(getattr(image, "is_animated", False))
    except Exception:  # noqa: BLE001 - whatever is wrong with later frames, the first one decoded
        animated = True
    if not animated:
        return ()
    if limits.animated is Animation.REJECT:
        raise _RejectedError(Reason.ANIMATED, "the file has several frames, and this run refuses animations")
    return (pixels.FIRST_FRAME,)


def _unidentified(data: bytes, limits: Limits) -> _RejectedError:
    """No decoder of the allow-list wants the bytes: say what they are instead."""
    found = recognise(data)
    if found is None:
        return _RejectedError(Reason.NOT_AN_IMAGE, f"the bytes begin {data[:32]!r}, as no known format does")
    if found in NO_PICTURES:
        return _RejectedError(Reason.NOT_AN_IMAGE, f"the bytes are {found}, and no picture")
    if worse := _broken_header(data, found, limits):
        return worse
    if found in limits.formats & decoders.available():
        return _header_refused(data, found)
    return _RejectedError(Reason.FORMAT_NOT_ALLOWED, _why_not(found, limits))


def _why_not(found: str, limits: Limits) -> str:
    if found in limits.formats:
        return f"the bytes are {found}, and nothing here decodes it; that takes {decoders.where_from(found)}"
    return f"the bytes are {found}; allowed are {', '.join(sorted(limits.formats))}"


def _broken_header(data: bytes, found: str, limits: Limits) -> _RejectedError | None:
    """What is worse about a file of another format than its format."""
    try:
        for width, height in declared_sizes(found, data):
            if width * height > limits.max_pixels:
                return _too_many_pixels(width, height, limits)
    except HeaderError as error:
        return _RejectedError(Reason.TRUNCATED if error.truncated else Reason.CORRUPT, f"{found}: {error}")
    return None


def _header_refused(data: bytes, name: str) -> _RejectedError:
    """`Image.open` keeps to itself why a decoder refused a header, so the decoder is asked again."""
    try:
        Image.OPEN[name][0](BytesIO(data), "").close()
    except Exception as error:  # noqa: BLE001 - see _decoder_refused
        return _decoder_refused(error, data)
    return _RejectedError(Reason.CORRUPT, f"the bytes begin as {name}, but no decoder takes them")


_ENDS_EARLY = re.compile(r"truncat|end of (file|data)|\bEOF\b|not enough|incomplete|premature", re.IGNORECASE)


def _decoder_refused(error: Exception, data: bytes) -> _RejectedError:
    """Hostile bytes make a decoder raise anything at all; the error's class says little, its words say more."""
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, Image.DecompressionBombError):
        return _RejectedError(Reason.TOO_MANY_PIXELS, words)
    if isinstance(error, MemoryError):
        return _RejectedError(Reason.CRASHES_DECODER, words)
    if isinstance(error, EOFError) or _ENDS_EARLY.search(words):
        return _RejectedError(Reason.TRUNCATED, words)
    if ends_early(recognise(data), data):
        return _RejectedError(Reason.TRUNCATED, f"{words}; the file ends before it says that it does")
    return _RejectedError(Reason.CORRUPT, words)
