"""A schedule as it is kept, and when it fires."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from pipeline.local.delivery.deliveries import MAX_AGE, MAX_RETRIES
from pipeline.local.scheduler.expressions import At, Expression, parse_expression, parse_zone

DEFAULT_GROUP = "default"


@dataclass(frozen=True)
class Schedule:
    """One state of a schedule; a change makes a new one. Times are seconds since 1970.

    `settings` are the members of CreateSchedule that are kept and given back as they came. `since` is the moment up to
    which everything has been done: the last that fired, or when the schedule was made or changed.
    """

    name: str
    group: str
    arn: str
    settings: Mapping[str, Any]
    created: float
    modified: float
    since: float
    token: str | None = None

    @property
    def key(self) -> str:
        return f"{self.group}/{self.name}"

    @property
    def enabled(self) -> bool:
        return bool(self.settings.get("State", "ENABLED") == "ENABLED")

    @property
    def target(self) -> Mapping[str, Any]:
        target: Mapping[str, Any] = self.settings["Target"]
        return target

    @property
    def max_retries(self) -> int:
        return int(self.target.get("RetryPolicy", {}).get("MaximumRetryAttempts", MAX_RETRIES))

    @property
    def max_age(self) -> int:
        return int(self.target.get("RetryPolicy", {}).get("MaximumEventAgeInSeconds", MAX_AGE))

    @property
    def window(self) -> int:
        """Seconds within which it may fire, from its moment on."""
        flexible = self.settings["FlexibleTimeWindow"]
        return 60 * int(flexible["MaximumWindowInMinutes"]) if flexible["Mode"] == "FLEXIBLE" else 0

    def expression(self) -> Expression:
        """When it fires; raises ExpressionError."""
        zone = parse_zone(self.settings.get("ScheduleExpressionTimezone", "UTC"))
        start = self.settings.get("StartDate", self.created)
        return parse_expression(self.settings["ScheduleExpression"], zone, datetime.fromtimestamp(start, UTC))

    def moments(self, now: float) -> Iterator[datetime]:
        """The moments at which it still has to fire, in order; those that lie back further than is retried are gone."""
        expression = self.expression()
        start, end = self.settings.get("StartDate", 0.0), self.settings.get("EndDate")
        after = self.since if isinstance(expression, At) else max(self.since, now - self.max_age, start - 1e-6)
        moments = expression.moments(datetime.fromtimestamp(after, UTC))
        return moments if end is None else takewhile(lambda moment: moment.timestamp() <= end, moments)

    def payload(self, moment: datetime, execution_id: str, account_id: str, region: str) -> str:
        """What its target gets: its input with the context attributes filled in, or an event where it has none."""
        time = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        if "Input" not in self.target:
            event = {
                "version": "0",
                "id": execution_id,
                "detail-type": "Scheduled Event",
                "source": "aws.scheduler",
                "account": account_id,
                "time": time,
                "region": region,
                "resources": [self.arn],
                "detail": "{}",
            }
            return json.dumps(event)
        text = str(self.target["Input"])
        for name, value in (("schedule-arn", self.arn), ("scheduled-time", time), ("execution-id", execution_id)):
            text = text.replace(f"<aws.scheduler.{name}>", value)
        return text

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
