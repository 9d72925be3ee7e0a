"""Cron expressions of AWS: `minutes hours day-of-month month day-of-week year`.

Source: EventBridge Scheduler User Guide, "Cron-based schedules". Days of the week are 1 (Sunday) to 7. Beyond lists,
ranges and steps there are `L`, `W` and `#`, and one of the two fields for days has to be `?`.
"""

import calendar
import datetime
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_WEEKDAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), start=1)}
_ELEMENT = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")

_DayTest = Callable[[datetime.date], bool]


class CronError(ValueError):
    """An expression that is no cron expression of AWS's, and why."""


@dataclass(frozen=True)
class _Field:
    name: str
    lowest: int
    highest: int
    names: "dict[str, int]"

    def number(self, text: str) -> int:
        number = self.names.get(text.upper(), int(text) if text.isdecimal() else -1)
        if not self.lowest <= number <= self.highest:
            raise CronError(f"{self.name}: {text!r} is not between {self.lowest} and {self.highest}")
        return number

    def values(self, text: str) -> list[int]:
        """The numbers that a list of values, ranges and steps stands for, in order."""
        return sorted({value for element in text.split(",") for value in self.range(element)})

    def range(self, element: str) -> Sequence[int]:
        match = _ELEMENT.fullmatch(element)
        if match is None or (match["first"] == "*" and match["last"]):
            raise CronError(f"{self.name}: {element!r} is not understood")
        step = int(match["step"] or 1)
        if step < 1:
            raise CronError(f"{self.name}: the step of {element!r} has to be 1 or more")
        if match["first"] == "*":
            return range(self.lowest, self.highest + 1, step)
        first = self.number(match["first"])
        last = self.number(match["last"]) if match["last"] else self.highest if match["step"] else first
        if last < first:
            raise CronError(f"{self.name}: {element!r} ends before it begins")
        return range(first, last + 1, step)


_MINUTES, _HOURS = _Field("minutes", 0, 59, {}), _Field("hours", 0, 23, {})
_DAY_OF_MONTH, _MONTH = _Field("day-of-month", 1, 31, {}), _Field("month", 1, 12, _MONTHS)
_DAY_OF_WEEK, _YEAR = _Field("day-of-week", 1, 7, _WEEKDAYS), _Field("year", 1970, 2199, {})


class Cron:
    """A cron expression: the six fields between the parentheses.

    Raises:
        CronError: naming the field.
    """

    def __init__(self, text: str) -> None:
        fields = text.split()
        if len(fields) != 6:
            raise CronError(
                "a cron expression has six fields (minutes hours day-of-month month day-of-week year), "
                f"not {len(fields)}"
            )
        minutes, hours, day_of_month, month, day_of_week, year = fields
        if (day_of_month == "?") == (day_of_week == "?"):
            raise CronError("either day-of-month or day-of-week has to be ?, and the other one not")
        self._minutes = _MINUTES.values(minutes)
        self._hours = _HOURS.values(hours)
        self._months = _MONTH.values(month)
        self._years = _YEAR.values(year)
        self._day = _day_of_month(day_of_month) if day_of_week == "?" else _day_of_week(day_of_week)

    def times(self, start: datetime.datetime) -> Iterator[datetime.datetime]:
        """Every local time (naive, to the minute) from the minute of `start` on, in order."""
        start = start.replace(second=0, microsecond=0)
        for day in self._days(start.date()):
            first = start.time() if day == start.date() else datetime.time()
            for hour in self._hours:
                if hour < first.hour:
                    continue
                for minute in self._minutes:
                    time = datetime.time(hour, minute)
                    if time >= first:
                        yield datetime.datetime.combine(day, time)

    def _days(self, start: datetime.date) -> Iterator[datetime.date]:
        for year in self._years:
            if year < start.year:
                continue
            for month in self._months:
                if (year, month) < (start.year, start.month):
                    continue
                for number in range(1, calendar.monthrange(year, month)[1] + 1):
                    day = datetime.date(year, month, number)
                    if day >= start and self._day(day):
                        yield day


def _day_of_month(text: str) -> _DayTest:
    tests: list[_DayTest] = []
    numbers: set[int] = set()
    for element in text.split(","):
        if element.upper() == "L":
            tests.append(lambda day: day.day == _length(day))
        elif element.upper().endswith("W"):
            tests.append(_nearest_weekday(_DAY_OF_MONTH.number(element[:-1])))
        else:
            numbers.update(_DAY_OF_MONTH.range(element))
    return lambda day: day.day in numbers or any(test(day) for test in tests)


def _day_of_week(text: str) -> _DayTest:
    if text.count("#") > 1:
        raise CronError("day-of-week: only one # is allowed")
    tests: list[_DayTest] = []
    numbers: set[int] = set()
    for element in text.split(","):
        if "#" in element:
            weekday, _, nth = element.partition("#")
            if nth not in ("1", "2", "3", "4", "5"):
                raise CronError(f"day-of-week: {element!r} has to end in #1 to #5")
            tests.append(_nth_weekday(_DAY_OF_WEEK.number(weekday), int(nth)))
        elif element.upper() == "L":
            numbers.add(7)
        elif element.upper().endswith("L"):
            tests.append(_last_weekday(_DAY_OF_WEEK.number(element[:-1])))
        else:
            numbers.update(_DAY_OF_WEEK.range(element))
    return lambda day: _weekday(day) in numbers or any(test(day) for test in tests)


def _nearest_weekday(wanted: int) -> _DayTest:
    """The Monday to Friday that is nearest to a day of the month, in the same month."""

    def fits(day: datetime.date) -> bool:
        if wanted > _length(day):
            return False
        nearest = day.replace(day=wanted)
        if nearest.weekday() == calendar.SATURDAY:
            nearest += datetime.timedelta(days=-1 if wanted > 1 else 2)
        elif nearest.weekday() == calendar.SUNDAY:
            nearest += datetime.timedelta(days=1 if wanted < _length(day) else -2)
        return day == nearest

    return fits


def _nth_weekday(weekday: int, nth: int) -> _DayTest:
    return lambda day: _weekday(day) == weekday and (day.day + 6) // 7 == nth


def _last_weekday(weekday: int) -> _DayTest:
    return lambda day: _weekday(day) == weekday and day.day + 7 > _length(day)


def _weekday(day: datetime.date) -> int:
    return day.isoweekday() % 7 + 1


def _length(day: datetime.date) -> int:
    return calendar.monthrange(day.year, day.month)[1]
