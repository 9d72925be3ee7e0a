"""Timestamps: strict RFC 3339 with an offset."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.states.timestamps import parse_timestamp

OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=OFFSETS))  # noqa: DTZ001
def test_what_python_writes_with_an_offset_is_read_as_the_same_moment(moment: datetime) -> None:
    assert parse_timestamp(moment.isoformat()) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2016-08-18T17:33:00Z", datetime(2016, 8, 18, 17, 33, tzinfo=UTC)),
        ("2016-08-18T17:33:00.5Z", datetime(2016, 8, 18, 17, 33, 0, 500_000, tzinfo=UTC)),
        ("2016-08-18T17:33:00.123456789Z", datetime(2016, 8, 18, 17, 33, 0, 123_456, tzinfo=UTC)),
        ("2016-08-18T17:33:00+02:00", datetime(2016, 8, 18, 15, 33, tzinfo=UTC)),
        ("2016-08-18T17:33Z", datetime(2016, 8, 18, 17, 33, tzinfo=UTC)),
    ],
)
def test_a_timestamp_is_read(text: str, moment: datetime) -> None:
    assert parse_timestamp(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2016-08-18T17:33:00",
        "2016-08-18 17:33:00Z",
        "2016-08-18t17:33:00Z",
        "2016-08-18T17:33:00z",
        "2016-08-18",
        "2016-02-30T00:00:00Z",
        "2016-08-18T24:00:00Z",
        "2016-08-18T17:33:60Z",
        "2016-08-18T17:33:00.Z",
        "2016-8-18T17:33:00Z",
        "2016-08-18T17:33:00+0200",
        "2016-08-18T17:33:00+24:00",
        " 2016-08-18T17:33:00Z",
        "٢٠١٦-08-18T17:33:00Z",
        "",
    ],
)
def test_anything_else_is_not_a_timestamp(text: str) -> None:
    assert parse_timestamp(text) is None
