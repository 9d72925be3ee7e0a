"""What AWS asks for a unit of each thing. prices.json ships, and is overridden entry by entry by a file of its form:

    {"regions": {"eu-west-1": {
        "prices": {"lambda_request": {"usd": 0.0000002, "date": "2026-11-21", "source": "my contract"}},
        "instance_hours": {"date": "2026-11-21", "source": "my contract", "usd": {"ml.c7i.xlarge": 0.2}}}}}

A price that is not known is None, and whatever it belongs to says so: there is no price by guessing. All are on demand,
in US dollars, without tiers: what is bought beyond the first tier of a month costs less than this says.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from pipeline.errors import InvalidPrices
from pipeline.given import shown

SHIPPED_REGION = "us-east-1"
"""The region whose prices ship."""

UNITS = (
    "lambda_gb_second_arm64",
    "lambda_request",
    "states_transition",
    "s3_put_request",
    "s3_get_request",
    "s3_gb_month",
    "dynamodb_read_request_unit",
    "dynamodb_write_request_unit",
    "sns_request",
    "sns_email",
    "events_event",
    "processing_volume_gb_month",
)
"""Everything that has one price in a region. Hours of instances have one for each type."""

_REGION_FIELDS = ("prices", "instance_hours")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for one unit, when that was so, and who says so."""

    usd: float
    date: str
    source: str = ""


@dataclass(frozen=True)
class Prices:
    """The prices of one region. Empty where nobody knows them."""

    region: str
    units: Mapping[str, Price] = field(default_factory=dict)
    """By the names in UNITS."""
    instances: Mapping[str, Price] = field(default_factory=dict)
    """An hour of an instance, by type; of a Processing job and of a transform job alike."""

    @property
    def dates(self) -> tuple[str, str] | None:
        """The oldest and the latest date among them."""
        dates = sorted(price.date for price in (*self.units.values(), *self.instances.values()))
        return (dates[0], dates[-1]) if dates else None


def load(region: str, *overrides: tuple[str, Any]) -> Prices:
    """The prices of a region; `overrides` are documents and where each is from, the last of which has the last word.

    Raises InvalidPrices, which names the place and the field.
    """
    units: dict[str, Price] = {}
    instances: dict[str, Price] = {}
    for where, document in (("prices.json", _shipped()), *overrides):
        # All regions are read, so that what is wrong with a file is wrong everywhere.
        for name, found in _regions(where, document):
            if name == region:
                units.update(_units(f"{where}: regions.{name}.prices", found.get("prices", {})))
                instances.update(_instances(f"{where}: regions.{name}.instance_hours", found.get("instance_hours")))
    return Prices(region, units, instances)


def parse(where: str, text: str | bytes) -> tuple[str, Any]:
    """A file that overrides prices, as `load` takes it. Raises InvalidPrices."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidPrices(f"{where} is no JSON: {error}. docs/costs.md shows what it is to hold.") from error
    for name, found in _regions(where, document):
        _units(f"{where}: regions.{name}.prices", found.get("prices", {}))
        _instances(f"{where}: regions.{name}.instance_hours", found.get("instance_hours"))
    return where, document


@cache
def vcpus(instance_type: str) -> int | None:
    """Virtual processors of an instance type; None for one that prices.json does not have."""
    known = _shipped()["instances"].get(instance_type)
    return None if known is None else int(known["vcpus"])


@cache
def _shipped() -> Any:
    return json.loads((resources.files("pipeline.costs") / "prices.json").read_text(encoding="utf-8"))


def _regions(where: str, document: Any) -> Iterable[tuple[str, Mapping[str, Any]]]:
    if not isinstance(document, Mapping) or not isinstance(regions := document.get("regions"), Mapping):
        raise InvalidPrices(f'{where}: expected {{"regions": {{"us-east-1": ...}}}}, got {shown(document)}.')
    for name, found in regions.items():
        if not isinstance(found, Mapping):
            raise InvalidPrices(f"{where}: regions.{name}: expected an object, got {shown(found)}.")
        unknown = sorted(set(found) - set(_REGION_FIELDS))
        if unknown:
            raise InvalidPrices(f"{where}: regions.{name} has {', '.join(_REGION_FIELDS)}, and no {shown(unknown[0])}.")
        yield name, found


def _units(where: str, given: Any) -> dict[str, Price]:
    if not isinstance(given, Mapping):
        raise InvalidPrices(f"{where}: expected an object, got {shown(given)}.")
    unknown = sorted(set(given) - set(UNITS))
    if unknown:
        raise InvalidPrices(f"{where}: there is no {shown(unknown[0])}; the names are {', '.join(UNITS)}.")
    prices = {}
    for name, entry in given.items():
        if not isinstance(entry, Mapping):
            raise InvalidPrices(f'{where}.{name}: expected {{"usd", "date", "source"}}, got {shown(entry)}.')
        usd = _usd(f"{where}.{name}.usd", entry.get("usd"))
        prices[name] = Price(usd, _date(f"{where}.{name}", entry), str(entry.get("source", "")))
    return prices


def _instances(where: str, given: Any) -> dict[str, Price]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not isinstance(by_type := given.get("usd"), Mapping):
        raise InvalidPrices(
            f'{where}: expected {{"date", "source", "usd": {{"ml.c7i.xlarge": ...}}}}, got {shown(given)}.'
        )
    day, source = _date(where, given), str(given.get("source", ""))
    return {str(name): Price(_usd(f"{where}.usd.{name}", usd), day, source) for name, usd in by_type.items()}


def _usd(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise InvalidPrices(f"{where}: expected US dollars, a number of at least 0, got {shown(value)}.")
    return float(value)


def _date(where: str, entry: Mapping[str, Any]) -> str:
    try:
        return date.fromisoformat(entry["date"]).isoformat()
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidPrices(
            f"{where}.date: expected the day on which the price was read, such as 2026-11-21, got"
            f" {shown(entry.get('date'))}."
        ) from error
