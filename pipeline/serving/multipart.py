"""The parts of a form (multipart/form-data, RFC 7578), which is how a browser and `curl -F` send files.

    --boundary CRLF headers CRLF CRLF content CRLF --boundary CRLF ... --boundary--

The whole body is in memory, so a part is a view of it and nothing is copied or written to disk.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

_HEAD_END = b"\r\n\r\n"
_LONGEST_HEAD = 8192
_PARAMETER = re.compile(r';\s*([\w*-]+)=(?:"([^"]*)"|([^;"\s]*))')


class MalformedFormError(Exception):
    """A body that is no form. The text says what was expected."""


@dataclass(frozen=True, slots=True)
class Part:
    """A field of a form; `filename` is empty where it was no file."""

    name: str
    filename: str
    content: memoryview


def parts(content_type: str, body: memoryview, most: int) -> Iterator[Part]:
    """The parts of a body, in order, at most `most`. Raises MalformedFormError."""
    delimiter = b"--" + _boundary(content_type)
    data = body.obj if isinstance(body.obj, bytes | bytearray) else bytes(body)
    end = len(body)
    place = 0 if data.startswith(delimiter, 0, end) else _find(data, b"\r\n" + delimiter, 0, end) + 2
    for _ in range(most + 1):
        place += len(delimiter)
        if data.startswith(b"--", place, end):
            return
        # A sender may pad the delimiter's line (RFC 2046, 5.1.1).
        line_end = _find(data, b"\r\n", place, end)
        if bytes(data[place:line_end]).strip(b" \t"):
            raise MalformedFormError("the boundary is followed by something else: it may be part of a file")
        place = line_end + 2
        following = _find(data, b"\r\n" + delimiter, line_end, end)
        yield _part(data, body, place, following)
        place = following + 2
    raise MalformedFormError(f"the form has more than {most} parts")


def _part(data: bytes | bytearray, body: memoryview, start: int, end: int) -> Part:
    # A part without headers begins with its empty line.
    head_end = start - 2 if data.startswith(b"\r\n", start) else data.find(_HEAD_END, start, end)
    if head_end < 0 or head_end - start > _LONGEST_HEAD:
        raise MalformedFormError("a part has no end of its headers: expected an empty line")
    content = body[head_end + len(_HEAD_END) : end]
    disposition = _disposition(bytes(data[start:head_end]))
    return Part(disposition.get("name", ""), disposition.get("filename", ""), content)


def _disposition(head: bytes) -> dict[str, str]:
    """The parameters of a part's Content-Disposition, which are UTF-8 (RFC 7578, 5.1)."""
    for line in head.decode("utf-8", "replace").split("\r\n"):
        if line.lower().startswith("content-disposition:"):
            return {name.lower(): quoted or token for name, quoted, token in _PARAMETER.findall(line)}
    return {}


def _boundary(content_type: str) -> bytes:
    headers = Message()
    headers["Content-Type"] = content_type
    boundary = headers.get_boundary("")
    if not boundary or len(boundary) > 200 or not boundary.isascii():
        raise MalformedFormError("its Content-Type has no boundary; expected multipart/form-data; boundary=...")
    return boundary.encode("ascii")


def _find(data: bytes | bytearray, what: bytes, start: int, end: int) -> int:
    place = data.find(what, start, end)
    if place < 0:
        raise MalformedFormError("the form ends early: its last boundary is missing")
    return place
