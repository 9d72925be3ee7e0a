"""What starts a run, made into one shape.

Three kinds of trigger start the batch state machine, each with an execution input of its own:

    a person or the CLI     {"prefixes": ["incoming/"], "top_k": 3}, down to {} from the console: all is optional.
                            {"images": [{"listing": "s3://...", "bucket": "..."}]} runs objects that somebody chose
    a schedule              the same fields and "schedule": {"arn": "<aws.scheduler.schedule-arn>",
                            "time": "<aws.scheduler.scheduled-time>"}; a scheduled rule sends a "Scheduled Event"
                            instead
    an uploaded object      EventBridge's "Object Created" event of S3, as it comes: the run takes the object's folder

Deliveries are at least once, so each trigger has an `identity`: two starts with one identity are one run. A schedule is
identified by its ARN and the time it was due, an object by its key, version and sequencer, and a person by the
execution they started.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NoReturn

from pipeline.contract import LARGEST_TOP_K
from pipeline.errors import InvalidRunInput
from pipeline.limits import Limits, Quarantine
from pipeline.objects import parse_s3_uri
from pipeline.runs.sources import Listing, Prefix, Source
from pipeline.settings import StartRunSettings

PROCESSING, TRANSFORM = ENGINES = ("processing", "transform")
MAX_SOURCES = 100
DEFAULT_MAX_FAILED_FRACTION = 0.05

_FIELDS = (
    "name",
    "prefixes",
    "images",
    "model",
    "engine",
    "top_k",
    "max_failed_fraction",
    "instance_type",
    "limits",
    "quarantine",
    "replays",
    "schedule",
)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")  # S3 User Guide, "General purpose bucket naming rules"
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_KEPT = ("runs/", "models/", "quarantine/", "replays/")
"""What the results bucket has of its own (pipeline/runs/keys.py)."""
_RUN_ID = re.compile(r"[0-9A-Za-z-]{1,120}")
_INSTANCE_TYPE = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9-]+")


@dataclass(frozen=True)
class Trigger:
    kind: str
    identity: str
    time: datetime
    """The run's logical time, in UTC: when it was due, when the object was created, or when the execution started."""


@dataclass(frozen=True)
class RunInput:
    """A checked execution input. `top_k` is None for the contract's own, `instance_type` for the deployment's."""

    trigger: Trigger
    name: str | None
    """What the run id calls the run; None for the name of its first source."""
    sources: tuple[Source, ...]
    model: str
    engine: str
    top_k: int | None
    max_failed_fraction: float
    instance_type: str | None
    limits: Limits
    quarantine: Quarantine
    replays: str | None
    """The run whose rejected images this one takes up again (pipeline/runs/replay.py)."""


def parse(document: Any, execution: Mapping[str, str], settings: StartRunSettings) -> RunInput:
    """Read the input of the execution `{"arn", "name", "started_at"}`.

    Raises InvalidRunInput, which names the field, says what was expected, and shows what was there.
    """
    if not isinstance(document, Mapping):
        _refuse("the input", 'a JSON object such as {} or {"prefixes": ["incoming/"]}', document)
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # JSON may escape half of a surrogate pair, and nothing can be named so
        _refuse("the input", "text that can be written as UTF-8", document)
    if "detail-type" in document:
        trigger, fields = _from_event(document)
    else:
        trigger, fields = _from_fields(document, execution), document
    unknown = sorted(set(fields) - set(_FIELDS))
    if unknown:
        raise InvalidRunInput(f"The input has no field {_shown(unknown[0])}; the fields are {', '.join(_FIELDS)}.")
    return RunInput(
        trigger=trigger,
        name=_name(fields.get("name")),
        sources=_sources(fields, settings),
        model=_matching(
            "model", fields.get("model", settings.default_model), _MODEL, "a name such as efficientnet-lite0"
        ),
        engine=_engine(fields.get("engine", PROCESSING)),
        top_k=_top_k(fields.get("top_k")),
        max_failed_fraction=_fraction(fields.get("max_failed_fraction", DEFAULT_MAX_FAILED_FRACTION)),
        instance_type=_instance_type(fields.get("instance_type")),
        limits=_limits(fields.get("limits", {}), settings.limits),
        quarantine=_quarantine(fields.get("quarantine", settings.quarantine)),
        replays=_replays(fields.get("replays")),
    )


def _from_fields(document: Mapping[str, Any], execution: Mapping[str, str]) -> Trigger:
    schedule = document.get("schedule")
    if schedule is None:
        return Trigger("execution", execution["arn"], _time("execution.started_at", execution["started_at"]))
    if not isinstance(schedule, Mapping) or set(schedule) != {"arn", "time"}:
        _refuse("schedule", 'an object {"arn", "time"}', schedule)
    return Trigger("schedule", f"{schedule['arn']} {schedule['time']}", _time("schedule.time", schedule["time"]))


def _from_event(event: Mapping[str, Any]) -> tuple[Trigger, Mapping[str, Any]]:
    """EventBridge's envelope (EventBridge User Guide, "Event structure reference")."""
    try:
        match event["source"], event["detail-type"]:
            case "aws.s3", "Object Created":
                return _from_object(event)
            case "aws.events", "Scheduled Event":
                identity = f"{event['resources'][0]} {event['time']}"
                return Trigger("schedule", identity, _time("time", event["time"])), {}
            case source, kind:
                raise InvalidRunInput(
                    f"An event {kind!r} from {source!r} does not start a run; "
                    "'Object Created' from 'aws.s3' and 'Scheduled Event' from 'aws.events' do."
                )
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise InvalidRunInput(
            f"The event is not complete: {error!r} is missing or malformed in {_shown(event)}."
        ) from error


