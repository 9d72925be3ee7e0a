"""What started a run, read from inputs that AWS sends."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.deployed import triggers

EVENTS = Path(__file__).resolve().parents[1] / "data" / "events"


def created(key: str) -> dict[str, Any]:
    """EventBridge's event about an object, as recorded, with another key."""
    event: dict[str, Any] = json.loads((EVENTS / "object_created.json").read_text())
    event["detail"]["object"]["key"] = key
    return event


@pytest.mark.parametrize(
    ("document", "word"),
    [
        (json.loads((EVENTS / "schedule.json").read_text()), "schedule"),
        (json.loads((EVENTS / "scheduled_event.json").read_text()), "schedule"),
        (created("inbox/_READY"), "marker"),
        (created("inbox/today.manifest.json"), "manifest"),
        ({"replays": "2026-11-20T0200-incoming-7f3a9c", "images": []}, "replay"),
        ({"prefixes": ["incoming/"]}, "manual"),
        ({}, "manual"),
        ([], "manual"),
        ({"detail-type": "Object Created", "source": "aws.s3"}, "marker"),
    ],
)
def test_an_input_tells_its_trigger(document: Any, word: str) -> None:
    assert triggers.of(document) == word


def test_each_trigger_has_a_sentence() -> None:
    assert set(triggers.TOLD) == {"schedule", "marker", "manifest", "replay", "manual"}
