"""A log record as one line of JSON: `{"timestamp", "level", "message", "location", ...}`, whatever is in it.

CloudWatch Logs Insights finds the fields of such a line by itself. Keys of images hold any character: what does not
print is escaped as JSON has it, so that no key begins a line of its own or turns the writing around.

    as_text     the same line for people: 2026-11-20 02:00:03.123 INFO batch 5e1f: 158 accepted [run_id=...]
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from pipeline.given import printable

_TOLD_BY_THE_TEXT = {"timestamp", "level", "message", "location", "service", "exception", "exception_name"}
# What Powertools says of each invocation: Lambda's own START and REPORT lines stand beside it.
_TOLD_BY_LAMBDA = {
    "cold_start",
    "function_arn",
    "function_memory_size",
    "function_name",
    "function_request_id",
    "xray_trace_id",
}
EMF = "_aws"
"""The member that makes a line a metric (CloudWatch, "Specification: Embedded metric format")."""


class JsonLines(LambdaPowertoolsFormatter):
    """Powertools' lines, in UTC, with the fields that are read first in front."""

    def __init__(self) -> None:
        super().__init__(
            log_record_order=["timestamp", "level", "message", "location"],
            location="%(name)s:%(lineno)d",
            # A message is text, also where it happens to be JSON: a key may be called 5.
            json_deserializer=_refuse,
            serialize_stacktrace=False,
            use_rfc3339=True,
            utc=True,
        )

    def format(self, record: logging.LogRecord) -> str:
        line: str = super().format(record)
        if line.isprintable():
            return line
        return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in line)


def as_text(line: str) -> str:
    """A line of a log for people; what is no line of JsonLines is given back as it is.

    The text of an exception stands below, as Python writes it. A metric is told by its names and values.
    """
    document = read(line)
    if document is None:
        return line
    if EMF in document:
        return _metrics(document)
    said = f"{_time(str(document['timestamp']))} {document['level']} {printable(str(document['message']))}"
    told = _TOLD_BY_THE_TEXT | _TOLD_BY_LAMBDA
    fields = [f"{name}={printable(str(value))}" for name, value in document.items() if name not in told]
    return "".join(
        (said, f" [{' '.join(fields)}]" if fields else "", f"\n{error}" if (error := document.get("exception")) else "")
    )


def read(line: str) -> dict[str, Any] | None:
    """The object in a line that JsonLines or a metric made; None where it is another."""
    if not line.startswith("{"):
        return None
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not (EMF in document or {"timestamp", "level", "message"} <= document.keys()):
        return None
    return document


def _metrics(document: Mapping[str, Any]) -> str:
    try:
        names = [each["Name"] for directive in document[EMF]["CloudWatchMetrics"] for each in directive["Metrics"]]
        return "metrics: " + ", ".join(f"{name} {_number(document[name])}" for name in names)
    except (KeyError, TypeError):
        return json.dumps(document)


def _number(value: Any) -> str:
    values = value if isinstance(value, list) else [value]
    return " ".join(f"{each:g}" for each in values)


def _time(timestamp: str) -> str:
    return timestamp.replace("T", " ").removesuffix("+00:00")


def _refuse(text: Any) -> str:
    raise ValueError("a message is text")
