"""The images that a report names because nothing was predicted for them: rejected ones, with their previews, and
failed ones.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline import objects
from pipeline.report.content import MOST_REJECTED, FailedImage, RejectedImage
from pipeline.runs import keys
from pipeline.runs.files import RunFiles, lines
from pipeline.validation import previews

_PREVIEW_BYTES = 1_000_000
"""Of all previews, as they are stored; a page holds them as base64."""
_PREVIEWS_OF_A_REASON = 150
_OBJECTS_READ = 300

Row = Mapping[str, str]


def rejected(files: RunFiles, pictures: Mapping[str, bytes]) -> list[RejectedImage]:
    """At most MOST_REJECTED images of rejected.csv, of each reason those with one of `pictures` (by URI) first."""
    rows = _rows(files, keys.REJECTED, "reason", lambda row: _uri(row) in pictures)
    return [RejectedImage(row["key"], _uri(row), row["reason"], row["detail"], pictures.get(_uri(row))) for row in rows]


def failed(files: RunFiles) -> list[FailedImage]:
    """At most MOST_REJECTED images of failed.csv."""
    return [
        FailedImage(row["key"], _uri(row), row["error"], row["detail"])
        for row in _rows(files, keys.FAILED, "error", lambda row: False)
    ]


def read_previews(files: RunFiles) -> dict[str, bytes]:
    """Pictures of rejected images by their URIs, so many as a page has room for, and no reason without its own."""
    found: dict[str, bytes] = {}
    counted: Counter[str] = Counter()
    left = _PREVIEW_BYTES
    for number, name in enumerate(files.names("previews/")):
        if left <= 0 or number >= _OBJECTS_READ:
            break
        with files.fetch(name) as file:
            documents = objects.parse_lines(file.read())
        for preview in previews.parse(documents):
            if counted[preview.reason] < _PREVIEWS_OF_A_REASON and len(preview.picture) <= left:
                counted[preview.reason] += 1
                left -= len(preview.picture)
                found[objects.s3_uri(preview.bucket, preview.key)] = preview.picture
    return found


def _rows(files: RunFiles, name: str, kind: str, is_wanted: Callable[[Row], bool]) -> Iterator[Row]:
    """Rows of a table, the wanted ones of each kind first, and so many that no kind pushes out another."""
    kinds: defaultdict[str, list[Row]] = defaultdict(list)
    wanted: defaultdict[str, list[Row]] = defaultdict(list)
    with lines(files.fetch(f"results/{name}")) as text:
        for row in csv.DictReader(text):
            of_kind = (wanted if is_wanted(row) else kinds)[row[kind]]
            if len(of_kind) < MOST_REJECTED:
                of_kind.append(row)
    found = {each: (wanted[each] + kinds[each])[:MOST_REJECTED] for each in dict.fromkeys([*wanted, *kinds])}
    each = MOST_REJECTED // max(len(found), 1)
    total = sum(map(len, found.values()))
    for rows in found.values():
        yield from rows[: max(each, MOST_REJECTED - (total - len(rows)))]


def _uri(row: Mapping[str, Any]) -> str:
    return objects.s3_uri(row["bucket"], row["key"])
