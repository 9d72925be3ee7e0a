"""The input of an execution: three triggers, one shape, and errors that name the field."""

import json
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.errors import InvalidRunInput
from pipeline.limits import Quarantine
from pipeline.objects import dump_json
from pipeline.runs import run_input
from pipeline.runs.run_input import RunInput
from pipeline.runs.sources import Listing, Prefix
from pipeline.settings import StartRunSettings

EVENTS = Path(__file__).parents[1] / "data" / "events"
SETTINGS = StartRunSettings("example-images", "example-results", "tiny", "incoming/")
EXECUTION = {
    "arn": "arn:aws:states:us-east-1:123456789012:execution:imagebatch:first",
    "name": "first",
    "started_at": "2026-11-20T02:00:03.123Z",
}


LISTING = {"listing": "s3://lists/today/chosen.jsonl", "bucket": "photos"}


def parse(document: Any) -> RunInput:
    return run_input.parse(document, EXECUTION, SETTINGS)


def event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


def test_an_empty_input_runs_the_defaults() -> None:
    given = parse({})

    assert given.sources == (Prefix("example-images", "incoming/"),)
    assert (given.model, given.engine, given.top_k, given.instance_type) == ("tiny", "processing", None, None)


@pytest.mark.parametrize("engine", ["processing", "transform"])
def test_a_run_may_name_its_engine(engine: str) -> None:
    assert parse({"engine": engine}).engine == engine


def test_every_field_can_be_given() -> None:
    given = parse(
        {
            "prefixes": ["a/", "s3://other-bucket/b/"],
            "model": "yolox-nano",
            "engine": "processing",
            "top_k": 3,
            "max_failed_fraction": 0,
            "instance_type": "ml.c7i.2xlarge",
        }
    )

    assert given.sources == (Prefix("example-images", "a/"), Prefix("other-bucket", "b/"))
    assert (given.model, given.top_k, given.max_failed_fraction) == ("yolox-nano", 3, 0.0)
    assert given.instance_type == "ml.c7i.2xlarge"


def test_a_run_changes_the_limits_that_it_names_and_keeps_the_deployments_others() -> None:
    given = parse({"limits": {"min_side": 32, "formats": ["jpg"]}, "quarantine": "tag"})

    assert given.limits == replace(SETTINGS.limits, min_side=32, formats=frozenset({"JPEG"}))
    assert given.quarantine == Quarantine.TAG


def test_a_run_takes_the_images_that_a_listing_names() -> None:
    given = parse({"images": [LISTING, {"listing": "s3://lists/b.jsonl"}]})

    assert given.sources == (
        Listing("photos", "lists", "today/chosen.jsonl"),
        Listing("example-images", "lists", "b.jsonl"),
    )


def test_a_person_is_identified_by_the_execution_they_started() -> None:
    trigger = parse({}).trigger

    assert (trigger.kind, trigger.identity) == ("execution", EXECUTION["arn"])
    assert trigger.time == datetime(2026, 11, 20, 2, 0, 3, 123000, UTC)


def test_a_schedule_is_identified_by_its_name_and_the_time_it_was_due() -> None:
    given = parse(event("schedule"))

    assert given.trigger.kind == "schedule"
    assert given.trigger.identity.endswith(":schedule/imagebatch/nightly 2026-11-20T02:00:00Z")
    assert (given.top_k, given.trigger.time) == (3, datetime(2026, 11, 20, 2, 0, tzinfo=UTC))


def test_a_scheduled_rule_runs_the_defaults() -> None:
    given = parse(event("scheduled_event"))

    assert given.trigger.identity.endswith(":rule/nightly 2026-11-20T02:00:00Z")
    assert given.sources == (Prefix("example-images", "incoming/"),)


def test_an_upload_runs_the_folder_it_lies_in() -> None:
    given = parse(event("object_created"))

    assert given.trigger.kind == "object"
    assert given.sources == (Prefix("example-images", "incoming/2026 11/"),)


