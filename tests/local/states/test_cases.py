"""Small state machines, each showing one rule of the language: `tests/data/asl/*.json`."""

import json
from pathlib import Path
from typing import Any

import pytest

CASES = [
    case
    for path in sorted((Path(__file__).parents[2] / "data" / "asl").glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_rule(case: dict[str, Any], machines: Any) -> None:
    outcome = machines.run(case["definition"], case["input"])
    assert (outcome.error, outcome.output) == (case.get("error"), case.get("output"))
    assert outcome.status == ("FAILED" if "error" in case else "SUCCEEDED")
    assert case.get("cause", outcome.cause) == outcome.cause
    assert case.get("events", outcome.types) == outcome.types
