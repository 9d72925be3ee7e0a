"""One message, in a form for each protocol that SNS knows: what it may hold, how long it is, and what it says."""

import json
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.results import message_forms
from pipeline.results.failures import Failure
from pipeline.runs.stages import Stage

RUN_ID = "2026-11-20T0200-incoming-7f3a9c"
ARN = "arn:aws:states:us-east-1:123456789012:execution:imagebatch-batch:first"
CONSOLE = f"https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/v2/executions/details/{ARN}"
REPORT = f"s3://example-results/runs/{RUN_ID}/results/report.html"

LARGEST_MESSAGE, LONGEST_SUBJECT = 262_144, 99
"""Bytes and characters: SNS API, Publish, `Message` and `Subject`. A state may hold as many bytes."""
FOR_THE_REST_OF_THE_STATE = 40_000
# 3GPP TS 23.038, 6.2.1: the default alphabet of an SMS. What is in its extension table counts twice and is not here.
GSM_7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
# "Custom notifications using Amazon Q Developer in chat applications": which fields there are, and which are required.
CHAT_SCHEMA = {
    "type": "object",
    "required": ["version", "source", "content"],
    "additionalProperties": False,
    "properties": {
        "version": {"const": "1.0"},
        "source": {"const": "custom"},
        "id": {"type": "string"},
        "content": {
            "type": "object",
            "required": ["description"],
            "additionalProperties": False,
            "properties": {
                "textType": {"const": "client-markdown"},
                "title": {"type": "string"},
                "description": {"type": "string", "minLength": 1},
                "nextSteps": {"type": "array", "items": {"type": "string"}},
                "keywords": {"type": "array", "items": {"type": "string"}},
            },
        },
        "metadata": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "threadId": {"type": "string"},
                "summary": {"type": "string"},
                "eventType": {"type": "string"},
                "relatedResources": {"type": "array", "items": {"type": "string"}},
                "additionalContext": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
    },
}


def summary(
    key: str = "incoming/a.jpg", label: str = "tabby", detail: str = "broken", **changes: Any
) -> dict[str, Any]:
    image = {"bucket": "example-images", "key": key, "detail": detail}
    return {
        "run_id": RUN_ID,
        "model": "tiny",
        "task": "classification",
        "sources": ["s3://example-images/incoming/"],
        "seconds": 192.4,
        "counts": {"listed": 1234, "passed_over": 0, "predicted": 1229, "rejected": 3, "failed": 2, "skipped": 0},
        "top_labels": [{"label": label, "images": 1000, "mean_score": 0.8}] * 20,
        "without_boxes": None,
        "rejected_by_reason": {"truncated": 2, "not_an_image": 1},
        "rejected_examples": [{**image, "reason": "truncated"}] * 20,
        "quarantine": {"policy": "leave", "set_apart": 0, "copies": None},
        "failed_by_error": {"InvalidPrediction": 2},
        "failed_examples": [{**image, "error": "InvalidPrediction"}] * 20,
        "results": f"s3://example-results/runs/{RUN_ID}/results/",
        "execution_arn": ARN,
        **changes,
    }


def failure(**changes: Any) -> Failure:
    known: dict[str, Any] = {
        "execution_arn": ARN,
        "execution_name": "first",
        "redrive_count": 0,
        "status": "FAILED",
        "stage": Stage.PREDICTING,
        "run": {"run_id": RUN_ID, "bucket": "example-results"},
        "error": "TooManyFailed",
        "cause": '{"errorMessage": "5 of 9 images could not be predicted"}',
    }
    return Failure(**{**known, **changes})


def finished(**changes: Any) -> dict[str, Any]:
    return forms(message_forms.finished(summary(**changes), CONSOLE))


def forms(message: Mapping[str, str]) -> dict[str, Any]:
    """The forms by protocol, those that are JSON as their documents."""
    found = json.loads(message["body"])
    return {
        protocol: json.loads(text) if protocol not in ("default", "email", "sms") else text
        for protocol, text in found.items()
    }


ENDINGS = {
    "finished": message_forms.finished(summary(), CONSOLE),
    "reported": message_forms.with_report(message_forms.finished(summary(), CONSOLE), REPORT, "https://console"),
    "nothing was rejected": message_forms.finished(
        summary(rejected_by_reason={}, failed_by_error={}, top_labels=[]), None
    ),
    "failed": message_forms.failed(failure(), "photos", CONSOLE),
    "stopped": message_forms.failed(failure(status="ABORTED", error="", cause=""), "photos", None),
    "without a run": message_forms.failed(
        failure(run=None, stage=Stage.STARTING, error="InvalidRunInput", cause="no"), "photos", CONSOLE
    ),
}


@pytest.mark.parametrize("message", ENDINGS.values(), ids=ENDINGS)
def test_a_card_is_a_custom_notification(message: dict[str, str]) -> None:
    jsonschema.validate(forms(message)["https"], CHAT_SCHEMA)


@pytest.mark.parametrize("message", ENDINGS.values(), ids=ENDINGS)
def test_an_sms_is_one_sms(message: dict[str, str]) -> None:
    text = forms(message)["sms"]
    assert set(text) <= GSM_7
    assert 20 < len(text) <= 140


@pytest.mark.parametrize("message", ENDINGS.values(), ids=ENDINGS)
def test_programs_get_the_facts_and_the_text_with_them(message: dict[str, str]) -> None:
    told = forms(message)
    assert told["sqs"] == told["lambda"]
    assert told["sqs"]["text"] == told["default"]
    assert told["sqs"]["subject"] == message["subject"]


