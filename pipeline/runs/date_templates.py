"""Dates in a prefix: `incoming/{date:%Y/%m/%d}/` is the folder of the run's day, whatever day the run is.

    {date:FORMAT}       the run's logical date: when it was due, in the time zone of its schedule
    {date-1:FORMAT}     the day before, and {date+1:FORMAT} the day after; any number of days up to 999

FORMAT has the codes of `strftime` that are digits wherever the code runs, %Y %y %m %d %j %H %M %G %V %u, %% for a
percent sign, and any text besides, braces excepted. Nothing else in a prefix is a template: keys may have braces.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

# Whatever begins like a template is one, or a slip of the pen.
_TEMPLATE = re.compile(r"\{date(?:(?P<days>[+-][0-9]{1,3})?:(?P<format>[^{}]+)\})?")
_CODE = re.compile(r"%(.?)", re.DOTALL)
EXPECTED = "a date written as {date:%Y/%m/%d}, or {date-1:%Y/%m/%d} for the day before"

# strftime's, but with as many digits on every platform: glibc writes the year 999 with three.
_CODES: Mapping[str, Callable[[datetime], str]] = {
    "Y": lambda time: f"{time.year:04}",
    "y": lambda time: f"{time.year % 100:02}",
    "m": lambda time: f"{time.month:02}",
    "d": lambda time: f"{time.day:02}",
    "j": lambda time: f"{time.timetuple().tm_yday:03}",
    "H": lambda time: f"{time.hour:02}",
    "M": lambda time: f"{time.minute:02}",
    "G": lambda time: f"{time.isocalendar().year:04}",
    "V": lambda time: f"{time.isocalendar().week:02}",
    "u": lambda time: f"{time.isoweekday()}",
    "%": lambda time: "%",
}


class InvalidTemplate(ValueError):  # noqa: N818
    """What is wrong with which template, in words for whoever wrote it."""


def expand(text: str, time: datetime) -> str:
    """`text` with each date in it written out for `time`, as its clock shows it. Raises InvalidTemplate."""
    return _TEMPLATE.sub(lambda found: _written(found, time), text)


def _written(template: re.Match[str], time: datetime) -> str:
    if template["format"] is None:
        raise InvalidTemplate(f"{template.string[template.start() :]:.60} is no date; expected {EXPECTED}")
    try:
        day = time + timedelta(days=int(template["days"] or 0))
    except OverflowError as error:
        raise InvalidTemplate(f"{template[0]} is no date of this calendar, counted from {time.date()}") from error

    def code(found: re.Match[str]) -> str:
        if found[1] not in _CODES:
            known = " ".join(f"%{name}" for name in _CODES)
            raise InvalidTemplate(f"{template[0]} has no code {found[0]}; the codes are {known}")
        return _CODES[found[1]](day)

    return _CODE.sub(code, template["format"])
