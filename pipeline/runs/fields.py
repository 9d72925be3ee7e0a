"""What the fields of an execution's input are checked with: each error names the field, what was expected, and what
was there instead."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

from pipeline.errors import InvalidRunInput
from pipeline.given import shown

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")  # S3 User Guide, "General purpose bucket naming rules"
LONGEST_KEY = 1024
"""Bytes (S3 User Guide, "Naming Amazon S3 objects")."""


def refuse(field: str, expected: str, value: Any) -> NoReturn:
    raise InvalidRunInput(f"{field}: expected {expected}, got {shown(value)}.")


def matching(field: str, value: Any, pattern: re.Pattern[str], expected: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        refuse(field, expected, value)
    return value


def bucket(field: str, value: Any) -> str:
    return matching(field, value, BUCKET, "a bucket name of 3 to 63 lower-case letters, digits, dots and hyphens")


def few(field: str, things: str, value: Any, most: int) -> Iterable[tuple[int, Any]]:
    """The items of a list of 1 to `most`, numbered."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not 1 <= len(value) <= most:
        refuse(field, f"a list of 1 to {most} {things}", value)
    return enumerate(value)


def utc_time(field: str, value: Any) -> datetime:
    """A time of ISO 8601; UTC, where it names no zone."""
    try:
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        refuse(field, "a time such as 2026-11-20T02:00:00Z", value)
