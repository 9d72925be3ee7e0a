"""What an execution's input says a run is over: its fields `prefixes` and `images`, made into sources.

No image may be under two of them: it would be predicted twice, and counted twice.
"""

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from pipeline.errors import InvalidRunInput
from pipeline.objects import parse_s3_uri
from pipeline.runs import date_templates
from pipeline.runs.control_files import LISTING_SUFFIX
from pipeline.runs.fields import BUCKET, LONGEST_KEY, bucket, few, refuse
from pipeline.runs.sources import Listing, Prefix, Source, in_order
from pipeline.settings import StartRunSettings

MAX_SOURCES = 100
_KEPT = ("runs/", "models/", "quarantine/", "replays/", "claims/", "predictions/", "rejected/", "messages/", "rates/")
"""What the results bucket has of its own (pipeline/runs/keys.py)."""


def sources(fields: Mapping[str, Any], time: datetime, settings: StartRunSettings) -> tuple[Source, ...]:
    """The sources of an input; `time` is the run's logical time, of which dates in prefixes are made.

    Raises InvalidRunInput.
    """
    if "images" not in fields and "prefixes" not in fields:
        return (_prefix("the stack's DefaultPrefix", settings.default_prefix, time, settings),)
    if "images" not in fields:
        return _prefixes(fields["prefixes"], time, settings)
    if "prefixes" in fields:
        raise InvalidRunInput("The input has both prefixes and images, and an image could be under both; keep one.")
    return _listings(fields["images"], settings)


def _prefixes(value: Any, time: datetime, settings: StartRunSettings) -> tuple[Prefix, ...]:
    prefixes = tuple(
        _prefix(f"prefixes[{index}]", item, time, settings)
        for index, item in few("prefixes", "prefixes", value, MAX_SOURCES)
    )
    for one, other in pairwise(in_order(prefixes)):
        if one.overlaps(other):
            raise InvalidRunInput(
                f"prefixes: {other.uri} lies within {one.uri}, so its images would be predicted twice; keep one."
            )
    return prefixes


def _prefix(field: str, value: Any, time: datetime, settings: StartRunSettings) -> Prefix:
    expected = "s3://bucket/prefix/, or a prefix inside the images bucket"
    if not isinstance(value, str):
        refuse(field, expected, value)
    try:
        text = date_templates.expand(value, time)
        prefix = Prefix(*parse_s3_uri(text)) if "://" in text else Prefix(settings.images_bucket, text)
    except date_templates.InvalidTemplate as error:
        raise InvalidRunInput(f"{field}: {error}.") from error
    except ValueError:
        refuse(field, expected, value)
    check_prefix(field, prefix, settings)
    return prefix


def check_prefix(field: str, prefix: Prefix, settings: StartRunSettings) -> None:
    """Refuse a prefix that no bucket could have, or below which runs write. Raises InvalidRunInput."""
    bucket(field, prefix.bucket)
    if len(prefix.prefix.encode()) > LONGEST_KEY:
        refuse(field, f"a prefix of at most {LONGEST_KEY:,} bytes", prefix.prefix)
    for kept in _KEPT:
        if prefix.overlaps(Prefix(settings.results_bucket, kept)):
            raise InvalidRunInput(
                f"{field}: {prefix.uri} takes in {kept} of the results bucket, where runs write; choose another."
            )


def _listings(value: Any, settings: StartRunSettings) -> tuple[Listing, ...]:
    listings = tuple(
        _listing(f"images[{index}]", item, settings) for index, item in few("images", "listings", value, MAX_SOURCES)
    )
    for one, other in pairwise(sorted(listings, key=lambda listing: listing.bucket)):
        if one.bucket == other.bucket:
            raise InvalidRunInput(
                f"images: {one.uri} and {other.uri} are both of bucket {one.bucket}, and could name the same image; "
                "write one listing for each bucket."
            )
    return listings


def _listing(field: str, value: Any, settings: StartRunSettings) -> Listing:
    """`{"listing": "s3://bucket/key", "bucket": IMAGES}`; without `bucket`, of the images bucket."""
    if not isinstance(value, Mapping) or not {"listing"} <= set(value) <= {"listing", "bucket"}:
        refuse(field, 'an object {"listing": "s3://bucket/chosen.jsonl", "bucket": "where the images lie"}', value)
    images = bucket(f"{field}.bucket", value.get("bucket", settings.images_bucket))
    expected = "the address of a JSON Lines object, s3://bucket/chosen.jsonl"
    try:
        listing_bucket, key = parse_s3_uri(value["listing"])
    except (ValueError, AttributeError):
        refuse(f"{field}.listing", expected, value["listing"])
    # The roles of infra/template.yaml may read what is called so, and no image.
    if not key.endswith(LISTING_SUFFIX) or len(key.encode()) > LONGEST_KEY or not BUCKET.fullmatch(listing_bucket):
        refuse(f"{field}.listing", expected, value["listing"])
    return Listing(images, listing_bucket, key)
