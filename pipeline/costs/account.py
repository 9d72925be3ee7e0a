"""The `cost` of summary.json: what was expected, what was used, side by side, line by line.

A cost that cannot be told fails no run: what is missing is None, and `unknown` says why.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline import objects
from pipeline.costs import stored, usage
from pipeline.costs.quantities import Bill, Line
from pipeline.costs.workload import Workload
from pipeline.errors import ImageBatchError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.runs.planning import Plan
    from pipeline.runs.run import Run


def account_for(
    run: "Run",
    plan: "Plan",
    s3: "S3Client",
    sagemaker: Any,
    began: float,
    finished_at: datetime,
    seconds: float,
) -> dict[str, Any]:
    """The comparison, whose estimate is the plan's; and what was learnt of the speed is kept for the next run.

    `began` is when AggregatePredictions began, by time.monotonic; `sagemaker` the client, in the stack's region;
    `seconds` how long the run took.
    """
    planned = plan.cost or {}
    estimate: Mapping[str, Any] = planned.get("estimate") or {}
    unknown: list[str] = []
    region = str(sagemaker.meta.region_name)
    work = Workload.of_plan(run, plan, sum(batch.work.bytes for batch in plan.batches))
    bill, dates = Bill(()), None
    try:
        prices = stored.load_prices(s3, run.bucket, region)
        dates = prices.dates
        ran = usage.ran_jobs(sagemaker, plan, run)
        bill = usage.used(work, plan, ran, time.monotonic() - began).bill(prices)
        measured = usage.measure(run, plan, work, ran, s3, finished_at.astimezone(UTC))
        stored.store_rates(s3, run.bucket, run.model, measured)
    except (ClientError, BotoCoreError, ImageBatchError) as error:
        why = objects.error_code(error) if isinstance(error, ClientError) else str(error)
        unknown.append(f"What was used is not known in full: {why}")
    unknown += [f"No price is known for {line.what} ({line.item}) in {region}" for line in bill.unpriced]
    total = None if unknown else bill.usd
    return {
        "currency": "USD",
        "region": region,
        "prices_dated": list(dates) if dates else None,
        "limit_usd": planned.get("limit_usd"),
        "estimate_usd": estimate.get("usd"),
        "used_usd": None if total is None else round(total, 6),
        "estimate_seconds": estimate.get("seconds"),
        "used_seconds": round(seconds, 1),
        "lines": _side_by_side(estimate.get("lines", ()), bill),
        "basis": list(estimate.get("basis", ())),
        "unknown": unknown,
    }


def _side_by_side(estimated: Any, bill: Bill) -> list[dict[str, Any]]:
    """Each line of either, in the order of the bill; what only the estimate has comes last."""
    expected = {line["item"]: line for line in estimated}
    rows = [_row(line, expected.pop(line.item, None)) for line in bill.lines]
    return rows + [_row(None, line) for line in expected.values()]


def _row(line: Line | None, expected: Mapping[str, Any] | None) -> dict[str, Any]:
    told: Any = expected if line is None else {"item": line.item, "what": line.what, "unit": line.unit}
    unit_usd = told["unit_usd"] if line is None else line.unit_usd
    return {
        "item": told["item"],
        "what": told["what"],
        "unit": told["unit"],
        "unit_usd": unit_usd,
        "estimated": expected["quantity"] if expected else 0.0,
        "estimated_usd": expected["usd"] if expected else 0.0,
        "used": round(line.quantity, 6) if line else 0.0,
        "used_usd": None if line and line.usd is None else round(line.usd or 0.0, 9) if line else 0.0,
    }
