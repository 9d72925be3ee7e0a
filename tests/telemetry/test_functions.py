"""What each line of a function's log says of its invocation and its run."""

import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.telemetry.functions import logged, run_of

CONTEXT = SimpleNamespace(
    function_name="step",
    memory_limit_in_mb=128,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:step",
    aws_request_id="5e1f0c6e",
)
POINTER = {"bucket": "results", "key": "runs/2026-11-20T0200-incoming-7f3a9c/run.json"}

logger = logging.getLogger("pipeline.somewhere")


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The lines that the function printed so far, as objects."""
    printed: list[str] = []
    (handler,) = logging.getLogger("pipeline").handlers
    monkeypatch.setattr(handler, "emit", lambda record: printed.append(handler.format(record)))
    monkeypatch.setattr(logging.getLogger("pipeline"), "level", logging.INFO)
    return lambda: [json.loads(line) for line in printed]


@pytest.mark.parametrize(
    ("event", "run"),
    [
        ({"run": POINTER}, "2026-11-20T0200-incoming-7f3a9c"),
        ({"run": {"run_id": "2026-11-20T0200-incoming-7f3a9c"}}, "2026-11-20T0200-incoming-7f3a9c"),
        ({"run": {"bucket": "results", "key": "models/a.json"}}, None),
        ({"run": {"bucket": "results", "key": "runs/"}}, None),
        ({"run": "photos"}, None),
        ({"detail": {}}, None),
        ([], None),
        ("photos", None),
        (None, None),
    ],
)
def test_the_run_of_an_event_is_that_of_its_pointer(event: Any, run: str | None) -> None:
    assert run_of(event) == run


def test_whatever_is_logged_below_names_the_run_and_the_invocation(lines: Any) -> None:
    logged(lambda event, context: logger.info("3 images"))({"run": POINTER}, CONTEXT)
    (line,) = lines()
    assert (line["run_id"], line["function_request_id"], line["message"]) == (
        "2026-11-20T0200-incoming-7f3a9c",
        "5e1f0c6e",
        "3 images",
    )


def test_the_next_invocation_does_not_name_the_run_of_the_one_before(lines: Any) -> None:
    handler = logged(lambda event, context: logger.info("here"))
    handler({"run": POINTER}, CONTEXT)
    handler({}, CONTEXT)
    assert ["run_id" in line for line in lines()] == [True, False]


def test_an_error_is_a_line_that_names_the_run_and_is_raised(lines: Any) -> None:
    def fail(event: Any, context: Any) -> None:
        raise ValueError("no such model")

    with pytest.raises(ValueError, match="no such model"):
        logged(fail)({"run": POINTER}, CONTEXT)
    (line,) = lines()
    assert (line["level"], line["message"], line["run_id"]) == (
        "ERROR",
        "ValueError: no such model",
        "2026-11-20T0200-incoming-7f3a9c",
    )
