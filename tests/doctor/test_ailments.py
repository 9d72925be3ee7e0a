"""Every failure that is known is recognised by the words in which it is really told, and harmless words are not."""

import inspect
from pathlib import Path

import pytest

from pipeline import errors
from pipeline.doctor import AILMENTS, Ailment, Depth, diagnose, lines_in_text

MESSAGES = [
    tuple(line.split(" | ", 1))
    for line in (Path(__file__).parents[1] / "data/doctor/messages.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
ERRORS = [
    name
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.ImageBatchError) and kind is not errors.ImageBatchError
]


def names(text: str) -> list[str]:
    return [finding.ailment.name for finding in diagnose(lines_in_text(text)).findings]


@pytest.mark.parametrize(("name", "message"), MESSAGES, ids=[f"{name}: {message[:40]}" for name, message in MESSAGES])
def test_a_message_is_recognised_as_what_it_is(name: str, message: str) -> None:
    assert names(message.replace("\\n", "\n"))[0] == name


@pytest.mark.parametrize(("name", "message"), MESSAGES, ids=[f"{name}: {message[:40]}" for name, message in MESSAGES])
def test_no_message_is_taken_for_two_causes(name: str, message: str) -> None:
    findings = diagnose(lines_in_text(message.replace("\\n", "\n"))).findings
    assert len([finding for finding in findings if finding.ailment.depth is not Depth.SYMPTOM]) <= 1


@pytest.mark.parametrize("known", AILMENTS, ids=lambda known: known.name)
def test_every_failure_that_is_known_has_an_example(known: Ailment) -> None:
    assert known.name in {name for name, _ in MESSAGES}


@pytest.mark.parametrize("known", AILMENTS, ids=lambda known: known.name)
def test_every_wording_is_recognised_when_it_is_seen(known: Ailment) -> None:
    for sign in known.signs:
        filled = sign.text.replace("{}", "x1")
        assert sign.pattern.search(f"2026-11-20 ERROR: {filled} and more"), sign.text
        assert len(sign.anchor) >= 5, sign.text


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_of_ours_is_known(name: str) -> None:
    assert names(f'{{"errorType": "{name}", "errorMessage": "something"}}')


def test_names_of_failures_are_unique() -> None:
    assert len({known.name for known in AILMENTS}) == len(AILMENTS)


@pytest.mark.parametrize(
    "line",
    [
        "2024-10-16T22:49:21.569:[sagemaker logs]: MaxConcurrentTransforms=1, MaxPayloadInMB=100, BatchStrategy=SINGLE",
        '10.32.0.2 - - [03/Jan/2019:20:53:11 +0000] "POST /invocations HTTP/1.1" 200 231',
        '10.32.0.2 - - [03/Jan/2019:20:53:11 +0000] "GET /ping HTTP/1.1" 200 0',
        "2413 images predicted, 137 rejected, exit code: 0",
        "uploaded photo-413.jpg and memoryerror-free.txt",
        "index: 1 Got: 3 Expected: 384 is not a message of anybody",
        '{"StoppingCondition": {"MaxRuntimeInSeconds": 3600}, "ProcessingJobStatus": "Completed"}',
        "TooManyFailedAttempts is another word",
    ],
)
def test_a_harmless_line_is_no_failure(line: str) -> None:
    assert names(line) == []
