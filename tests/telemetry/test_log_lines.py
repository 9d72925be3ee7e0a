"""Lines of a log: JSON that holds what was said, one line a record, whatever a key has in it."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.telemetry.log_lines import JsonLines


def record(message: str, **more: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "infer", "msg": message, "levelno": 20, "levelname": "INFO", **more})


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
