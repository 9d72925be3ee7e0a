"""What started an execution, and what makes two starts one run.

    a person or the CLI     any input without `schedule`
    a schedule              "schedule": {"arn", "time", "time_zone"}: EventBridge Scheduler fills in the first two,
                            <aws.scheduler.schedule-arn> and <aws.scheduler.scheduled-time>. A schedule without an
                            input, and a scheduled rule of EventBridge, send a "Scheduled Event" instead
    an uploaded object      EventBridge's "Object Created" event of S3, as it comes, of a marker or a manifest
                            (pipeline/runs/control_files.py)

Deliveries are at least once, in any order, so each trigger has an `identity`: two starts with one identity are one run.
A person is identified by the execution they started, a schedule by its ARN and the time it was due, an object by its
bucket, key and bytes (pipeline/runs/uploads.py).
"""

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
from pipeline.runs.uploads import Manifest, Marker

EXECUTION, SCHEDULE, MARKER, MANIFEST = "execution", "schedule", "marker", "manifest"


@dataclass(frozen=True)
class Trigger:
    kind: str
    identity: str
    """Of an object until it has been read, what its event says of its bytes."""
    time: datetime
    """The run's logical time: when it was due, when the object was created, or when the execution started. Its clock
    is that of the schedule's time zone where there is one, else UTC; it says which day `{date}` is."""
    uri: str = ""
    """`s3://...` of the marker or manifest that was uploaded."""


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


def of_event(event: Mapping[str, Any], marker: str) -> tuple[Trigger, Marker | Manifest | None]:
    """The trigger of an event of EventBridge, and the object that says what to run over; None for the defaults.

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


def _of_object(event: Mapping[str, Any], marker: str) -> tuple[Trigger, Marker | Manifest]:
    """S3's event; its key is not URL-encoded (S3 User Guide, "EventBridge event message structure")."""
    created = event["detail"]["object"]
    version = str(created["version-id"]) if "version-id" in created else None
    place = str(event["detail"]["bucket"]["name"]), str(created["key"]), version
    kind: str
    upload: Marker | Manifest
    if control_files.is_marker(place[1], marker):
        kind, upload = MARKER, Marker(*place)
    elif control_files.is_manifest(place[1]):
        kind, upload = MANIFEST, Manifest(*place)
    else:
        raise InvalidRunInput(
            f"{s3_uri(*place[:2])} starts no run: there is one run for a batch of images, not one for each photo. When"
            f" all are uploaded, write a marker {marker} beside them, or upload a list of them called"
            f" *{control_files.MANIFEST_SUFFIX}."
        )
    return Trigger(kind, upload.identity(str(created["etag"])), utc_time("time", event["time"]), upload.uri), upload


def how_to_run_again(trigger: Trigger) -> str:
    """Advice for who finds the run of this trigger taken, and wants another."""
    match trigger.kind:
        case "marker":
            return f"To run over the folder again, write other bytes: date | aws s3 cp - {shlex.quote(trigger.uri)}"
        case "manifest":
            return f"To run over it again, upload {trigger.uri} with other content, or under another name."
        case _:
            return "To run again, start the state machine with the same input, less its field schedule."
