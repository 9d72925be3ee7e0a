"""Costs in words: for a terminal, a message, a report."""

import math
from collections.abc import Mapping
from typing import Any

from pipeline.durations import duration

LEAST_USD = 0.00005
"""What is less is not told in figures."""


def usd(amount: float) -> str:
    """Two digits, or as many as a small sum needs to be more than nothing."""
    if amount and amount < 0.095:
        return f"${amount:.2g}" if amount >= 0.001 else f"${amount:.4f}" if amount >= LEAST_USD else "less than $0.0001"
    return f"${amount:,.2f}"


def amount_or_unknown(amount: float | None) -> str:
    return "not known" if amount is None else usd(amount)


def used_and_expected(cost: Mapping[str, Any]) -> str:
    """The `cost` of summary.json in a line."""
    return f"{amount_or_unknown(cost['used_usd'])} used, {amount_or_unknown(cost['estimate_usd'])} expected"


def quantity(amount: float) -> str:
    """In whole numbers, or in as many digits as tell a small one from nothing."""
    if amount == round(amount) or amount >= 1000:
        return f"{amount:,.0f}"
    # Four digits, and never as a power of ten.
    return f"{amount:.{3 - math.floor(math.log10(amount))}f}".rstrip("0").rstrip(".")


def duration_or_unknown(seconds: float | None) -> str:
    return "not known" if seconds is None else duration(seconds, 0)


def dated(region: str, dates: list[str] | None) -> str:
    """Which prices these are."""
    if not dates:
        return f"no prices are known for {region}"
    span = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    return f"AWS's prices of {span}, {region}"


def summary_lines(cost: Mapping[str, Any] | None) -> list[str]:
    """The `cost` of summary.json in a few lines; none where there is none."""
    if not cost:
        return []
    lines = [
        f"  {name:<10}{amount_or_unknown(cost[f'{name}_usd'])}, in {duration_or_unknown(cost[f'{name}_seconds'])}"
        for name in ("used", "estimate")
    ]
    if cost["limit_usd"] is not None:
        lines.append(f"  {'limit':<10}{usd(cost['limit_usd'])}")
    lines += [f"  {sentence}" for sentence in cost["unknown"]]
    return [f"Cost ({dated(cost['region'], cost['prices_dated'])})", *lines]


def on_a_laptop(cost: Mapping[str, Any] | None) -> list[str]:
    """What a run on this machine cost, and what it would have elsewhere."""
    if not cost or cost["estimate_usd"] is None:
        return []
    took = duration_or_unknown(cost["estimate_seconds"])
    prices = dated(cost["region"], cost["prices_dated"])
    return [f"Cost:    nothing here; in AWS about {usd(cost['estimate_usd'])} and {took} ({prices})"]


def plan_lines(plan: Mapping[str, Any]) -> list[str]:
    """What `imagebatch plan` found, for people."""
    cost = plan["cost"]
    estimate = cost["estimate"]
    by_type: dict[tuple[str, int], int] = {}
    for job in plan["jobs"]:
        kind = (job["instance_type"], job["instances"])
        by_type[kind] = by_type.get(kind, 0) + 1
    jobs = [
        f"{_counted(count, 'job', 'jobs')} of {instances} {instance_type}"
        for (instance_type, instances), count in by_type.items()
    ]
    batches = _counted(plan["batches"], "batch", "batches")
    lines = [
        f"{'images':<11}{plan['images']:,} ({_size(plan['bytes'])}), in {batches}",
        f"{'model':<11}{plan['model']}" + (f", by {plan['engine']}" if jobs else ""),
        f"{'jobs':<11}" + (f"{', '.join(jobs)}, at most {plan['jobs_at_once']} at once" if jobs else "none"),
        f"{'time':<11}{duration_or_unknown(estimate['seconds'])}: "
        + ", ".join(f"{name} {duration_or_unknown(seconds)}" for name, seconds in estimate["seconds_by_part"].items()),
        f"{'cost':<11}{amount_or_unknown(estimate['usd'])} ({dated(cost['region'], cost['prices_dated'])})",
    ]
    width = max((len(line["what"]) for line in estimate["lines"]), default=0)
    for line in sorted(estimate["lines"], key=lambda line: -(line["usd"] or 0.0)):
        unit = line["unit"].removesuffix("s") if line["quantity"] == 1 else line["unit"]
        told = f"{quantity(line['quantity']):>14} {unit}"
        lines.append(f"  {line['what']:<{width}}  {amount_or_unknown(line['usd']):>18}{told}")
    if cost["limit_usd"] is not None:
        verdict = "within it" if plan["within_limit"] else "the run would be refused"
        lines.append(f"{'limit':<11}{usd(cost['limit_usd'])}: {verdict}")
    lines += [f"{'by':<11}{sentence}" for sentence in estimate["basis"]]
    lines += [f"{'note':<11}{sentence}" for sentence in plan["notes"]]
    return [*lines, "Nothing was started."]


def _size(size: int) -> str:
    return f"{size / 1e9:,.3g} GB" if size >= 1e8 else f"{size / 1e6:,.3g} MB"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
