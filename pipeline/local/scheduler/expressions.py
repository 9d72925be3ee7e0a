"""Schedule expressions: `rate(5 minutes)`, `cron(0 2 * * ? *)`, `at(2026-11-20T02:00:00)`, in a time zone.

Source: EventBridge Scheduler User Guide, "Schedule types". In spring a local time that does not exist is skipped; in
autumn one that comes twice fires once. A rate counts time on the clock, whatever the zone does: its day is 24 hours.
Its unit may be one or several, whatever the number: CreateSchedule lists `hour` and `hours` alike.
"""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.local.scheduler.cron import Cron, CronError

_FORM = re.compile(r"(rate|cron|at)\((.*)\)")
_RATE = re.compile(r"([1-9]\d*) +(minute|hour|day)s?")
_AT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}")
_LONGEST_SHIFT = datetime.timedelta(hours=3)  # that clocks have been put back at once


class ExpressionError(ValueError):
    """An expression or a time zone that there is not, and why."""


class Expression(Protocol):
    """When a schedule fires. Moments are aware datetimes, to the second."""

    def moments(self, after: datetime.datetime) -> Iterator[datetime.datetime]:
        """The moments after another one, in order."""


@dataclass(frozen=True)
class Rate:
    """Every `period`, beginning with `start`."""

    period: datetime.timedelta
    start: datetime.datetime

    def moments(self, after: datetime.datetime) -> Iterator[datetime.datetime]:
        passed = (after - self.start) // self.period + 1 if after >= self.start else 0
        return (self.start + number * self.period for number in count(passed))


@dataclass(frozen=True)
class At:
    """Once."""

    moment: datetime.datetime

    def moments(self, after: datetime.datetime) -> Iterator[datetime.datetime]:
        return iter([self.moment] if after < self.moment else [])


@dataclass(frozen=True)
class CronInZone:
    """At local times of a zone."""

    cron: Cron
    zone: ZoneInfo

    def moments(self, after: datetime.datetime) -> Iterator[datetime.datetime]:
        # A little earlier: behind a local time that came twice lie some that fired already.
        start = after.astimezone(self.zone).replace(tzinfo=None) - _LONGEST_SHIFT
        for local in self.cron.times(start):
            moment = local.replace(tzinfo=self.zone).astimezone(datetime.UTC)
            exists = moment.astimezone(self.zone).replace(tzinfo=None) == local
            if exists and moment > after:
                yield moment


def parse_expression(text: str, zone: ZoneInfo, start: datetime.datetime) -> Expression:
    """What an expression means.

    Args:
        zone: for cron and at.
        start: when a rate fires first.

    Raises:
        ExpressionError: saying what was expected.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise ExpressionError(f"{text!r} is no schedule expression: expected rate(...), cron(...) or at(...)")
    kind, inside = form.groups()
    if kind == "rate":
        return Rate(_period(inside, text), start.replace(microsecond=0))
    if kind == "at":
        return At(_local(inside, text).replace(tzinfo=zone).astimezone(datetime.UTC))
    try:
        return CronInZone(Cron(inside), zone)
    except CronError as error:
        raise ExpressionError(f"{text!r} is no cron expression: {error}") from error


def parse_zone(name: str) -> ZoneInfo:
    """The zone of IANA's name. Raises ExpressionError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ExpressionError(f"{name!r} is no time zone: expected a name such as Europe/Berlin, or UTC") from error


def _period(text: str, whole: str) -> datetime.timedelta:
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise ExpressionError(f"{whole!r} is no rate: expected a number and minutes, hours or days")
    return datetime.timedelta(**{f"{match[2]}s": int(match[1])})


def _local(text: str, whole: str) -> datetime.datetime:
    if _AT.fullmatch(text.strip()):
        try:
            return datetime.datetime.fromisoformat(text.strip())
        except ValueError:
            pass
    raise ExpressionError(f"{whole!r} names no time: expected at(yyyy-mm-ddThh:mm:ss)")
