from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.scheduler.expressions import ExpressionError, parse_expression, parse_zone

START = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def moments(text: str, after: datetime, zone: ZoneInfo = BERLIN, count: int = 3) -> list[str]:
    found = islice(parse_expression(text, zone, START).moments(after), count)
    return [moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ") for moment in found]


def test_a_rate_fires_at_its_start_and_then_every_period() -> None:
    before = START - timedelta(seconds=1)
    assert moments("rate(90 minutes)", before) == ["2026-11-20T02:00Z", "2026-11-20T03:30Z", "2026-11-20T05:00Z"]


@pytest.mark.parametrize("text", ["rate(1 hour)", "rate(1 hours)", "rate(60 minute)", "rate(60 minutes)"])
def test_the_unit_of_a_rate_may_be_one_or_several(text: str) -> None:
    before = START - timedelta(seconds=1)
    assert moments(text, before, count=2) == ["2026-11-20T02:00Z", "2026-11-20T03:00Z"]


def test_a_rate_goes_on_from_where_it_was() -> None:
    assert moments("rate(1 day)", START + timedelta(days=7), count=1) == ["2026-11-28T02:00Z"]


def test_a_cron_expression_is_of_its_time_zone() -> None:
    assert moments("cron(0 2 * * ? *)", START, count=2) == ["2026-11-21T01:00Z", "2026-11-22T01:00Z"]


def test_a_local_time_that_does_not_exist_in_spring_is_skipped() -> None:
    after = datetime(2027, 3, 27, 12, 0, tzinfo=UTC)
    assert moments("cron(30 2 * * ? *)", after, count=2) == ["2027-03-29T00:30Z", "2027-03-30T00:30Z"]


def test_a_local_time_that_comes_twice_in_autumn_fires_once() -> None:
    after = datetime(2027, 10, 30, 12, 0, tzinfo=UTC)
    assert moments("cron(30 2 * * ? *)", after, count=2) == ["2027-10-31T00:30Z", "2027-11-01T01:30Z"]


def test_between_the_two_hours_of_autumn_the_next_firing_is_tomorrows() -> None:
    between = datetime(2027, 10, 31, 1, 10, tzinfo=UTC)
    assert moments("cron(30 2 * * ? *)", between, count=1) == ["2027-11-01T01:30Z"]


def test_a_day_of_a_rate_has_24_hours_whatever_the_clocks_do() -> None:
    after = datetime(2027, 3, 27, 3, 0, tzinfo=UTC)
    assert moments("rate(1 day)", after, count=2) == ["2027-03-28T02:00Z", "2027-03-29T02:00Z"]


def test_at_is_once_and_of_its_time_zone() -> None:
    assert moments("at(2026-11-20T04:30:00)", START) == ["2026-11-20T03:30Z"]
    assert moments("at(2026-11-20T04:30:00)", START + timedelta(hours=2)) == []


@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "UTC"]),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 1_000_000).map(lambda minutes: START + timedelta(minutes=minutes)),
)
def test_a_daily_schedule_fires_at_its_local_time_and_never_twice_a_day(
    zone_name: str, hour: int, minute: int, after: datetime
) -> None:
    zone = ZoneInfo(zone_name)
    found = list(islice(parse_expression(f"cron({minute} {hour} * * ? *)", zone, START).moments(after), 5))
    local = [moment.astimezone(zone) for moment in found]
    assert all((time.hour, time.minute) == (hour, minute) for time in local)
    assert len({time.date() for time in local}) == 5
    assert after < found[0]
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("every night", "is no schedule expression"),
        ("rate(0 minutes)", "is no rate"),
        ("rate(1 week)", "is no rate"),
        ("at(2026-11-20)", "names no time"),
        ("at(2026-13-20T00:00:00)", "names no time"),
        ("cron(0 2 * * *)", "is no cron expression: a cron expression has six fields"),
    ],
)
def test_an_expression_that_makes_no_sense_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ExpressionError, match=problem):
        parse_expression(text, BERLIN, START)


@pytest.mark.parametrize("name", ["Europe/Nowhere", "", "../../etc/passwd", "/etc/localtime"])
def test_a_time_zone_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(ExpressionError, match="is no time zone"):
        parse_zone(name)
