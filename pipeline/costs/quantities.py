"""How much of each thing, and the bill that it makes at the prices of a region.

Quantities add up: what two runs use together is what each uses, added.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pipeline.costs.prices import UNITS, Price, Prices

_TOLD = {
    "lambda_gb_second_arm64": ("Lambda, arm64", "GB-seconds"),
    "lambda_request": ("Lambda", "requests"),
    "states_transition": ("Step Functions", "state transitions"),
    "s3_put_request": ("S3, writing and listing", "requests"),
    "s3_get_request": ("S3, reading", "requests"),
    "s3_gb_month": ("S3, shards until they are deleted", "GB-months"),
    "dynamodb_read_request_unit": ("DynamoDB, reading the ledger", "request units"),
    "dynamodb_write_request_unit": ("DynamoDB, writing the ledger", "request units"),
    "sns_request": ("SNS", "messages"),
    "sns_email": ("SNS", "e-mails"),
    "events_event": ("EventBridge", "events"),
    "processing_volume_gb_month": ("SageMaker, volumes of Processing jobs", "GB-months"),
}
"""What a bill calls each unit: the service, and what is counted."""


@dataclass(frozen=True)
class Line:
    """One line of a bill. Without a price for its unit, `unit_usd` and `usd` are None."""

    item: str
    """A name of UNITS, or the type of an instance."""
    what: str
    unit: str
    quantity: float
    unit_usd: float | None
    usd: float | None


@dataclass(frozen=True)
class Quantities:
    """Units by name, and hours of instances by type. Nothing is negative."""

    units: Mapping[str, float] = field(default_factory=dict)
    instance_hours: Mapping[str, float] = field(default_factory=dict)

    def __add__(self, other: Self) -> "Quantities":
        return Quantities(_sum(self.units, other.units), _sum(self.instance_hours, other.instance_hours))

    def bill(self, prices: Prices) -> "Bill":
        """Every quantity that is not 0, with its price."""
        lines = []
        for name in UNITS:
            if quantity := self.units.get(name, 0.0):
                price = prices.units.get(name)
                lines.append(_line(name, *_TOLD[name], quantity, price))
        for instance_type, hours in sorted(self.instance_hours.items()):
            if hours:
                price = prices.instances.get(instance_type)
                lines.append(_line(instance_type, f"SageMaker, {instance_type}", "hours", hours, price))
        return Bill(tuple(lines))


@dataclass(frozen=True)
class Bill:
    lines: tuple[Line, ...]

    @property
    def usd(self) -> float | None:
        """The whole; None where a line has no price, since a sum that leaves something out is none."""
        if self.unpriced:
            return None
        return sum(line.usd or 0.0 for line in self.lines)

    @property
    def unpriced(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.usd is None)

    def to_json(self) -> list[dict[str, Any]]:
        return [
            {
                "item": line.item,
                "what": line.what,
                "unit": line.unit,
                "quantity": round(line.quantity, 6),
                "unit_usd": line.unit_usd,
                "usd": None if line.usd is None else round(line.usd, 9),
            }
            for line in self.lines
        ]


def _line(item: str, what: str, unit: str, quantity: float, price: Price | None) -> Line:
    if price is None:
        return Line(item, what, unit, quantity, None, None)
    return Line(item, what, unit, quantity, price.usd, quantity * price.usd)


def _sum(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {**one, **other}}
