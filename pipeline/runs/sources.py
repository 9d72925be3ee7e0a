"""Where the images of a run come from.

    Prefix     every object of a bucket whose key starts with it; S3 lists them when the run begins
    Listing    objects of a bucket that somebody chose: a JSON Lines object in S3 names them (pipeline/runs/listings.py)

Each is one distributed map of the state machine, and all of its images lie in one bucket.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.objects import s3_uri


@dataclass(frozen=True)
class Prefix:
    """Every object of `bucket` whose key starts with `prefix`: `a` takes `a/1.jpg` and `ab.jpg`, `a/` the first."""

    bucket: str
    prefix: str

    @property
    def uri(self) -> str:
        return s3_uri(self.bucket, self.prefix)

    @property
    def name(self) -> str:
        """What a person would call it: its last folder, or the bucket."""
        return self.prefix.rstrip("/").rpartition("/")[2] or self.bucket

    def overlaps(self, other: "Prefix") -> bool:
        return self.bucket == other.bucket and (
            self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)
        )

    def to_json(self) -> dict[str, Any]:
        return {"kind": "prefix", "bucket": self.bucket, "prefix": self.prefix}


@dataclass(frozen=True)
class Listing:
    """The objects of `bucket` that the object `listing_key` of `listing_bucket` names."""

    bucket: str
    listing_bucket: str
    listing_key: str

    @property
    def uri(self) -> str:
        return s3_uri(self.listing_bucket, self.listing_key)

    @property
    def name(self) -> str:
        """What a person would call it: the file's name without its suffix."""
        return self.listing_key.rpartition("/")[2].partition(".")[0] or self.bucket

    def to_json(self) -> dict[str, Any]:
        listing = {"bucket": self.listing_bucket, "key": self.listing_key}
        return {"kind": "listing", "bucket": self.bucket, "listing": listing}


Source = Prefix | Listing


def in_order(prefixes: Iterable[Prefix]) -> list[Prefix]:
    """Each directly before what it contains: where any two overlap, neighbours do."""
    return sorted(prefixes, key=lambda prefix: (prefix.bucket, prefix.prefix))


def from_json(document: Mapping[str, Any]) -> Source:
    """Reads what `to_json` wrote."""
    if document["kind"] == "listing":
        return Listing(document["bucket"], document["listing"]["bucket"], document["listing"]["key"])
    return Prefix(document["bucket"], document["prefix"])
