"""Timestamps as Step Functions reads them: the ISO 8601 profile of RFC 3339, with `T` and `Z` in upper case.

Source: Amazon States Language, "Timestamps". A timestamp without an offset is not one.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

_TIMESTAMP = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d{2}):(\d{2}))", re.ASCII
)


def parse_timestamp(text: str) -> datetime | None:
    """The aware datetime (UTC or the given offset, to the microsecond), or None where `text` is not a timestamp."""
    match = _TIMESTAMP.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute = (int(group) for group in match.groups()[:5])
    second, fraction, sign, offset_hours, offset_minutes = match.groups()[5:]
    zone: timezone = UTC
    try:
        if sign:
            offset = timedelta(hours=int(offset_hours), minutes=int(offset_minutes))
            zone = timezone(-offset if sign == "-" else offset)
        microsecond = int((fraction or "0").ljust(6, "0")[:6])
        return datetime(year, month, day, hour, minute, int(second or 0), microsecond, zone)
    except ValueError:
        return None
