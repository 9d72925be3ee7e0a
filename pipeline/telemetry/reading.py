"""Lines of a log as people read them: 2026-11-20 02:00:03.123 INFO batch 5e1f: 158 accepted [run_id=...]

What no line of log_lines.py is, and no metric, is left as it is: Lambda's own lines, what libraries print.
"""

import json
from collections.abc import Mapping
from typing import Any

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


def text_of(log: str) -> str:
    """A whole log."""
    return "\n".join(map(as_text, log.split("\n")))


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