def test_an_upload_is_another_trigger_when_its_object_is_overwritten() -> None:
    first, second = event("object_created"), event("object_created")
    second["detail"]["object"]["version-id"] = "another"

    assert parse(first).trigger.identity != parse(second).trigger.identity


def test_an_upload_that_is_delivered_twice_is_one_trigger() -> None:
    first, second = event("object_created"), event("object_created")
    second["id"] = "another delivery"

    assert parse(first).trigger.identity == parse(second).trigger.identity


def test_an_event_that_starts_no_run_is_named() -> None:
    with pytest.raises(InvalidRunInput, match=r"'Object Deleted' from 'aws\.s3' does not start a run"):
        parse({**event("object_created"), "detail-type": "Object Deleted"})


def test_an_event_without_its_detail_says_what_is_missing() -> None:
    with pytest.raises(InvalidRunInput, match=r"KeyError\('detail'\) is missing"):
        parse({"source": "aws.s3", "detail-type": "Object Created"})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "the input: expected a JSON object"),
        ("incoming/", "the input: expected a JSON object"),
        ({"prefix": "a/"}, "no field 'prefix'; the fields are name, prefixes, images, model"),
        ({"prefixes": "a/"}, "prefixes: expected a list of 1 to 100 prefixes, got 'a/'"),
        ({"prefixes": []}, "prefixes: expected a list of 1 to 100 prefixes"),
        ({"prefixes": [f"{n}/" for n in range(101)]}, "prefixes: expected a list of 1 to 100 prefixes"),
        ({"prefixes": ["a/", 1]}, "prefixes[1]: expected s3://bucket/prefix/, or a prefix inside the images bucket"),
        ({"prefixes": ["https://example.com/a"]}, "prefixes[0]: expected s3://bucket/prefix/"),
        ({"prefixes": ["s3://NOT_A_BUCKET/a/"]}, "prefixes[0]: expected a bucket name"),
        ({"prefixes": ["x" * 1025]}, "prefixes[0]: expected"),
        ({"prefixes": ["a/", "b/", "a/c/"]}, "s3://example-images/a/c/ lies within s3://example-images/a/"),
        ({"prefixes": ["a", "a"]}, "lies within"),
        ({"prefixes": ["s3://example-results/"]}, "takes in runs/ of the results bucket"),
        ({"prefixes": ["s3://example-results/quarantine/empty/"]}, "takes in quarantine/ of the results bucket"),
        ({"prefixes": ["s3://example-results/models/tiny/"]}, "takes in models/ of the results bucket"),
        ({"prefixes": ["a/"], "images": [LISTING]}, "both prefixes and images"),
        ({"images": LISTING}, "images: expected a list of 1 to 100 listings"),
        ({"images": []}, "images: expected a list of 1 to 100 listings"),
        ({"images": ["s3://lists/a.jsonl"]}, 'images[0]: expected an object {"listing"'),
        ({"images": [{"bucket": "photos"}]}, 'images[0]: expected an object {"listing"'),
        ({"images": [{**LISTING, "prefix": "a/"}]}, 'images[0]: expected an object {"listing"'),
        ({"images": [{"listing": "a.jsonl"}]}, "images[0].listing: expected the address of a JSON Lines object"),
        ({"images": [{"listing": 1}]}, "images[0].listing: expected the address"),
        ({"images": [{"listing": "s3://lists/"}]}, "images[0].listing: expected the address"),
        ({"images": [{"listing": "s3://lists/a.jpg"}]}, "images[0].listing: expected the address"),
        ({"images": [{"listing": "s3://LISTS/a.jsonl"}]}, "images[0].listing: expected the address"),
        ({"images": [{**LISTING, "bucket": "Photos"}]}, "images[0].bucket: expected a bucket name"),
        ({"images": [LISTING, {**LISTING, "listing": "s3://lists/b.jsonl"}]}, "both of bucket photos"),
        ({"replays": "../run"}, "replays: expected the id of an earlier run, got '../run'"),
        ({"model": "../secret"}, "model: expected a name such as efficientnet-lite0, got '../secret'"),
        ({"model": None}, "model: expected a name"),
        ({"engine": "spark"}, "engine: expected one of processing, transform, got 'spark'"),
        ({"top_k": 0}, "top_k: expected a whole number from 1 to"),
        ({"top_k": True}, "top_k: expected a whole number"),
        ({"top_k": 2.5}, "top_k: expected a whole number"),
        ({"max_failed_fraction": 1.5}, "max_failed_fraction: expected a number from 0 to 1, got 1.5"),
        ({"max_failed_fraction": float("nan")}, "max_failed_fraction: expected a number from 0 to 1"),
        ({"instance_type": "c7i.xlarge"}, "instance_type: expected a type such as ml.c7i.xlarge"),
        ({"limits": ["JPEG"]}, "limits: expected an object"),
        ({"limits": {"max_pixel": 1}}, "limits.max_pixel: there is no such limit; the limits are formats, max_bytes"),
        ({"limits": {"formats": ["PDF"]}}, "limits.formats: 'PDF' is not decoded here"),
        ({"limits": {"min_side": 0}}, "limits.min_side: expected a whole number of at least 1, got 0"),
        ({"quarantine": "delete"}, "quarantine: expected one of leave, copy, tag, got 'delete'"),
        ({"quarantine": None}, "quarantine: expected one of leave, copy, tag"),
        ({"schedule": {"arn": "a"}}, 'schedule: expected an object {"arn", "time"}'),
        ({"schedule": {"arn": "a", "time": "soon"}}, "schedule.time: expected a time such as"),
    ],
)
def test_a_bad_input_is_refused_by_field(document: Any, message: str) -> None:
    with pytest.raises(InvalidRunInput) as refused:
        parse(document)

    assert message in str(refused.value)


