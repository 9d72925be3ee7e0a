"""What an object's name and Content-Type say it is, compared with what its bytes are.

Bytes alone decide what an image is (images/decode.py). A name that says something else costs no image anything, and
is noted on its verdict, because whoever uploads such files, or whatever does, will want to know.

A note is `<what claims it>: <the claim>, but the bytes are <format>`, and is made of the words of the tables below
only: a name is other people's text, and notes are counted.
"""

from collections.abc import Mapping

SUFFIX = "suffix"
CONTENT_TYPE = "Content-Type"

_OF_SUFFIX: Mapping[str, str] = {
    "avif": "AVIF",
    "bmp": "BMP",
    "dib": "BMP",
    "gif": "GIF",
    "heic": "HEIF",
    "heif": "HEIF",
    "jfif": "JPEG",
    "jpe": "JPEG",
    "jpeg": "JPEG",
    "jpg": "JPEG",
    "png": "PNG",
    "tif": "TIFF",
    "tiff": "TIFF",
    "webp": "WEBP",
}

# IANA, "Media Types", with the older names that are still sent. A type that is not here claims nothing, as do the
# types of unknown bytes: application/octet-stream, and S3's own default, binary/octet-stream.
_OF_CONTENT_TYPE: Mapping[str, str] = {
    "application/pdf": "PDF",
    "application/zip": "ZIP archive",
    "image/apng": "PNG",
    "image/avif": "AVIF",
    "image/bmp": "BMP",
    "image/gif": "GIF",
    "image/heic": "HEIF",
    "image/heic-sequence": "HEIF",
    "image/heif": "HEIF",
    "image/heif-sequence": "HEIF",
    "image/jpeg": "JPEG",
    "image/jpg": "JPEG",
    "image/pjpeg": "JPEG",
    "image/png": "PNG",
    "image/svg+xml": "SVG",
    "image/tiff": "TIFF",
    "image/webp": "WEBP",
    "image/x-bmp": "BMP",
    "image/x-ms-bmp": "BMP",
    "image/x-png": "PNG",
    "text/html": "HTML",
    "text/plain": "text",
    "video/mp4": "MP4 or QuickTime video",
    "video/quicktime": "MP4 or QuickTime video",
}


def false_claims(key: str, content_type: str | None, found: str | None) -> tuple[str, ...]:
    """A note for each claim that the bytes are not true to.

    `content_type` is the header as S3 answers it, if it does; `found` the format of the bytes, by Pillow's name or that
    of `pipeline.images.signatures`, and None where nobody knows it: then nothing is a lie.
    """
    if found is None:
        return ()
    suffix = key.rpartition("/")[2].rpartition(".")[2].lower()
    media_type = (content_type or "").partition(";")[0].strip().lower()
    claims = (
        (f"{SUFFIX}: .{suffix}", _OF_SUFFIX.get(suffix) if "." in key else None),
        (f"{CONTENT_TYPE}: {media_type}", _OF_CONTENT_TYPE.get(media_type)),
    )
    return tuple(f"{said}, but the bytes are {found}" for said, claimed in claims if claimed not in (None, found))


def kind(note: str) -> str:
    """What notes are counted by: `suffix`, `Content-Type`, or the note itself where it has no particulars."""
    return note.partition(":")[0]
