"""What people read, what a phone shows, and what SNS takes."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inference.predictions import Ranked
from pipeline.single import messages
from pipeline.single.images import Image
from pipeline.single.signing import Link

LINK = Link(
    "https://example-images.s3.us-east-1.amazonaws.com/single/a.jpg?X-Amz-Signature=1",
    datetime(2026, 11, 20, 3, 0, tzinfo=UTC),
)
IMAGE = Image("example-images", "single/a.jpg", "b1946ac9", 1000, "JPEG")
DAISY, TULIP = Ranked("daisy", 985, 0.93), Ranked("tulip", 3, 0.38)
# The basic character set of GSM 03.38 (3GPP TS 23.038, 6.2.1), as far as it is ASCII.
GSM = set("@$_ !\"#%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
DOUBLE = set("^{}\\[~]|")


def told(*top: Ranked, image: Image = IMAGE, threshold: float = 0.8) -> dict[str, Any]:
    forms: dict[str, Any] = json.loads(messages.predicted(image, top, threshold, LINK, {"model": "tiny"}).body)
    return forms


def first_line(*top: Ranked, **changes: Any) -> str:
    line: str = told(*top, **changes)["default"].partition("\n")[0]
    return line


def test_a_certain_answer_is_told_as_such() -> None:
    assert first_line(DAISY, TULIP) == "[single/a.jpg] is a: daisy (0.93)"


def test_an_answer_at_the_threshold_is_certain() -> None:
    assert first_line(DAISY, threshold=0.93) == "[single/a.jpg] is a: daisy (0.93)"


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ((0.41,), "may be a: A (0.41)"),
        ((0.41, 0.38), "may be a: A (0.41), or B (0.38)"),
        ((0.41, 0.38, 0.1), "may be a: A (0.41), B (0.38), or C (0.10)"),
    ],
)
def test_an_uncertain_answer_names_what_it_may_be(scores: tuple[float, ...], words: str) -> None:
    top = [Ranked(label, place, score) for place, (label, score) in enumerate(zip("ABC", scores, strict=False))]
    assert first_line(*top) == f"[single/a.jpg] {words}"


def test_a_detector_that_finds_nothing_is_told_as_such() -> None:
    assert first_line() == "[single/a.jpg] shows nothing that the model knows"


def test_the_text_ends_with_the_link() -> None:
    assert told(DAISY)["email"].endswith(LINK.url)


def test_the_text_says_until_when_the_link_works() -> None:
    assert "until 2026-11-20 03:00 UTC:" in told(DAISY)["default"]


def test_a_link_that_may_end_sooner_is_said_to() -> None:
    link = Link(LINK.url, LINK.expires, may_end_sooner=True)
    text = json.loads(messages.predicted(IMAGE, [DAISY], 0.8, link, {}).body)["default"]
    assert "at the latest (the link ends with the session that signed it)" in text


def test_a_rejection_says_why_and_has_no_link() -> None:
    message = messages.rejected(IMAGE, "truncated", "image file is truncated")
    assert json.loads(message.body)["default"] == (
        "[single/a.jpg] was rejected: truncated\n\nimage file is truncated\n\ns3://example-images/single/a.jpg"
    )


def test_programs_get_a_document() -> None:
    assert json.loads(told(DAISY)["sqs"]) == {
        "id": messages.identity(IMAGE),
        "outcome": "predicted",
        "image": {
            "bucket": "example-images",
            "key": "single/a.jpg",
            "etag": "b1946ac9",
            "size": 1000,
            "format": "JPEG",
            "uri": "s3://example-images/single/a.jpg",
        },
        "certain": True,
        "threshold": 0.8,
        "labels": [{"label": "daisy", "index": 985, "score": 0.93}],
        "model": "tiny",
        "url": LINK.url,
        "url_expires": "2026-11-20T03:00:00+00:00",
    }


def test_the_document_is_what_a_caller_gets_as_well() -> None:
    message = messages.predicted(IMAGE, [DAISY], 0.8, LINK, {})
    assert json.loads(json.loads(message.body)["lambda"]) == message.document


def test_all_programs_get_the_same() -> None:
    forms = told(DAISY)
    assert {forms[protocol] for protocol in ("sqs", "lambda", "http", "https", "firehose")} == {forms["sqs"]}


def test_the_same_image_has_the_same_id_whatever_is_said_of_it() -> None:
    predicted = messages.predicted(IMAGE, [DAISY], 0.8, LINK, {})
    assert predicted.id == messages.rejected(IMAGE, "corrupt", "").id


def test_other_bytes_under_the_same_key_have_another_id() -> None:
    assert messages.identity(IMAGE) != messages.identity(Image("example-images", "single/a.jpg", "other"))


HOSTILE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=1024)
TOPS = st.lists(st.builds(Ranked, HOSTILE, st.integers(0, 1000), st.floats(0, 1)), max_size=5)


@given(HOSTILE, TOPS, st.floats(0, 1))
def test_every_subject_is_one_that_sns_takes(key: str, top: list[Ranked], threshold: float) -> None:
    subject = messages.predicted(Image("b", key), top, threshold, LINK, {}).subject
    assert 0 < len(subject) < 100
    assert subject[0].isalpha()
    assert all(" " <= letter <= "~" for letter in subject)


@given(HOSTILE, TOPS, st.floats(0, 1))
def test_every_sms_is_a_single_one(key: str, top: list[Ranked], threshold: float) -> None:
    text = told(*top, image=Image("b", key), threshold=threshold)["sms"]
    assert set(text) <= GSM | DOUBLE
    assert sum(2 if letter in DOUBLE else 1 for letter in text) <= 140


@given(HOSTILE, TOPS)
def test_no_key_and_no_label_adds_a_line_to_the_text(key: str, top: list[Ranked]) -> None:
    text = told(*top, image=Image("b", key))["default"]
    assert len(text.split("\n")) == 6
    assert text.splitlines() == text.split("\n")


@given(HOSTILE, TOPS)
def test_nothing_in_a_text_turns_its_direction(key: str, top: list[Ranked]) -> None:
    text = told(*top, image=Image("b", key))["default"]
    assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u200e\u200f\u061c")


def test_a_key_written_from_the_right_stands_by_itself() -> None:
    assert first_line(DAISY, image=Image("b", "תמונה.jpg")) == "[\u2068תמונה.jpg\u2069] is a: daisy (0.93)"


def test_a_long_key_keeps_its_file_name() -> None:
    line = first_line(DAISY, image=Image("b", "x" * 1000 + "/daisy-of-may.jpg"))
    assert "..." in line
    assert line.endswith("/daisy-of-may.jpg] is a: daisy (0.93)")


def test_the_whole_key_is_in_the_document() -> None:
    key = "x" * 1000 + "\n/\u202e.jpg"
    assert json.loads(told(DAISY, image=Image("b", key))["sqs"])["image"]["key"] == key


def test_a_document_has_no_character_that_a_queue_refuses() -> None:
    assert told(DAISY, image=Image("b", "\ufffe\uffff.jpg"))["sqs"].isascii()


def test_the_largest_message_is_within_what_sns_takes() -> None:
    image = Image("b" * 63, "\U0001f600" * 256, "e" * 64, 1, "JPEG")
    top = [Ranked("\U0001f600" * 100, 1, 0.5)] * messages.MOST_LABELS
    assert len(messages.predicted(image, top, 0.8, LINK, {}).body.encode()) < 262_144