def test_neighbours_that_share_letters_do_not_overlap() -> None:
    assert len(parse({"prefixes": ["a/", "ab/", "s3://other-bucket/a/"]}).sources) == 3


@given(keys=st.lists(st.text(alphabet="ab/", max_size=4), min_size=2, max_size=6))
def test_prefixes_are_refused_exactly_when_one_key_could_be_under_two(keys: list[str]) -> None:
    overlap = any(one.startswith(other) for i, one in enumerate(keys) for j, other in enumerate(keys) if i != j)
    with pytest.raises(InvalidRunInput) if overlap else nullcontext():
        parse({"prefixes": keys})


TEXT = st.text(st.characters(exclude_categories=()))
TIMES = st.sampled_from(["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "2026-11-20T02:00:00Z"])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.floats() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(run_input._FIELDS) | TEXT, inner),
)


def made_of(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object of these fields, any of which may be something else or missing; or something else altogether."""
    return st.fixed_dictionaries({}, optional={name: field | DOCUMENTS for name, field in fields.items()}) | DOCUMENTS


INPUTS = made_of(
    prefixes=st.lists(TEXT, min_size=1),
    images=st.lists(made_of(listing=TEXT | TEXT.map("s3://lists/{}.jsonl".format), bucket=TEXT), min_size=1),
    limits=made_of(formats=st.lists(TEXT), max_pixels=st.integers()),
    schedule=made_of(arn=TEXT, time=TIMES),
)
EVENTS_OF_S3 = st.fixed_dictionaries(
    {
        "source": st.just("aws.s3"),
        "detail-type": st.just("Object Created"),
        "time": TIMES,
        "detail": made_of(bucket=st.just({"name": "example-images"}), object=made_of(key=TEXT, sequencer=TEXT)),
    }
)


@settings(deadline=None)
@given(document=INPUTS | EVENTS_OF_S3)
@example({"prefixes": ["\ud800/"]})
@example({"schedule": {"arn": "a", "time": "0001-01-01T00:00:00+05:00"}})
@example({**event("object_created"), "detail": {"bucket": {"name": "example-images"}, "object": []}})
def test_any_input_is_refused_or_can_be_written_down(document: Any) -> None:
    with suppress(InvalidRunInput):
        run = parse(document)
        dump_json([run.trigger.identity, run.trigger.time.isoformat(), [source.uri for source in run.sources]])
