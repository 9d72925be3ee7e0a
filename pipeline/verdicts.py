"""Verdicts: what validation decided about one image, as one line of JSON.

    {"verdict": "accepted", "bucket", "key", "etag", "size", "width", "height", "format", "conversions": [...], "shard"}
    {"verdict": "rejected", "bucket", "key", "etag", "size", "reason", "detail"}

`etag` (without its quotes) and `size` are those of the bytes that were read. Where those are no longer the bytes that were listed,
because somebody overwrote the object in between, an accepted verdict has `changed since listing` among its conversions.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.errors import CorruptVerdicts

CHANGED_SINCE_LISTING = "changed since listing"


@dataclass(frozen=True, slots=True)
class Source:
    """The object an image came from."""

    bucket: str
    key: str
    etag: str
    size: int

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Accepted:
    source: Source
    width: int
    height: int
    """Width and height are those of the image as people see it: after EXIF orientation, before resizing."""
    format: str
    conversions: tuple[str, ...]
    shard: str
    """The id of the shard that holds the pixels."""


@dataclass(frozen=True, slots=True)
class Rejected:
    source: Source
    reason: str
    detail: str


Verdict = Accepted | Rejected


def to_json(verdict: Verdict) -> dict[str, Any]:
    document = asdict(verdict)
    kind = "accepted" if isinstance(verdict, Accepted) else "rejected"
    return {"verdict": kind, **document.pop("source"), **document}


def from_json(document: Mapping[str, Any]) -> Verdict:
    """Read one line back; a line that is no verdict raises CorruptVerdicts, which shows it."""
    try:
        source = Source(document["bucket"], document["key"], document["etag"], document["size"])
        match document["verdict"]:
            case "accepted":
                return Accepted(
                    source=source,
                    width=document["width"],
                    height=document["height"],
                    format=document["format"],
                    conversions=tuple(document["conversions"]),
                    shard=document["shard"],
                )
            case "rejected":
                return Rejected(source, document["reason"], document["detail"])
            case other:
                raise CorruptVerdicts(f"A verdict is accepted or rejected, not {other!r}: {document!r}")
    except (KeyError, TypeError) as error:
        raise CorruptVerdicts(f"This line is no verdict ({error!r} is missing or malformed): {document!r}") from error
