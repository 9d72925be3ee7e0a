import datetime
from itertools import islice

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.scheduler.cron import Cron, CronError

# Local times of no zone: a cron expression knows none.
START = datetime.datetime(2026, 11, 20, 2, 30)  # noqa: DTZ001


def times(expression: str, count: int = 3, start: datetime.datetime = START) -> list[str]:
    return [f"{time:%Y-%m-%d %H:%M}" for time in islice(Cron(expression).times(start), count)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 10 * * ? *", ["2026-11-20 10:00", "2026-11-21 10:00", "2026-11-22 10:00"]),
        ("15 12 * * ? *", ["2026-11-20 12:15", "2026-11-21 12:15", "2026-11-22 12:15"]),
        ("0 18 ? * MON-FRI *", ["2026-11-20 18:00", "2026-11-23 18:00", "2026-11-24 18:00"]),
        ("0 8 1 * ? *", ["2026-12-01 08:00", "2027-01-01 08:00", "2027-02-01 08:00"]),
        ("0/30 * * * ? *", ["2026-11-20 02:30", "2026-11-20 03:00", "2026-11-20 03:30"]),
        ("0/5 8-9 ? * 2-6 *", ["2026-11-20 08:00", "2026-11-20 08:05", "2026-11-20 08:10"]),
        ("0 0 L * ? *", ["2026-11-30 00:00", "2026-12-31 00:00", "2027-01-31 00:00"]),
        ("0 0 ? * L *", ["2026-11-21 00:00", "2026-11-28 00:00", "2026-12-05 00:00"]),
        ("15 10 ? * 6L 2026-2027", ["2026-11-27 10:15", "2026-12-25 10:15", "2027-01-29 10:15"]),
        ("0 9 ? * 2#1 *", ["2026-12-07 09:00", "2027-01-04 09:00", "2027-02-01 09:00"]),
        ("0 0 1W * ? *", ["2026-12-01 00:00", "2027-01-01 00:00", "2027-02-01 00:00"]),
        ("0 0 1W 5,8 ? *", ["2027-05-03 00:00", "2027-08-02 00:00", "2028-05-01 00:00"]),
        ("0 0 15W 11 ? *", ["2027-11-15 00:00", "2028-11-15 00:00", "2029-11-15 00:00"]),
        ("0 0 31W 10 ? *", ["2027-10-29 00:00", "2028-10-31 00:00", "2029-10-31 00:00"]),
        ("30 2 29 FEB ? *", ["2028-02-29 02:30", "2032-02-29 02:30", "2036-02-29 02:30"]),
    ],
)
def test_an_expression_gives_its_times(expression: str, expected: list[str]) -> None:
    assert times(expression) == expected


def test_years_come_to_an_end() -> None:
    assert times("0 0 1 1 ? 2027") == ["2027-01-01 00:00"]


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("0 2 * * ?", "six fields"),
        ("0 2 * * * *", r"either day-of-month or day-of-week has to be \?"),
        ("0 2 ? * ? *", r"either day-of-month or day-of-week has to be \?"),
        ("60 2 * * ? *", "minutes: '60' is not between 0 and 59"),
        ("0 2 0 * ? *", "day-of-month: '0' is not between 1 and 31"),
        ("0 2 ? * 0 *", "day-of-week: '0' is not between 1 and 7"),
        ("0 2 * FOO ? *", "month: 'FOO'"),
        ("0 2 * * ? 1969", "year: '1969'"),
        ("5-1 2 * * ? *", "'5-1' ends before it begins"),
        ("0/0 2 * * ? *", "the step of '0/0'"),
        ("a-b-c 2 * * ? *", "'a-b-c' is not understood"),
        ("0 2 ? * 2#6 *", "has to end in #1 to #5"),
        ("0 2 ? * 2#1,3#2 *", "only one # is allowed"),
    ],
)
def test_an_expression_that_makes_no_sense_names_the_field(expression: str, problem: str) -> None:
    with pytest.raises(CronError, match=problem):
        Cron(expression)


def field(lowest: int, highest: int) -> st.SearchStrategy[str]:
    """A field in the notation that both understand."""
    number = st.integers(lowest, highest)
    # To croniter 2-2 is every value there is.
    bounds = st.lists(number, min_size=2, max_size=2, unique=True).map(sorted)
    element = st.one_of(
        number.map(str),
        bounds.map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.tuples(bounds, st.integers(1, 7)).map(lambda each: f"{each[0][0]}-{each[0][1]}/{each[1]}"),
        st.integers(1, 7).map(lambda step: f"*/{step}"),
    )
    return st.one_of(st.just("*"), st.lists(element, min_size=1, max_size=3).map(",".join))


moments = st.integers(-200_000, 4_000_000).map(lambda minutes: START + datetime.timedelta(minutes=minutes))


def agreed(ours: str, theirs: str, start: datetime.datetime) -> None:
    """Both give the same times after `start`, as far as croniter looks."""
    oracle = croniter(theirs, start, max_years_between_matches=8)
    expected = [oracle.get_next(datetime.datetime) for _ in range(4)]
    assert list(islice(Cron(ours).times(start + datetime.timedelta(minutes=1)), 4)) == expected


@given(field(0, 59), field(0, 23), field(1, 28), field(1, 12), moments)
def test_days_of_the_month_agree_with_croniter(
    minutes: str, hours: str, days: str, months: str, start: datetime.datetime
) -> None:
    agreed(f"{minutes} {hours} {days} {months} ? *", f"{minutes} {hours} {days} {months} *", start)


WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@given(field(0, 59), st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=3, unique=True), moments)
def test_days_of_the_week_agree_with_croniter(minutes: str, days: list[str], start: datetime.datetime) -> None:
    agreed(f"{minutes} 2 ? * {','.join(days)} *", f"{minutes} 2 * * {','.join(days).lower()}", start)


@given(st.sampled_from(WEEKDAYS), st.integers(1, 4), moments)
def test_the_nth_day_of_the_week_agrees_with_croniter(day: str, nth: int, start: datetime.datetime) -> None:
    agreed(f"0 2 ? * {day}#{nth} *", f"0 2 * * {day.lower()}#{nth}", start)


@given(moments)
def test_the_last_day_of_the_month_agrees_with_croniter(start: datetime.datetime) -> None:
    agreed("0 2 L * ? *", "0 2 l * *", start)
