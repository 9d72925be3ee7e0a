"""Dates in prefixes: what strftime would write, on every day, and nothing but dates."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runs.date_templates import InvalidTemplate, expand

NIGHT = datetime(2026, 3, 1, 2, 5, tzinfo=UTC)
# From the year 1000 on, strftime writes as many digits on every platform.
TIMES = st.integers(-374_000, 2_910_000).map(lambda days: NIGHT + timedelta(days=days))
CODES = ["%Y", "%y", "%m", "%d", "%j", "%H", "%M", "%G", "%V", "%u", "%%"]
FORMATS = st.lists(st.sampled_from(CODES) | st.text("abc/-_ .é\n", min_size=1), min_size=1).map("".join)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("incoming/{date:%Y/%m/%d}/", "incoming/2026/03/01/"),
        ("incoming/{date-1:%Y/%m/%d}/", "incoming/2026/02/28/"),
        ("{date+1:%d}-{date:%H%M}", "02-0205"),
        ("week {date:%G-W%V}", "week 2026-W09"),
        ("100 % {today} {da te:%Y} {", "100 % {today} {da te:%Y} {"),
        ("{{date:%Y}}", "{2026}"),
        ("", ""),
    ],
)
def test_a_date_is_written_out_and_all_else_stays(text: str, expanded: str) -> None:
    assert expand(text, NIGHT) == expanded


@given(time=TIMES, days=st.integers(-999, 999), format=FORMATS, before=st.text("ab{}/%"), after=st.text("ab}/%"))
def test_a_date_is_what_strftime_writes(time: datetime, days: int, format: str, before: str, after: str) -> None:
    written = (time + timedelta(days=days)).strftime(format)

    assert expand(f"{before}{{date{days:+}:{format}}}{after}", time) == f"{before}{written}{after}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("in/{date}/", "{date}/ is no date; expected a date written as {date:%Y/%m/%d}"),
        ("{date:}", "{date:} is no date"),
        ("{date", "{date is no date"),
        ("{date:%Y", "{date:%Y is no date"),
        ("{dates:%Y}", "{dates:%Y} is no date"),
        ("{date-:%Y}", "{date-:%Y} is no date"),
        ("{date-1000:%Y}", "{date-1000:%Y} is no date"),
        ("{date-1d:%Y}", "{date-1d:%Y} is no date"),
        ("{date: {inner}}", "{date: {inner}} is no date"),
        ("{date:%B}", "{date:%B} has no code %B; the codes are %Y %y %m %d %j %H %M %G %V %u %%"),
        ("{date:%}", "{date:%} has no code %;"),
    ],
)
def test_what_begins_like_a_date_and_is_none_is_shown(text: str, said: str) -> None:
    with pytest.raises(InvalidTemplate, match=re.escape(said)):
        expand(text, NIGHT)


def test_a_day_before_the_calendar_is_no_date() -> None:
    with pytest.raises(InvalidTemplate, match=r"\{date-1:%Y\} is no date of this calendar, counted from 0001-01-01"):
        expand("{date-1:%Y}", datetime(1, 1, 1, tzinfo=UTC))


@given(text=st.text(st.sampled_from("{}date:%Y+-1 /") | st.characters()))
def test_any_text_is_written_out_or_refused(text: str) -> None:
    try:
        expanded = expand(text, NIGHT)
    except InvalidTemplate:
        assert "{date" in text
    else:
        assert "{date" in text or expanded == text
