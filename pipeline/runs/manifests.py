"""A manifest: a JSON array of what a run takes, uploaded by whoever knows when a batch is complete.

    ["incoming/a.jpg", "s3://other-bucket/b.jpg", "incoming/week-47/"]
    [{"prefix": "s3://bucket/incoming/"}, "a.jpg", "week-47/"]

What ends in a slash is a prefix, and everything below it is taken; anything else is the key of one image, in the images
bucket unless it is an s3:// address. The second form is SageMaker's ManifestFile (API reference, `S3DataSource`): every
string is joined to the prefix that stands first.

Each image is taken once: one that is listed twice, or lies under a prefix that is listed too, and a prefix within
another, are no errors. Whether the images are there is for validation to find out: to ask S3 about a million of them
takes longer than this function has.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.errors import InvalidRunInput
from pipeline.given import shown
from pipeline.runs import keys, uploads
from pipeline.runs.fields import LONGEST_KEY, bucket, refuse
from pipeline.runs.listings import ListedImage, write_listing
from pipeline.runs.source_fields import MAX_SOURCES, check_prefix
from pipeline.runs.sources import Listing, Prefix, Source, in_order
from pipeline.runs.uploads import Manifest
from pipeline.settings import StartRunSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LARGEST_MANIFEST = 50_000_000
"""Bytes, some million keys. It is in the function's memory at once; a listing (pipeline/runs/listings.py) is not."""

_SCHEME = "s3://"


@dataclass(frozen=True)
class Named:
    """What a manifest names: no prefix within another, no key twice, and none under a prefix."""

    identity: str
    """Of a trigger that is the manifest as it was read."""
    prefixes: Sequence[Prefix]
    keys: Mapping[str, Sequence[str]]
    """Keys by bucket, in the manifest's order."""

    @property
    def buckets(self) -> set[str]:
        return {prefix.bucket for prefix in self.prefixes} | set(self.keys)

    def sources(self, run_id: str, results_bucket: str) -> tuple[Source, ...]:
        """The prefixes, and a listing in the run's folder for each bucket that keys are of."""
        listings = (Listing(bucket, results_bucket, keys.listing_key(run_id, bucket)) for bucket in self.keys)
        return (*self.prefixes, *listings)

    def write_listings(self, s3: "S3Client", run_id: str, results_bucket: str) -> None:
        for bucket_name, named in self.keys.items():
            key = keys.listing_key(run_id, bucket_name)
            write_listing(s3, results_bucket, key, map(ListedImage, named))


def read_manifest(s3: "S3Client", manifest: Manifest, settings: StartRunSettings) -> Named:
    """Raises InvalidRunInput, which names the manifest, and the position in it."""
    body, identity = _read(s3, manifest)
    try:
        entries = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRunInput(f"{manifest.uri} is no JSON: {error}.") from error
    if not isinstance(entries, list) or not entries:
        refuse(manifest.uri, "a JSON array of keys and prefixes, at least one", entries)
    start = _start(manifest, entries[0])
    if start is not None and len(entries) == 1:
        raise InvalidRunInput(f"{manifest.uri} names nothing after its prefix; for all below it, write [{start!r}].")
    first = 0 if start is None else 1
    prefixes: list[Prefix] = []
    images: dict[str, dict[str, None]] = {}
    for position, entry in enumerate(entries[first:], first):
        field = f"{manifest.uri}[{position}]"
        bucket_name, key = _place(field, entry, start, settings)
        if key.endswith("/") or not key:
            prefixes.append(Prefix(bucket_name, key))
            check_prefix(field, prefixes[-1], settings)
        else:
            images.setdefault(bucket_name, {})[key] = None
    widest = _widest(prefixes)
    named = Named(identity, widest, _beside(images, widest))
    count = len(named.prefixes) + len(named.keys)
    if count > MAX_SOURCES:
        raise InvalidRunInput(
            f"{manifest.uri} names {len(named.prefixes)} prefixes, and keys of {len(named.keys)} buckets: together at"
            f" most {MAX_SOURCES} are taken. Name a prefix that holds several of them, or write several manifests."
        )
    return named


def _read(s3: "S3Client", manifest: Manifest) -> tuple[bytes, str]:
    try:
        return uploads.read(s3, manifest, LARGEST_MANIFEST)
    except ClientError as error:
        if objects.is_missing(error):
            raise InvalidRunInput(f"{manifest.uri} is not there: it was deleted after its upload was told.") from error
        if objects.error_code(error) in {"AccessDenied", "403"}:
            raise InvalidRunInput(
                f"{manifest.uri} may not be read: infra/template.yaml allows manifests of the images bucket only."
            ) from error
        raise


def _start(manifest: Manifest, first: Any) -> str | None:
    """The prefix that every string is joined to; None where there is none, which is our own form."""
    if not isinstance(first, Mapping):
        return None
    start = first.get("prefix")
    if set(first) != {"prefix"} or not isinstance(start, str) or not start.startswith(_SCHEME):
        refuse(f"{manifest.uri}[0]", 'a key, a prefix, or SageMaker\'s {"prefix": "s3://bucket/prefix/"}', first)
    return start


def _place(field: str, entry: Any, start: str | None, settings: StartRunSettings) -> tuple[str, str]:
    """The bucket, and the key or prefix, that an entry names."""
    if not isinstance(entry, str) or not entry:
        refuse(field, "a key such as incoming/a.jpg, or a prefix such as incoming/", entry)
    if start is not None and entry.startswith(_SCHEME):
        refuse(field, "what follows the prefix that stands first", entry)
    place = entry if start is None else start + entry
    if place.startswith(_SCHEME):
        try:
            bucket_name, key = objects.parse_s3_uri(place)
        except ValueError:
            refuse(field, "s3://bucket/key or s3://bucket/prefix/", entry)
        bucket(field, bucket_name)
    elif "://" in place:
        refuse(field, "a key or an s3:// address; a key that holds :// is written s3://bucket/key", entry)
    else:
        bucket_name, key = settings.images_bucket, place
    try:
        length = len(key.encode())
    except UnicodeEncodeError:  # JSON may escape half of a surrogate pair
        refuse(field, "text that can be written as UTF-8", entry)
    if length > LONGEST_KEY:
        raise InvalidRunInput(f"{field}: a key has at most {LONGEST_KEY:,} bytes, and {shown(entry)} has {length:,}.")
    return bucket_name, key


def _widest(prefixes: Iterable[Prefix]) -> list[Prefix]:
    """Those that lie in no other."""
    kept: list[Prefix] = []
    for prefix in in_order(prefixes):
        if not (kept and kept[-1].overlaps(prefix)):
            kept.append(prefix)
    return kept


def _beside(images: Mapping[str, Iterable[str]], prefixes: Iterable[Prefix]) -> dict[str, list[str]]:
    """The keys that lie under none of the prefixes, by bucket."""
    beside: dict[str, list[str]] = {}
    for bucket_name, named in images.items():
        taken = tuple(prefix.prefix for prefix in prefixes if prefix.bucket == bucket_name)
        if left := [key for key in named if not key.startswith(taken)]:
            beside[bucket_name] = left
    return beside
