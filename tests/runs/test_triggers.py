"""What started an execution: which deliveries are one trigger, and when the run is due."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import InvalidRunInput
from pipeline.runs import triggers
from pipeline.runs.triggers import Trigger
from pipeline.runs.uploads import Manifest, Marker

EVENTS = Path(__file__).parents[1] / "data" / "events"
EXECUTION = {
    "arn": "arn:aws:states:us-east-1:123456789012:execution:imagebatch:first",
    "name": "first",
    "started_at": "2026-11-20T02:00:03.123Z",
}


def recorded(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


def uploaded(name: str = "marker_created", time: str = "2026-11-20T02:00:07Z", **changes: str) -> Trigger:
    """The trigger of a recorded event whose object is changed."""
    event = {**recorded(name), "time": time}
    event["detail"]["object"].update({field.replace("_", "-"): value for field, value in changes.items()})
    return triggers.of_event(event, "_READY")[0]


def scheduled(time: str, zone: str | None = None, started_at: str = EXECUTION["started_at"]) -> Trigger:
    schedule = {"arn": "arn:aws:scheduler:::schedule/imagebatch/nightly", "time": time}
    fields = {"schedule": schedule if zone is None else {**schedule, "time_zone": zone}}
    return triggers.of_fields(fields, {**EXECUTION, "started_at": started_at})


def test_a_person_is_identified_by_the_execution_they_started() -> None:
    trigger = triggers.of_fields({}, EXECUTION)

    assert (trigger.kind, trigger.identity) == ("execution", EXECUTION["arn"])
    assert trigger.time == datetime(2026, 11, 20, 2, 0, 3, 123000, UTC)


def test_a_schedule_is_identified_by_its_name_and_the_time_it_was_due() -> None:
    trigger = triggers.of_fields(recorded("schedule"), EXECUTION)

    assert trigger.kind == "schedule"
    assert trigger.identity == (
        "arn:aws:scheduler:us-east-1:123456789012:schedule/imagebatch/nightly 2026-11-20T02:00:00+00:00"
    )
    assert trigger.time == datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


def test_a_firing_that_comes_late_is_the_same_trigger() -> None:
    late = scheduled("2026-11-20T02:00:00Z", started_at="2026-11-20T09:41:00Z")

    assert late == scheduled("2026-11-20T02:00:00Z")


@pytest.mark.parametrize("time", ["2026-11-20T02:00:00+00:00", "2026-11-20T03:00:00+01:00", "2026-11-20T02:00:00"])
def test_one_time_written_otherwise_is_one_trigger(time: str) -> None:
    assert scheduled(time).identity == scheduled("2026-11-20T02:00:00Z").identity


def test_the_next_firing_is_another_trigger() -> None:
    assert scheduled("2026-11-21T02:00:00Z").identity != scheduled("2026-11-20T02:00:00Z").identity


def test_a_schedule_in_a_time_zone_reads_its_own_clock() -> None:
    summer, winter = (
        scheduled("2026-07-01T22:30:00Z", "Europe/Zurich"),
        scheduled("2026-01-01T22:30:00Z", "Europe/Zurich"),
    )

    assert [trigger.time.strftime("%d %H:%M") for trigger in (summer, winter)] == ["02 00:30", "01 23:30"]


@pytest.mark.parametrize("zone", ["Zurich", "", "/etc/passwd", "../zone", "Europe", "a\0b", 7, ["UTC"], "é" * 300])
def test_a_time_zone_that_is_none_is_refused(zone: Any) -> None:
    with pytest.raises(InvalidRunInput, match=r"schedule\.time_zone: expected a name of the IANA time zone database"):
        scheduled("2026-11-20T02:00:00Z", zone)


def test_a_time_that_no_clock_of_its_zone_shows_is_refused() -> None:
    with pytest.raises(InvalidRunInput, match=r"schedule\.time: expected a time within the calendar of its time zone"):
        scheduled("0001-01-01T00:00:00Z", "America/New_York")


def test_a_scheduled_rule_is_identified_by_its_arn_and_time() -> None:
    trigger, brought = triggers.of_event(recorded("scheduled_event"), "_READY")

    assert trigger.identity == "arn:aws:events:us-east-1:123456789012:rule/nightly 2026-11-20T02:00:00+00:00"
    assert brought is None


def test_a_schedule_without_an_input_is_identified_by_its_arn_and_time() -> None:
    trigger, brought = triggers.of_event(recorded("scheduler_default"), "_READY")

    assert trigger.kind == "schedule"
    assert trigger.identity == (
        "arn:aws:scheduler:us-east-1:123456789012:schedule/default/nightly 2026-11-20T02:00:00+00:00"
    )
    assert brought is None


@pytest.mark.parametrize(
    "damage", [{"detail": {}}, {"detail": 5}, {"detail": {"bucket": [], "object": "a"}}, {"detail": None}]
)
def test_an_event_that_is_none_is_shown_with_what_was_expected(damage: dict[str, Any]) -> None:
    with pytest.raises(InvalidRunInput, match=r'^the event: expected source, time, .*, got \{"version": "0", '):
        triggers.of_event({**recorded("marker_created"), **damage}, "_READY")


def test_a_marker_brings_itself_in_the_version_that_was_written() -> None:
    trigger, brought = triggers.of_event(recorded("marker_created"), "_READY")

    assert (trigger.kind, trigger.uri) == ("marker", "s3://example-images/incoming/2026 11/_READY")
    assert brought == Marker("example-images", "incoming/2026 11/_READY", "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e")


def test_a_manifest_brings_itself() -> None:
    trigger, brought = triggers.of_event(recorded("manifest_created"), "_READY")

    assert trigger.kind == "manifest"
    assert isinstance(brought, Manifest)
    assert brought.uri == "s3://example-images/incoming/spring campaign.manifest.json"


@pytest.mark.parametrize("name", ["marker_created", "manifest_created"])
@pytest.mark.parametrize(
    "again",
    [
        {"time": "2026-11-22T17:30:00Z"},
        {"version_id": "another", "sequencer": "00617F08299329D18A"},
        {"sequencer": "0"},
    ],
    ids=["later", "written again", "out of order"],
)
def test_what_has_the_same_etag_is_one_trigger_before_it_is_read(name: str, again: dict[str, str]) -> None:
    assert uploaded(name, **again).identity == uploaded(name).identity


def test_another_etag_is_another_trigger_before_it_is_read() -> None:
    assert uploaded(etag="b1946ac92492d2347c6235b4d2611184").identity != uploaded().identity


@pytest.mark.parametrize(
    "key", ["incoming/a.jpg", "incoming/_READY/", "incoming/not_READY", "_READY.jpg", "manifest.json"]
)
def test_an_object_that_is_no_batch_is_refused_by_name(key: str) -> None:
    said = f"s3://example-images/{key} starts no run: there is one run for a batch of images, not one for each photo"
    with pytest.raises(InvalidRunInput, match=re.escape(said)):
        uploaded(key=key)


def test_an_event_that_starts_no_run_is_named() -> None:
    with pytest.raises(InvalidRunInput, match=r"'Object Deleted' from 'aws\.s3' does not start a run"):
        triggers.of_event({**recorded("marker_created"), "detail-type": "Object Deleted"}, "_READY")


def test_how_to_run_a_folder_again_can_be_pasted_into_a_shell() -> None:
    advice = triggers.how_to_run_again(uploaded(key="it's $HOME/_READY"))

    assert advice.endswith("""date | aws s3 cp - 's3://example-images/it'"'"'s $HOME/_READY'""")