def _from_object(event: Mapping[str, Any]) -> tuple[Trigger, Mapping[str, Any]]:
    """S3's event; its key is not URL-encoded (S3 User Guide, "EventBridge event message structure")."""
    bucket, created = event["detail"]["bucket"]["name"], event["detail"]["object"]
    version = created.get("version-id") or created.get("etag", "")
    identity = "\n".join(["s3", bucket, created["key"], version, created.get("sequencer", "")])
    folder, slash, _ = created["key"].rpartition("/")
    return Trigger("object", identity, _time("time", event["time"])), {"prefixes": [f"s3://{bucket}/{folder}{slash}"]}


def _name(value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or not value.strip()):
        _refuse("name", "a few words such as spring-campaign", value)
    return value


def _sources(fields: Mapping[str, Any], settings: StartRunSettings) -> tuple[Source, ...]:
    if "images" not in fields:
        return _prefixes(fields.get("prefixes", [settings.default_prefix]), settings)
    if "prefixes" in fields:
        raise InvalidRunInput("The input has both prefixes and images, and an image could be under both; keep one.")
    return _listings(fields["images"], settings)


def _listings(value: Any, settings: StartRunSettings) -> tuple[Listing, ...]:
    listings = tuple(_listing(f"images[{index}]", item, settings) for index, item in _few("images", "listings", value))
    # As with prefixes: an image in two listings would be predicted twice.
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
        _refuse(field, 'an object {"listing": "s3://bucket/chosen.jsonl", "bucket": "where the images lie"}', value)
    bucket = _bucket(f"{field}.bucket", value.get("bucket", settings.images_bucket))
    expected = "the address of a JSON Lines object, s3://bucket/chosen.jsonl"
    try:
        listing_bucket, key = parse_s3_uri(value["listing"])
    except (ValueError, AttributeError):
        _refuse(f"{field}.listing", expected, value["listing"])
    # The roles of infra/template.yaml may read what is called so, and no image.
    if not key.endswith(".jsonl") or len(key.encode()) > 1024 or not _BUCKET.fullmatch(listing_bucket):
        _refuse(f"{field}.listing", expected, value["listing"])
    return Listing(bucket, listing_bucket, key)


def _few(field: str, things: str, value: Any) -> Iterable[tuple[int, Any]]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not 1 <= len(value) <= MAX_SOURCES:
        _refuse(field, f"a list of 1 to {MAX_SOURCES} {things}", value)
    return enumerate(value)


def _prefixes(value: Any, settings: StartRunSettings) -> tuple[Prefix, ...]:
    prefixes = tuple(
        _prefix(f"prefixes[{index}]", item, settings) for index, item in _few("prefixes", "prefixes", value)
    )
    # An image under two prefixes would be predicted twice and counted twice. S3 sorts a prefix directly before what it
    # contains, so neighbours in that order are the only pairs to look at.
    in_order = sorted(prefixes, key=lambda prefix: (prefix.bucket, prefix.prefix))
    for one, other in pairwise(in_order):
        if one.overlaps(other):
            raise InvalidRunInput(
                f"prefixes: {other.uri} lies within {one.uri}, so its images would be predicted twice; keep one."
            )
    return prefixes


def _prefix(field: str, value: Any, settings: StartRunSettings) -> Prefix:
    expected = "s3://bucket/prefix/, or a prefix inside the images bucket"
    if not isinstance(value, str) or len(value.encode()) > 1024:
        _refuse(field, expected, value)
    prefix = Prefix(settings.images_bucket, value)
    if "://" in value:
        try:
            prefix = Prefix(*parse_s3_uri(value))
        except ValueError:
            _refuse(field, expected, value)
    _bucket(field, prefix.bucket)
    for kept in _KEPT:
        if prefix.overlaps(Prefix(settings.results_bucket, kept)):
            raise InvalidRunInput(
                f"{field}: {prefix.uri} takes in {kept} of the results bucket, where runs write; choose another."
            )
    return prefix


def _bucket(field: str, value: Any) -> str:
    return _matching(field, value, _BUCKET, "a bucket name of 3 to 63 lower-case letters, digits, dots and hyphens")


def _engine(value: Any) -> str:
    if value not in ENGINES:
        _refuse("engine", f"one of {', '.join(ENGINES)}", value)
    return str(value)


def _top_k(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_TOP_K:
        _refuse("top_k", f"a whole number from 1 to {LARGEST_TOP_K}", value)
    return int(value)


def _fraction(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        _refuse("max_failed_fraction", "a number from 0 to 1", value)
    return float(value)


def _instance_type(value: Any) -> str | None:
    return None if value is None else _matching("instance_type", value, _INSTANCE_TYPE, "a type such as ml.c7i.xlarge")


def _limits(value: Any, defaults: Limits) -> Limits:
    if not isinstance(value, Mapping):
        _refuse("limits", 'an object such as {"max_pixels": 100000000}', value)
    try:
        return defaults.changed(value)
    except ValueError as error:
        raise InvalidRunInput(f"limits.{error}.") from error


def _quarantine(value: Any) -> Quarantine:
    if not isinstance(value, str) or value not in set(Quarantine):
        _refuse("quarantine", f"one of {', '.join(Quarantine)}", value)
    return Quarantine(value)


def _replays(value: Any) -> str | None:
    return None if value is None else _matching("replays", value, _RUN_ID, "the id of an earlier run")


def _matching(field: str, value: Any, pattern: re.Pattern[str], expected: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        _refuse(field, expected, value)
    return value


def _time(field: str, value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        _refuse(field, "a time such as 2026-11-20T02:00:00Z", value)


def _refuse(field: str, expected: str, value: Any) -> NoReturn:
    raise InvalidRunInput(f"{field}: expected {expected}, got {_shown(value)}.")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."
