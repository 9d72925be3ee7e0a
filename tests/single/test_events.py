"""Events as AWS documents and sends them, and every way in which one can be wrong."""

import copy
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidEvent
from pipeline.single.events import Source, StoredImage, is_from_a_service, is_http, posted_image, read_event, separate

EVENTS = Path(__file__).parents[1] / "data" / "events"
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=256)


def recorded(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


def test_an_eventbridge_key_is_taken_as_it_is() -> None:
    request = read_event(recorded("object_created"), "other")
    assert request.source is Source.EVENTBRIDGE
    assert request.images == (StoredImage("example-images", "incoming/2026 11/a+b.jpg", "00617F08299329D189"),)


def test_the_key_of_an_s3_notification_is_decoded() -> None:
    request = read_event(recorded("s3_notification"), "other")
    assert request.source is Source.NOTIFICATION
    assert request.images == (StoredImage("example-images", "single/frühling 2026/a+b%1.jpg", "00617F08299329D189"),)


@given(KEYS)
def test_every_key_survives_a_notification(key: str) -> None:
    event = recorded("s3_notification")
    event["Records"][0]["s3"]["object"]["key"] = quote_plus(key, safe="/")
    assert read_event(event, "other").only_image().key == key


@given(KEYS)
def test_every_key_survives_eventbridge(key: str) -> None:
    event = recorded("object_created")
    event["detail"]["object"]["key"] = key
    assert read_event(event, "other").only_image().key == key


def test_a_notification_may_have_several_records() -> None:
    event = recorded("s3_notification")
    event["Records"] *= 2
    assert len(read_event(event, "other").images) == 2


def test_one_image_is_not_two() -> None:
    event = recorded("s3_notification")
    event["Records"] *= 2
    with pytest.raises(InvalidEvent, match=r"^Records: expected one image, got 2\."):
        read_event(event, "other").only_image()


def test_the_test_event_of_s3_is_about_no_image() -> None:
    assert read_event(recorded("s3_test_event"), "other").images == ()


@pytest.mark.parametrize(
    ("event", "image"),
    [
        ({"image_path": "s3://theirs/a b/c.jpg"}, StoredImage("theirs", "a b/c.jpg")),
        ({"key": "single/%20.jpg"}, StoredImage("ours", "single/%20.jpg")),
        ({"key": "a.jpg", "bucket": "theirs"}, StoredImage("theirs", "a.jpg")),
    ],
)
def test_a_direct_call_names_its_image(event: Any, image: StoredImage) -> None:
    request = read_event(event, "ours")
    assert (request.source, request.images) == (Source.DIRECT, (image,))


@pytest.mark.parametrize(
    ("event", "sent_by_a_service"),
    [
        (recorded("object_created"), True),
        (recorded("s3_notification"), True),
        (recorded("s3_test_event"), True),
        ({"key": "a.jpg"}, False),
        ("a.jpg", False),
    ],
)
def test_services_do_not_wait_for_an_answer_and_callers_do(event: Any, sent_by_a_service: bool) -> None:
    assert is_from_a_service(event) is sent_by_a_service


def test_a_notification_is_separated_into_its_records() -> None:
    event = recorded("s3_notification")
    first = event["Records"][0]
    second = first | {"eventName": "ObjectCreated:Copy"}
    assert separate({"Records": [first, second]}) == [{"Records": [first]}, {"Records": [second]}]


@pytest.mark.parametrize("event", [recorded("object_created"), recorded("s3_test_event"), {"Records": []}])
def test_what_has_no_records_stays_whole(event: Any) -> None:
    assert separate(event) == [event]


@pytest.mark.parametrize("ending", ["jpg", "JPG", "jPeG", "png", "WEBP"])
def test_an_upload_called_like_an_image_is_taken_in_any_case(ending: str) -> None:
    event = recorded("object_created")
    event["detail"]["object"]["key"] = f"single/a.{ending}"
    request = read_event(event, "ours")
    assert request.takes(request.only_image())


@pytest.mark.parametrize("key", ["single/", "single/notes.txt", "single/jpg", "single/a.jpg.part"])
def test_an_upload_called_otherwise_is_not_taken(key: str) -> None:
    event = recorded("object_created")
    event["detail"]["object"]["key"] = key
    request = read_event(event, "ours")
    assert not request.takes(request.only_image())


def test_what_somebody_asks_for_is_taken_whatever_its_name() -> None:
    request = read_event({"key": "single/noending"}, "ours")
    assert request.takes(request.only_image())


def without(event: Any, *path: Any) -> Any:
    changed = copy.deepcopy(event)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return changed


def changed(event: Any, value: Any, *path: Any) -> Any:
    result = copy.deepcopy(event)
    inner = result
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return result


CREATED, NOTIFIED = recorded("object_created"), recorded("s3_notification")
RECORD = ("Records", 0)


@pytest.mark.parametrize(
    ("event", "beginning"),
    [
        ("a.jpg", "The event is no JSON object"),
        (None, "The event is no JSON object"),
        ({}, "key: the event has no such field"),
        ({"key": ""}, "key: expected text"),
        ({"key": 5}, "key: expected text, got 5"),
        ({"key": "a.jpg", "bucket": None}, "bucket: expected text"),
        ({"key": "a.jpg", "colour": "red"}, "'colour' is no field"),
        ({"key": "a.jpg", "image_path": "s3://b/a.jpg"}, "image_path and key: one of them"),
        ({"image_path": "a.jpg"}, "image_path: expected s3://bucket/key, got 'a.jpg'"),
        ({"image_path": "s3://bucket"}, "image_path: the key of an object is missing"),
        ({"key": "a" * 1025}, "key: a key has at most 1024 bytes; this one has 1025"),
        ({"key": "\ud800.jpg"}, "key: '\\ud800.jpg' is no text"),
        (changed(CREATED, "Object Deleted", "detail-type"), 'detail-type: expected "Object Created"'),
        (changed(CREATED, "my.app", "source"), 'detail-type: expected "Object Created"'),
        (without(CREATED, "detail", "object", "key"), "detail.object.key: the event has no such field"),
        (changed(CREATED, "x", "detail", "bucket"), "detail.bucket: expected a JSON object"),
        (changed(CREATED, [], "detail"), "detail: expected a JSON object"),
        ({"Records": []}, "Records: expected the records"),
        ({"Records": ["a.jpg"]}, "Records[0]: expected a JSON object"),
        (
            changed(NOTIFIED, "aws:sqs", *RECORD, "eventSource"),
            "Records[0].eventSource: expected aws:s3, got 'aws:sqs'",
        ),
        (
            changed(NOTIFIED, "ObjectRemoved:Delete", *RECORD, "eventName"),
            "Records[0].eventName: expected ObjectCreated",
        ),
        (changed(NOTIFIED, "%FF.jpg", *RECORD, "s3", "object", "key"), "Records[0].s3.object.key: '%FF.jpg' is no"),
        (without(NOTIFIED, *RECORD, "s3", "bucket", "name"), "Records[0].s3.bucket.name: the event has no"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_the_error_for_a_wrong_event_begins_with_the_field(event: Any, beginning: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        read_event(event, "ours")
    assert str(refused.value).startswith(beginning)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["Records", "detail", "detail-type", "source", "s3", "object", "key", "bucket", "name"])
                | st.text(max_size=3),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_document_is_read_or_refused(event: Any) -> None:
    try:
        images = read_event(event, "ours").images
    except InvalidEvent:
        return
    assert all(isinstance(image, StoredImage) for image in images)


def test_a_request_through_a_function_url_is_known_as_such() -> None:
    assert [is_http(event) for event in (recorded("function_url"), CREATED, NOTIFIED, {"key": "a.jpg"})] == [
        True,
        False,
        False,
        False,
    ]


def test_the_body_of_a_post_is_the_image() -> None:
    assert posted_image(recorded("function_url")) == b"hello world"


@pytest.mark.parametrize(
    ("event", "beginning"),
    [
        (without(recorded("function_url"), "body"), "body: the request has none"),
        (changed(recorded("function_url"), "n o t", "body"), "body: isBase64Encoded is true"),
    ],
)
def test_a_request_without_an_image_is_refused(event: Any, beginning: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        posted_image(event)
    assert str(refused.value).startswith(beginning)
