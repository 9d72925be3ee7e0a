"""Verdicts: what validation decided about one image, as one line of JSON.

    {"verdict": "accepted", "bucket", "key", "etag", "size", "width", "height", "format", "conversions": [...],
     "notes": [...], "shard"}
    {"verdict": "rejected", "bucket", "key", "etag", "size", "reason", "detail", "notes": [...], "quarantined"}
    {"verdict": "skipped", "bucket", "key", "etag", "run_id"}

`etag` (without its quotes) and `size` are those of the bytes that were read. Where those are no longer the bytes that
were listed, because somebody overwrote the object in between, the new ones are judged, and `changed since listing` is
among the notes.

`conversions` are what was done to the pixels; `notes` what is odd about the object and decides nothing
(pipeline/images/claims.py); `quarantined` says what became of a rejected object (pipeline/validation/quarantine.py).
A skipped image was predicted before, by the run that its verdict names, and has not been read (pipeline/ledger).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.errors import CorruptVerdicts
from pipeline.shards import Row

CHANGED_SINCE_LISTING = "changed since listing"
FOREIGN_LEDGER_ITEM = "foreign item in the ledger"
"""The note of an image of which the ledger has an item that is no entry: it was predicted again."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An image whose pixels lie in the shard with the id `shard`."""

    row: Row
    format: str
    conversions: tuple[str, ...]
    notes: tuple[str, ...]
    shard: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """An image that cannot be predicted: a reason code of `images.decode`, and the words of whoever refused it."""

    bucket: str
    key: str
    etag: str
    size: int
    reason: str
    detail: str
    notes: tuple[str, ...] = ()
    quarantined: str = ""
    """`s3://...` of the copy; `tagged`; `not copied: <why>` or `not tagged: <why>`; empty where nothing was tried."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """An image that the run `run_id` predicted, unchanged since, as are the model and its contract."""

    bucket: str
    key: str
    etag: str
    run_id: str


Verdict = Accepted | Rejected | Skipped


def to_json(verdict: Verdict) -> dict[str, Any]:
    """The document of one line."""
    document = _fields(verdict)
    if isinstance(verdict, Accepted):
        return {"verdict": "accepted", **_fields(document.pop("row")), **document}
    return {"verdict": "rejected" if isinstance(verdict, Rejected) else "skipped", **document}


def _fields(value: Verdict | Row) -> dict[str, Any]:
    """As `dataclasses.asdict` without its copies, which every image of a run would pay for."""
    return {name: getattr(value, name) for name in value.__slots__}


def from_json(document: Mapping[str, Any]) -> Verdict:
    """Read one line back; a line that is no verdict raises CorruptVerdicts, which shows it."""
    try:
        if document["verdict"] == "accepted":
            conversions, notes = tuple(document["conversions"]), tuple(document["notes"])
            return Accepted(Row.from_json(document), document["format"], conversions, notes, document["shard"])
        if document["verdict"] == "rejected":
            fields = {name: document[name] for name in Rejected.__slots__}
            return Rejected(**{**fields, "notes": tuple(document["notes"])})
        if document["verdict"] == "skipped":
            return Skipped(**{name: document[name] for name in Skipped.__slots__})
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptVerdicts(f"This line is no verdict ({error!r}): {document!r:.300}") from error
    raise CorruptVerdicts(f"A verdict is accepted, rejected or skipped, not {document['verdict']!r}: {document!r:.300}")
