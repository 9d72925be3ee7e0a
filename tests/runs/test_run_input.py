"""The input of an execution: three triggers, one shape, and errors that name the field."""

import json
from contextlib import nullcontext, suppress
from dataclasses import replace
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
from pipeline.runs.uploads import Manifest
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


def object_created(key: str, bucket: str = "example-images") -> Any:
    document = event("marker_created")
    document["detail"]["bucket"]["name"] = bucket
    document["detail"]["object"]["key"] = key
    return document


def test_an_empty_input_runs_the_defaults() -> None:
    given = parse({})

    assert given.sources == (Prefix("example-images", "incoming/"),)
    assert (given.model, given.engine, given.top_k, given.instance_type) == ("tiny", None, None, None)


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


def test_a_scheduled_rule_runs_the_defaults() -> None:
    given = parse(event("scheduled_event"))

    assert (given.trigger.kind, given.sources) == ("schedule", (Prefix("example-images", "incoming/"),))


def test_a_schedule_takes_the_fields_of_any_input() -> None:
    given = parse(event("schedule"))

    assert (given.trigger.kind, given.top_k, given.sources) == ("schedule", 3, (Prefix("example-images", "incoming/"),))


def test_a_marker_runs_the_folder_it_lies_in() -> None:
    assert parse(event("marker_created")).sources == (Prefix("example-images", "incoming/2026 11/"),)


def test_a_marker_in_no_folder_runs_the_whole_bucket() -> None:
    assert parse(object_created("_READY")).sources == (Prefix("example-images", ""),)


def test_a_folder_whose_name_looks_like_a_date_is_taken_as_it_is() -> None:
    assert parse(object_created("{date:%Y}/_READY")).sources == (Prefix("example-images", "{date:%Y}/"),)


def test_a_marker_of_another_name_is_the_stack_s_to_choose() -> None:
    settings = replace(SETTINGS, marker="done")
    given = run_input.parse(object_created("a/done"), EXECUTION, settings)

    assert given.sources == (Prefix("example-images", "a/"),)


def test_a_marker_where_runs_write_is_refused() -> None:
    with pytest.raises(InvalidRunInput, match=r"the folder of the marker .*: .* takes in runs/ of the results bucket"):
        parse(object_created("runs/_READY", bucket="example-results"))


def test_a_manifest_is_what_its_run_is_over_and_called_after() -> None:
    given = parse(event("manifest_created"))

    assert isinstance(given.upload, Manifest)
    assert given.upload.key == "incoming/spring campaign.manifest.json"
    assert (given.name, given.sources) == ("spring campaign", ())


@pytest.mark.parametrize(
    ("prefix", "expanded"),
    [
        ("incoming/{date:%Y/%m/%d}/", "incoming/2026/11/20/"),
        ("s3://example-images/{date-1:%Y-%m-%d}/", "2026-11-19/"),
        ("{anything else}/", "{anything else}/"),
    ],
)
def test_a_prefix_may_have_the_date_of_the_run(prefix: str, expanded: str) -> None:
    assert parse({"prefixes": [prefix]}).sources == (Prefix("example-images", expanded),)


def test_the_default_prefix_may_have_the_date_of_the_run() -> None:
    given = run_input.parse({}, EXECUTION, replace(SETTINGS, default_prefix="incoming/{date-1:%d}/"))

    assert given.sources == (Prefix("example-images", "incoming/19/"),)


def test_a_default_prefix_that_is_wrong_is_the_stack_s_to_mend() -> None:
    with pytest.raises(InvalidRunInput, match=r"the stack's DefaultPrefix: \{date\} is no date"):
        run_input.parse({}, EXECUTION, replace(SETTINGS, default_prefix="{date}"))


