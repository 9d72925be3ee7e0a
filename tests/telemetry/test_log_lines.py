"""Lines of a log: JSON that holds what was said, one line a record, whatever a key has in it; and told to people."""

import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.telemetry.log_lines import JsonLines, as_text, read


def record(message: str, **more: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "infer", "msg": message, "levelno": 20, "levelname": "INFO", **more})


def error() -> logging.LogRecord:
    try:
        int("five")
    except ValueError:
        return record("it failed", levelname="ERROR", exc_info=sys.exc_info())


@given(text=st.text(), key=st.text())
def test_a_record_is_one_line_of_json_that_holds_what_was_said(text: str, key: str) -> None:
    line = JsonLines().format(record("%s", args=(text,), key=key))
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    assert (json.loads(line)["message"], json.loads(line)["key"]) == (text, key)


@pytest.mark.parametrize("text", ["5", '{"a": 1}', "null", "true"])
def test_a_message_is_text_also_where_it_is_json(text: str) -> None:
    assert json.loads(JsonLines().format(record(text)))["message"] == text


def test_a_line_begins_with_what_is_read_first() -> None:
    fields = list(json.loads(JsonLines().format(record("ready"))))
    assert fields[:3] == ["timestamp", "level", "message"]


def test_fields_that_every_line_has_are_on_every_line() -> None:
    lines = JsonLines()
    lines.append_keys(run_id="2026-11-20T0200-incoming-7f3a9c")
    found = [json.loads(lines.format(record(text)))["run_id"] for text in ("one", "two")]
    assert found == ["2026-11-20T0200-incoming-7f3a9c"] * 2


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