@settings(deadline=None, max_examples=30)
@given(text=st.text(min_size=1).map(lambda text: (text * 1024)[:1024]), stack=st.text(max_size=128))
@example(text='"' * 1024, stack='"')
@example(text="\\" * 1024, stack="\\")
@example(text="\U0001f600" * 1024, stack="photos")
@example(text="\U0010ffff" * 1024, stack="photos")
@example(text="\ud800" * 1024, stack="photos")
def test_whatever_keys_labels_and_causes_hold_a_message_is_one_that_sns_takes(text: str, stack: str) -> None:
    hostile = summary(key=text, label=text, detail=text, sources=[text] * 5)
    told = [
        message_forms.with_report(message_forms.finished(hostile, CONSOLE), REPORT, CONSOLE),
        message_forms.failed(failure(error=text[:256], cause=text * 32), stack, CONSOLE),
    ]
    for message in told:
        state = json.dumps(message, ensure_ascii=False).encode()
        assert len(state) < LARGEST_MESSAGE - FOR_THE_REST_OF_THE_STATE
        assert len(message["subject"]) <= LONGEST_SUBJECT
        assert message["subject"].isascii()
        assert message["subject"].isprintable()
        assert set(forms(message)["sms"]) <= GSM_7
        jsonschema.validate(forms(message)["https"], CHAT_SCHEMA)


@pytest.mark.parametrize("text", ["<!channel>", "<script>", "`<!here>`", "&<@U1>"])
def test_a_label_calls_nobody_in_a_channel(text: str) -> None:
    card = finished(label=text)["https"]["content"]
    assert "<" not in card["description"]
    assert card["description"].count("`") % 2 == 0


def test_an_execution_that_failed_calls_nobody_in_a_channel() -> None:
    told = message_forms.failed(failure(error="<!channel>", cause="<!here>"), "photos", CONSOLE)
    assert "<" not in forms(told)["https"]["content"]["description"] + forms(told)["https"]["content"]["title"]


def test_a_card_says_what_the_run_came_to_and_what_to_do() -> None:
    content = finished()["https"]["content"]
    assert content["description"].splitlines() == [
        "1,234 listed, 1,229 predicted, 3 rejected, 2 failed",
        "*Most frequent*: " + ", ".join(["`tabby` 1,000"] * 5),
        "*Rejected*: `truncated` 2, `not_an_image` 1",
        "*Failed*: `InvalidPrediction` 2",
    ]
    assert content["nextSteps"] == [
        f"The execution: {CONSOLE}",
        f"When rejected images are fixed: `imagebatch replay {RUN_ID}`",
    ]


def test_a_card_about_a_failure_says_what_is_safe_and_how_to_go_on() -> None:
    content = forms(message_forms.failed(failure(), "photos", CONSOLE))["https"]["content"]
    assert content["description"].splitlines()[:2] == ["*TooManyFailed*", "5 of 9 images could not be predicted"]
    assert f"s3://example-results/runs/{RUN_ID}/predictions/" in content["description"]
    assert content["nextSteps"][0] == f"When the cause is gone: `imagebatch resume {RUN_ID} --stack photos`"


def test_what_belongs_to_a_run_is_one_thread() -> None:
    told = [finished(), forms(message_forms.failed(failure(), "photos", None))]
    assert {each["https"]["metadata"]["threadId"] for each in told} == {RUN_ID}


def test_an_sms_about_a_failure_has_the_command_that_goes_on() -> None:
    told = forms(message_forms.failed(failure(), "photos", CONSOLE))
    assert told["sms"] == (f"imagebatch FAILED: TooManyFailed. Go on: imagebatch resume {RUN_ID} --stack photos")


def test_where_there_is_nothing_to_resume_no_form_says_how() -> None:
    told = message_forms.failed(failure(run=None, stage=Stage.STARTING, error="InvalidRunInput"), "photos", CONSOLE)
    assert "imagebatch resume" not in told["body"]
    assert forms(told)["sqs"]["resume"] is None


COST = {"used_usd": 2.25, "estimate_usd": 2.5, "used_seconds": 9, "estimate_seconds": 9, "limit_usd": None} | {
    "region": "us-east-1", "prices_dated": None, "unknown": [],
}  # fmt: skip


def test_an_sms_about_a_run_has_counts_and_what_else_has_room() -> None:
    assert finished(cost=COST)["sms"] == (
        f"imagebatch: 1,229 predicted, 3 rejected, 2 failed ({RUN_ID}). Worst: truncated. Cost $2.25. Most: tabby"
    )
    assert finished(cost=COST, label="a label without an end " * 4)["sms"].endswith("Cost $2.25")


def test_a_card_says_what_a_run_cost() -> None:
    assert "*Cost*: $2.25 used, $2.50 expected" in finished(cost=COST)["https"]["content"]["description"]


def test_every_form_but_the_sms_says_where_the_report_is() -> None:
    told = forms(message_forms.with_report(message_forms.finished(summary(), CONSOLE), REPORT, "https://page"))
    assert f"A report to look through\n  {REPORT}\n  https://page\n" in told["default"]
    assert told["https"]["content"]["nextSteps"][0] == "The report: https://page"
    assert (told["sqs"]["report"], told["sqs"]["report_url"]) == (REPORT, "https://page")


def test_the_execution_is_linked_where_there_is_a_console() -> None:
    assert f"The execution in the console\n  {CONSOLE}\n" in finished()["default"]
    assert "console" not in forms(message_forms.finished(summary(), None))["default"]
