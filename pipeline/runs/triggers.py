"""What started an execution, and what makes two starts one run.

    a person or the CLI     any input without `schedule`
    a schedule              "schedule": {"arn", "time", "time_zone"}: EventBridge Scheduler fills in the first two,
                            <aws.scheduler.schedule-arn> and <aws.scheduler.scheduled-time>. A schedule without an
                            input, and a scheduled rule of EventBridge, send a "Scheduled Event" instead
    an uploaded object      EventBridge's "Object Created" event of S3, as it comes, of a marker or a manifest
                            (pipeline/runs/control_files.py)

Deliveries are at least once, in any order, so each trigger has an `identity`: two starts with one identity are one run.
A person is identified by the execution they started, a schedule by its ARN and the time it was due, an object by its
bucket, key and ETag: its bytes. The version and the sequencer differ when the same bytes are written twice, and do not
count.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.errors import InvalidRunInput
from pipeline.objects import s3_uri
from pipeline.runs import control_files
from pipeline.runs.fields import refuse, utc_time
from pipeline.runs.sources import Prefix

EXECUTION, SCHEDULE, MARKER, MANIFEST = "execution", "schedule", "marker", "manifest"


@dataclass(frozen=True)
class Trigger:
    kind: str
    identity: str
    time: datetime
    """The run's logical time: when it was due, when the object was created, or when the execution started. Its clock
    is that of the schedule's time zone where there is one, else UTC; it says which day `{date}` is."""
    uri: str = ""
    """`s3://...` of the marker or manifest that was uploaded."""


@dataclass(frozen=True)
class Manifest:
    """The object that lists what a run takes."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        return s3_uri(self.bucket, self.key)

    @property
    def name(self) -> str:
        """What a person would call it: the file's name without its suffix, or its folder's."""
        folder, _, name = self.key.removesuffix(control_files.MANIFEST_SUFFIX).rpartition("/")
        return name or Prefix(self.bucket, folder).name


def of_fields(document: Mapping[str, Any], execution: Mapping[str, str]) -> Trigger:
    """The trigger of an input that is no event; `execution` is `{"arn", "name", "started_at"}`."""
    schedule = document.get("schedule")
    if schedule is None:
        return Trigger(EXECUTION, execution["arn"], utc_time("execution.started_at", execution["started_at"]))
    expected = 'an object {"arn", "time", "time_zone"}, the last of which may be left out'
    if not isinstance(schedule, Mapping) or not {"arn", "time"} <= set(schedule) <= {"arn", "time", "time_zone"}:
        refuse("schedule", expected, schedule)
    if not isinstance(schedule["arn"], str) or not schedule["arn"]:
        refuse("schedule.arn", "the ARN of a schedule", schedule["arn"])
    return _of_schedule(schedule["arn"], utc_time("schedule.time", schedule["time"]), _time_zone(schedule))


def _of_schedule(arn: str, due: datetime, zone: ZoneInfo | None = None) -> Trigger:
    try:
        time = due.astimezone(zone) if zone else due
    except OverflowError:
        refuse("schedule.time", "a time within the calendar of its time zone", due.isoformat())
    return Trigger(SCHEDULE, f"{arn} {due.isoformat()}", time)


def _time_zone(schedule: Mapping[str, Any]) -> ZoneInfo | None:
    name = schedule.get("time_zone")
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    # Names that are paths, folders, files of another format: the library raises whatever it stumbles over.
    except (LookupError, TypeError, ValueError, OSError):
        refuse("schedule.time_zone", "a name of the IANA time zone database, such as Europe/Zurich", name)


def of_event(event: Mapping[str, Any], marker: str) -> tuple[Trigger, Prefix | Manifest | None]:
    """The trigger of an event of EventBridge, and what it brings with it to run over; None for the defaults.

    Source: EventBridge User Guide, "Event structure reference". Raises InvalidRunInput.
    """
    try:
        match event["source"], event["detail-type"]:
            case "aws.s3", "Object Created":
                return _of_object(event, marker)
            case "aws.scheduler" | "aws.events", "Scheduled Event":
                return _of_schedule(str(event["resources"][0]), utc_time("time", event["time"])), None
            case source, kind:
                raise InvalidRunInput(
                    f"An event {kind!r} from {source!r} does not start a run; "
                    "'Object Created' from 'aws.s3' and 'Scheduled Event' from 'aws.scheduler' or 'aws.events' do."
                )
    except (KeyError, IndexError, TypeError):
        refuse("the event", "source, time, resources and detail as EventBridge sends them", event)


def _of_object(event: Mapping[str, Any], marker: str) -> tuple[Trigger, Prefix | Manifest]:
    """S3's event; its key is not URL-encoded (S3 User Guide, "EventBridge event message structure")."""
    bucket, created = str(event["detail"]["bucket"]["name"]), event["detail"]["object"]
    key = str(created["key"])
    time = utc_time("time", event["time"])
    identity = object_identity(bucket, key, str(created["etag"]))
    uri = s3_uri(bucket, key)
    if control_files.is_marker(key, marker):
        return Trigger(MARKER, identity, time, uri), Prefix(bucket, key.removesuffix(marker))
    if control_files.is_manifest(key):
        return Trigger(MANIFEST, identity, time, uri), Manifest(bucket, key)
    raise InvalidRunInput(
        f"{uri} starts no run: there is one run for a batch of images, not one for each photo. When all are uploaded,"
        f" write a marker {marker} beside them, or upload a list of them called *{control_files.MANIFEST_SUFFIX}."
    )


def object_identity(bucket: str, key: str, etag: str) -> str:
    """`etag` is quoted in an answer of S3, and not in an event."""
    return json.dumps(["s3", bucket, key, etag.strip('"')], ensure_ascii=False)


def how_to_run_again(trigger: Trigger) -> str:
    """Advice for who finds the run of this trigger taken, and wants another."""
    match trigger.kind:
        case "marker":
            return f"To run over the folder again, write other bytes: date | aws s3 cp - {shlex.quote(trigger.uri)}"
        case "manifest":
            return f"To run over it again, upload {trigger.uri} with other content, or under another name."
        case _:
            return "To run again, start the state machine with the same input, less its field schedule."
