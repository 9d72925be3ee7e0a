"""The limit of a run: what it may cost at most, decided when it is planned and before any job is started.

There are two: the run's own (`max_cost_usd` in its input) and the stack's (the parameter MaxCostUsd). The smaller
holds.
"""

from typing import TYPE_CHECKING, Any

from pipeline.costs import stored, telling
from pipeline.costs.estimate import Estimate, estimate, to_json
from pipeline.costs.prices import Prices
from pipeline.costs.workload import Workload
from pipeline.errors import OverBudget, UnknownPrice

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.runs.planning import Plan
    from pipeline.runs.run import Run


def smaller_limit(*limits: float | None) -> float | None:
    """The smallest of those that are set; None and 0 set none."""
    return min((limit for limit in limits if limit), default=None)


def cost_of_plan(run: "Run", plan: "Plan", stack_limit: float | None, s3: "S3Client") -> dict[str, Any]:
    """What plan.json says of costs, as `{"region", "prices_dated", "limit_usd", "estimate"}`.

    Raises OverBudget above the limit, UnknownPrice where there is a limit and no price to hold against it, and
    InvalidPrices where the stack's own prices do not read.
    """
    prices = stored.load_prices(s3, run.bucket, s3.meta.region_name)
    image_bytes = sum(batch.work.bytes for batch in plan.batches)
    work = Workload.of_plan(run, plan, image_bytes)
    found = estimate(work, stored.load_rates(s3, run.bucket, run.model, work.types), prices)
    limit = smaller_limit(run.max_cost_usd, stack_limit)
    if limit is not None:
        check(found, limit, prices, run.run_id)
    return document(found, prices, limit)


def document(found: Estimate, prices: Prices, limit: float | None) -> dict[str, Any]:
    """An estimate with the prices and the limit that it was made with."""
    dates = prices.dates
    return {
        "currency": "USD",
        "region": prices.region,
        "prices_dated": list(dates) if dates else None,
        "limit_usd": limit,
        "estimate": to_json(found),
    }


def check(found: Estimate, limit: float, prices: Prices, run_id: str) -> None:
    """Raises OverBudget, or UnknownPrice."""
    resume = f"`imagebatch resume {run_id} --max-cost USD`"
    kept = f"Verdicts and shards are kept: with a higher limit, {resume} goes on from them."
    if found.usd is None:
        why = unknowns(found, prices)
        raise UnknownPrice(
            f"The run may cost {telling.usd(limit)} at most, and what it would cost is not known: {'; '.join(why)}. Put"
            f" the price into prices.json of the results bucket (docs/costs.md), or take the limit away. {kept}"
        )
    if found.usd > limit:
        dearest = max(found.bill.lines, key=lambda line: line.usd or 0.0)
        raise OverBudget(
            f"The run would cost about {telling.usd(found.usd)}, and may cost {telling.usd(limit)} at most; the largest"
            f" part is {telling.usd(dearest.usd or 0.0)} for {dearest.what}. Raise max_cost_usd (and the stack's"
            f" MaxCostUsd, if that is lower), choose a cheaper instance type, or run over fewer images. {kept}"
        )


def unknowns(found: Estimate, prices: Prices) -> list[str]:
    """Why an estimate has no sum, or no time."""
    if prices.dates is None:
        why = [f"no prices are known for {prices.region}; `imagebatch prices --region {prices.region}` prints them"]
    else:
        why = [f"no price is known for {line.what} ({line.item}) in {prices.region}" for line in found.bill.unpriced]
    if found.seconds is None:
        why += [sentence for sentence in found.basis if "not known" in sentence]
    return why
