"""Lines of a log as people read them."""

import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.telemetry.log_lines import JsonLines
from pipeline.telemetry.reading import as_text, read, text_of


def record(message: str, **more: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "infer", "msg": message, "levelno": 20, "levelname": "INFO", **more})


def error() -> logging.LogRecord:
    try:
        int("five")
    except ValueError:
        return record("it failed", levelname="ERROR", exc_info=sys.exc_info())


def test_people_read_the_time_the_level_the_message_and_the_fields() -> None:
    line = JsonLines().format(record("%d images", args=(3,), created=1795276800.123, msecs=123, shard="5e1f-0"))
    assert as_text(line) == "2026-11-21 16:00:00.123 INFO 3 images [shard=5e1f-0]"


def test_people_read_a_traceback_as_python_writes_it() -> None:
    text = as_text(JsonLines().format(error()))
    assert "ERROR it failed\nTraceback (most recent call last):\n" in text
    assert text.endswith("ValueError: invalid literal for int() with base 10: 'five'")


def test_people_read_a_metric_as_its_names_and_values() -> None:
    metric = {
        "_aws": {"Timestamp": 0, "CloudWatchMetrics": [{"Metrics": [{"Name": "ImagesListed"}, {"Name": "CostUsd"}]}]},
        "ImagesListed": [12.0],
        "CostUsd": 0.25,
    }
    assert as_text(json.dumps(metric)) == "metrics: ImagesListed 12, CostUsd 0.25"


@given(text=st.text())
def test_what_is_read_by_people_begins_no_line_that_the_log_did_not_have(text: str) -> None:
    line = JsonLines().format(record("%s", args=(text,), key=text))
    assert len(as_text(line).splitlines()) == 1


@pytest.mark.parametrize(
    "line",
    ["", "START RequestId: 5e1f Version: $LATEST", "{", '{"a": 1}', "[1]", '{"_aws": 5}', "{" * 3000],
)
def test_what_is_no_line_of_ours_is_given_back_as_it_is(line: str) -> None:
    assert as_text(line) == line


def test_what_is_no_line_of_ours_is_not_read() -> None:
    assert read('{"timestamp": "2026-11-20"}') is None


def test_a_whole_log_keeps_the_lines_that_are_not_ours() -> None:
    line = JsonLines().format(record("3 images", created=1795276800.5, msecs=500))
    told = text_of(f"START RequestId: 5e1f\n{line}\nEND RequestId: 5e1f\n")
    assert told == "START RequestId: 5e1f\n2026-11-21 16:00:00.500 INFO 3 images\nEND RequestId: 5e1f\n"