def test_the_date_is_that_of_the_schedule_s_own_clock() -> None:
    schedule = {"arn": "a", "time": "2026-11-20T02:00:00Z", "time_zone": "America/New_York"}

    assert parse({"schedule": schedule, "prefixes": ["{date:%d %H}/"]}).sources == (Prefix("example-images", "19 21/"),)


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
        ({"prefixes": ["x" * 1025]}, "prefixes[0]: expected a prefix of at most 1,024 bytes"),
        (
            {"prefixes": ["a/", "{date}/"]},
            "prefixes[1]: {date}/ is no date; expected a date written as {date:%Y/%m/%d}",
        ),
        ({"prefixes": ["{date:%B}/"]}, "prefixes[0]: {date:%B} has no code %B; the codes are %Y %y %m"),
        ({"prefixes": ["{date:%d}/", "20/a/"]}, "s3://example-images/20/a/ lies within s3://example-images/20/"),
        ({"prefixes": None}, "prefixes: expected a list of 1 to 100 prefixes, got null"),
        ({"prefixes": ["a/", "b/", "a/c/"]}, "s3://example-images/a/c/ lies within s3://example-images/a/"),
        ({"prefixes": ["a", "a"]}, "lies within"),
        ({"prefixes": ["s3://example-results/"]}, "takes in runs/ of the results bucket"),
        ({"prefixes": ["s3://example-results/quarantine/empty/"]}, "takes in quarantine/ of the results bucket"),
        (
            {"prefixes": ["s3://example-results/predictions/run_date=2026-11-20/"]},
            "takes in predictions/ of the results",
        ),
        ({"prefixes": ["s3://example-results/rejected/"]}, "takes in rejected/ of the results bucket"),
        ({"prefixes": ["s3://example-results/messages/"]}, "takes in messages/ of the results bucket"),
        ({"prefixes": ["s3://example-results/rates/"]}, "takes in rates/ of the results bucket"),
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
        ({"schedule": {"arn": "a"}}, 'schedule: expected an object {"arn", "time", "time_zone"}'),
        ({"schedule": {"arn": "a"}}, 'got {"arn": "a"}.'),
        ({"schedule": {"arn": "", "time": "2026-11-20"}}, "schedule.arn: expected the ARN of a schedule, got ''"),
        (
            {"schedule": {"arn": "a", "time": "2026-11-20", "time_zone": "Zurich"}},
            "schedule.time_zone: expected a name of the IANA time zone database, such as Europe/Zurich, got 'Zurich'",
        ),
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
    prefixes=st.lists(TEXT | TEXT.map("{{date-1:{}}}".format), min_size=1),
    images=st.lists(made_of(listing=TEXT | TEXT.map("s3://lists/{}.jsonl".format), bucket=TEXT), min_size=1),
    limits=made_of(formats=st.lists(TEXT), max_pixels=st.integers()),
    schedule=made_of(arn=TEXT, time=TIMES, time_zone=st.sampled_from(["Asia/Tokyo", "America/New_York"]) | TEXT),
)
KEYS = TEXT | TEXT.map("{}/_READY".format) | TEXT.map("{}.manifest.json".format)
EVENTS_OF_S3 = st.fixed_dictionaries(
    {
        "source": st.just("aws.s3"),
        "detail-type": st.just("Object Created"),
        "time": TIMES,
        "detail": made_of(bucket=st.just({"name": "example-images"}), object=made_of(key=KEYS, etag=TEXT)),
    }
)


@settings(deadline=None)
@given(document=INPUTS | EVENTS_OF_S3)
@example({"prefixes": ["\ud800/"]})
@example({"schedule": {"arn": "a", "time": "0001-01-01T00:00:00+05:00"}})
@example({**event("marker_created"), "detail": {"bucket": {"name": "example-images"}, "object": []}})
def test_any_input_is_refused_or_can_be_written_down(document: Any) -> None:
    with suppress(InvalidRunInput):
        run = parse(document)
        uris = [run.trigger.uri, *(source.uri for source in run.sources)]
        dump_json([run.trigger.identity, run.trigger.time.isoformat(), uris])
