"""What an earlier report of the same run shows, for one that is made when its pixels or its history are gone."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

from pipeline.images.thumbnails import MEDIA_TYPE
from pipeline.report.content import CERTAIN, PICTURE_OF, Failure, Sheet, Span

_MEDIA_TYPES = {MEDIA_TYPE, "image/webp"}
"""Of thumbnails; nothing else becomes a part of a page."""


@dataclass(frozen=True)
class Earlier:
    """Nothing of all that, where a report does not have it."""

    sheets: Sequence[Sheet] = ()
    places: Mapping[str, int] = field(default_factory=dict)
    """The place of an image's thumbnail in the sheets, by its URI."""
    rejected: Mapping[str, bytes] = field(default_factory=dict)
    """Pictures of rejected images, by URI."""
    spans: Sequence[Span] = ()
    definition: Mapping[str, Any] | None = None
    failure: Failure | None = None
    threshold: float = CERTAIN


def read(page: str) -> Earlier:
    """What a page has of these. Of a file that is no report of this product, nothing."""
    parser = _Parser()
    parser.feed(page)
    try:
        return _read(json.loads(parser.data), parser)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return Earlier()


def _read(data: Mapping[str, Any], parser: "_Parser") -> Earlier:
    sheets = [
        Sheet(base64.b64decode(text, validate=True), media_type, columns, rows, side, first)
        for text, (first, columns, rows, side, media_type) in zip(parser.sheets, data["sheets"], strict=True)
        if media_type in _MEDIA_TYPES
    ]
    failure = data.get("failure")
    return Earlier(
        sheets=sheets,
        places={place + key: thumbnail for key, place, *_, thumbnail in data["images"] if thumbnail is not None},
        rejected=parser.pictures,
        spans=[
            Span(state, datetime.fromisoformat(started), datetime.fromisoformat(ended), visits, status)
            for state, started, ended, visits, status in data.get("spans", ())
        ],
        definition=data.get("definition"),
        failure=Failure(*failure) if failure else None,
        threshold=float(data.get("threshold") or CERTAIN),
    )


class _Parser(HTMLParser):
    """The parts of a page that hold what it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.data = ""
        self.sheets: list[str] = []
        self.pictures: dict[str, bytes] = {}
        self._inside = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "script":
            self._inside = given.get("id") or given.get("class") or ""
        if tag == "img" and (of := given.get(PICTURE_OF)):
            _, _, encoded = (given.get("src") or "").partition(";base64,")
            self.pictures[of] = base64.b64decode(encoded)

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "data":
            self.data += data
        elif self._inside == "thumbnails":
            self.sheets.append(data)
