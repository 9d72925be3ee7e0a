"""Causes: a person gets the sentence, whatever the service wrapped it in."""

import json

import pytest

from pipeline.results import causes


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        (None, ""),
        ("plain words", "plain words"),
        ('{"errorMessage": "no such prefix", "errorType": "InvalidRunInput", "stackTrace": []}', "no such prefix"),
        (
            '{"FailureReason": "AlgorithmError: exit 1", "ExitMessage": "out of memory"}',
            "out of memory; AlgorithmError: exit 1",
        ),
        ('{"FailureReason": "stopped", "ExitMessage": ""}', "stopped"),
        ('{"unknown": 1}', '{"unknown": 1}'),
        ("[1]", "[1]"),
        ("[" * 2000, "[" * 2000),
    ],
)
def test_the_sentence_is_found(cause: str | None, sentence: str) -> None:
    assert causes.readable(cause) == sentence


def test_a_sentence_said_twice_is_repeated_once() -> None:
    assert causes.readable(json.dumps({"ExitMessage": "broken", "FailureReason": "broken"})) == "broken"


def test_a_cause_is_shortened() -> None:
    assert len(causes.readable("x" * 30_000)) == 2000
