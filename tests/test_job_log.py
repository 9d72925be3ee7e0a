"""The log of a job: what a key holds begins no line of its own."""

import logging
import sys

from hypothesis import given
from hypothesis import strategies as st

from pipeline.job_log import OneLineFormatter


def record(message: str, **more: object) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": "%s", "args": (message,), "levelno": logging.INFO, **more})


@given(text=st.text())
def test_a_record_is_one_line_whatever_is_in_it(text: str) -> None:
    assert len(OneLineFormatter("%(levelno)s %(message)s").format(record(text)).splitlines()) == 1


@given(text=st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])).filter(str.isprintable))
def test_what_prints_is_left_as_it_is(text: str) -> None:
    assert OneLineFormatter("%(message)s").format(record(text)) == text


def test_a_traceback_keeps_its_lines() -> None:
    try:
        int("five")
    except ValueError:
        text = OneLineFormatter("%(message)s").format(record("failed", exc_info=sys.exc_info()))
    assert text.startswith("failed\nTraceback")
    assert "\nValueError: invalid literal" in text
