"""Metrics as lines, read back as CloudWatch does."""

import json
from collections.abc import Callable
from typing import Any

import pytest

STACK = "photos"


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The lines of metrics that were printed since it was last asked, in a stack."""
    monkeypatch.setenv("STACK_NAME", STACK)
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
