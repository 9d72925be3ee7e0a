"""Costs in words: for a terminal, a message, a report."""

from collections.abc import Mapping
from typing import Any


def usd(amount: float) -> str:
    """Two digits, or as many as a small sum needs to be more than nothing."""
    if amount and amount < 0.995:
        return f"${amount:.2g}" if amount >= 0.001 else f"${amount:.4f}" if amount >= 0.00005 else "less than $0.0001"
    return f"${amount:,.2f}"


def amount_or_unknown(amount: float | None) -> str:
    return "not known" if amount is None else usd(amount)


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "not known"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def dated(region: str, dates: list[str] | None) -> str:
    """Which prices these are."""
    if not dates:
        return f"no prices are known for {region}"
    span = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    return f"prices of {span}, {region}"


def summary_lines(cost: Mapping[str, Any] | None) -> list[str]:
    """The `cost` of summary.json in a few lines; none where there is none."""
    if not cost:
        return []
    lines = [
        f"  {'used':<10}{amount_or_unknown(cost['used_usd'])}, in {duration(cost['used_seconds'])}",
        f"  {'estimate':<10}{amount_or_unknown(cost['estimate_usd'])}, in {duration(cost['estimate_seconds'])}",
    ]
    if cost["limit_usd"] is not None:
        lines.append(f"  {'limit':<10}{usd(cost['limit_usd'])}")
    lines += [f"  {sentence}" for sentence in cost["unknown"]]
    return [f"Cost, in AWS ({dated(cost['region'], cost['prices_dated'])})", *lines]


def on_a_laptop(cost: Mapping[str, Any] | None) -> list[str]:
    """What a run on this machine cost, and what it would have elsewhere."""
    if not cost or cost["estimate_usd"] is None:
        return []
    return [
        f"Cost:    nothing here; in AWS about {usd(cost['estimate_usd'])} and {duration(cost['estimate_seconds'])}"
        f" ({dated(cost['region'], cost['prices_dated'])})"
    ]
