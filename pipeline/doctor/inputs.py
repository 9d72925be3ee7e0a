"""Where failures are read from: a text, a log file of any size, the folder of a run, or an error as JSON.

FailureReason, log line                  as it is
log file, gzipped or not                 streamed; a line longer than 64 KB is cut into several, and one of our own, as
                                         CloudWatch has ours, is read as its text
out/<run_id>/                            failed.csv, logs/, and what summary.json says of jobs
{"Error", "Cause"}, a job's description  the texts in it, JSON inside of texts included
"""

import csv
import gzip
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from gzip import GzipFile
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.telemetry.reading import as_text

_LONGEST_LINE = 64 * 1024
_LONGEST_DOCUMENT = 8 * 1024 * 1024
_DEEPEST = 50
_FAILED_COLUMNS = {"bucket", "key", "error", "detail"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a source, counted from 1. `object_uri` is the object that it is about, where the source says so."""

    text: str
    source: str = ""
    number: int = 0
    object_uri: str = ""

    @property
    def place(self) -> str:
        return f"{self.source} line {self.number}" if self.number else self.source


def lines_of(path: Path) -> Iterator[Line]:
    """The lines of a file, or of the files of a run's folder. Raises OSError where there is none."""
    if path.is_dir():
        yield from _lines_of_run(path)
    elif path.suffix == ".gz":
        with gzip.open(path, "rb") as packed, suppress(EOFError):  # a log that broke off is read as far as it goes
            yield from lines_in_stream(packed, str(path))
    else:
        with path.open("rb") as file:
            yield from lines_in_stream(file, str(path))


def lines_in_stream(stream: BinaryIO | GzipFile, source: str) -> Iterator[Line]:
    """The lines of a stream of bytes; of a JSON document, its texts; of failed.csv, its rows."""
    read = 0
    if _looks_like_json(stream):
        head = _read_whole(stream, _LONGEST_DOCUMENT).decode("utf-8", "replace")
        if len(head) < _LONGEST_DOCUMENT:
            yield from lines_in_text(head, source)
            return
        for read, line in enumerate(head.splitlines(), start=1):
            yield from _told(line, source, read)
    text = TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="")
    try:
        yield from _rows(text, source) if Path(source).name == "failed.csv" else _numbered(text, source, read)
    finally:
        text.detach()


def lines_in_text(text: str, source: str = "") -> Iterator[Line]:
    """The lines of a text; where the text is a JSON document, those of the texts in it."""
    if text.lstrip()[:1] in {"{", "["}:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            yield from (Line(line, source) for line in _texts(document))
            return
    for number, line in enumerate(text.splitlines(), start=1):
        yield from _told(line, source, number if source else 0)


def _looks_like_json(stream: BinaryIO | GzipFile) -> bool:
    return isinstance(stream, BufferedReader | GzipFile) and stream.peek(64).lstrip()[:1] in {b"{", b"["}


def _read_whole(stream: BinaryIO | GzipFile, most: int) -> bytes:
    parts, size = [], 0
    while size < most and (part := stream.read(most - size)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _numbered(text: TextIOWrapper, source: str, number: int = 0) -> Iterator[Line]:
    starts = True
    while line := text.readline(_LONGEST_LINE):
        number += starts
        starts = line.endswith("\n")
        yield from _told(line.rstrip("\r\n"), source, number)


def _told(line: str, source: str, number: int) -> Iterator[Line]:
    """A line; one of our own logs as its message, and the lines of its traceback."""
    for part in as_text(line).split("\n"):
        yield Line(part[:_LONGEST_LINE], source, number)


def _rows(text: TextIOWrapper, source: str) -> Iterator[Line]:
    """A row of failed.csv is one line, about one object."""
    rows = csv.DictReader(text)
    if not _FAILED_COLUMNS.issubset(rows.fieldnames or ()):
        yield from _numbered(text, source)
        return
    for number, row in enumerate(rows, start=2):
        uri = f"s3://{row['bucket']}/{row['key']}"
        yield Line(f"{row['error']}: {row['detail']}", source, number, uri)


def _texts(value: Any, name: str = "", depth: int = 0) -> Iterator[str]:
    """The lines of the texts in a document; a name is told with its text, for `"Error": "CapacityError"` says much."""
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, str(key), depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, name, depth + 1)
    elif isinstance(value, str):
        nested = _parsed(value)
        if nested is not None:
            yield from _texts(nested, name, depth + 1)
        else:
            yield from (f"{name}: {line}" if name else line for line in value.splitlines())
    elif isinstance(value, int | float) and name:
        yield f"{name}: {value}"


def _parsed(text: str) -> Any:
    """The object or list in a text, as in a Cause."""
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _lines_of_run(folder: Path) -> Iterator[Line]:
    if (folder / "failed.csv").is_file():
        yield from lines_of(folder / "failed.csv")
    if (folder / "summary.json").is_file():
        yield from _lines_of_summary(folder / "summary.json")
    logs = sorted(path for path in (folder / "logs").glob("*") if path.is_file()) if (folder / "logs").is_dir() else []
    for path in logs:
        yield from lines_of(path)


def _lines_of_summary(path: Path) -> Iterable[Line]:
    """What a summary says that failed.csv does not: how jobs ended, and what does not add up."""
    try:
        summary = json.loads(path.read_bytes())
    except ValueError:
        return
    jobs = [{"error": job.get("error"), "cause": job.get("cause")} for job in summary.get("partitions", [])]
    yield from (Line(line, str(path)) for line in _texts(jobs))
    if summary.get("adds_up") is False:
        yield from (Line(f"RunDoesNotAddUp: {problem}", str(path)) for problem in summary.get("problems", []))
