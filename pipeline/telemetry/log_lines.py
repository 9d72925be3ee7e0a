"""A log record as one line of JSON: `{"timestamp", "level", "message", "location", ...}`, whatever is in it.

CloudWatch Logs Insights finds the fields of such a line by itself. Keys of images hold any character: what does not
print is escaped as JSON has it, so that no key begins a line of its own or turns the writing around.
"""

import json
import logging
from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter


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


def _refuse(text: Any) -> str:
    raise ValueError("a message is text")
