"""The limit of a run: the smaller of two, held against the estimate before any job starts."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline import objects
from pipeline.costs import budget, prices
from pipeline.costs.estimate import estimate
from pipeline.costs.prices import Prices
from pipeline.costs.rates import Rates
from pipeline.costs.workload import Workload
from pipeline.errors import InvalidPrices, OverBudget, UnknownPrice
from pipeline.runs import keys
from pipeline.runs.planning import make_plan
from pipeline.runs.run import Run
from pipeline.settings import PlanInferenceSettings
from pipeline.validation.batches import Batch, BatchShard, Counts, Work

RESULTS = "example-results"
SETTINGS = PlanInferenceSettings("ml.c7i.xlarge")
BATCH = Batch("b1", Counts(160, 0, 160), (BatchShard("b1-0", 160, 24_000_000),), Work(800, 1769, 8_000_000))


@pytest.mark.parametrize(
    ("own", "stack", "holds"),
    [
        (None, None, None),
        (5.0, None, 5.0),
        (None, 7.0, 7.0),
        (5.0, 7.0, 5.0),
        (9.0, 7.0, 7.0),
        (0.0, 7.0, 7.0),
        (0, 0, None),
    ],
)
def test_the_smaller_limit_holds_and_nought_is_none(
    own: float | None, stack: float | None, holds: float | None
) -> None:
    assert budget.smaller_limit(own, stack) == holds


def test_a_run_within_its_limit_has_its_estimate_in_the_plan(s3: Any, run: Run) -> None:
    cost = budget.cost_of_plan(replace(run, max_cost_usd=100.0), make_plan(run, [BATCH], SETTINGS), None, s3)
    assert cost["limit_usd"] == 100
    assert 0 < cost["estimate"]["usd"] < 1
    assert cost["region"] == s3.meta.region_name == prices.SHIPPED_REGION


def test_a_run_above_its_limit_is_told_the_sum_the_limit_and_how_to_go_on(s3: Any, run: Run) -> None:
    run = replace(run, max_cost_usd=0.01)
    with pytest.raises(OverBudget, match=r"would cost about \$0\.0\d+, and may cost \$0\.01 at most") as refused:
        budget.cost_of_plan(run, make_plan(run, [BATCH], SETTINGS), None, s3)
    assert f"imagebatch resume {run.run_id} --max-cost USD" in str(refused.value)
    assert "Verdicts and shards are kept" in str(refused.value)


def test_the_stack_s_limit_holds_for_a_run_that_has_none(s3: Any, run: Run) -> None:
    with pytest.raises(OverBudget):
        budget.cost_of_plan(run, make_plan(run, [BATCH], SETTINGS), 0.01, s3)


def test_a_limit_without_a_price_to_hold_against_it_refuses_the_run(s3: Any, run: Run) -> None:
    run = replace(run, max_cost_usd=1000.0, instance_type="ml.p4d.24xlarge")
    with pytest.raises(UnknownPrice, match=r"no price is known for SageMaker, ml\.p4d\.24xlarge"):
        budget.cost_of_plan(run, make_plan(run, [BATCH], SETTINGS), None, s3)


def test_without_a_limit_a_missing_price_refuses_nothing(s3: Any, run: Run) -> None:
    run = replace(run, instance_type="ml.p4d.24xlarge")
    assert budget.cost_of_plan(run, make_plan(run, [BATCH], SETTINGS), None, s3)["estimate"]["usd"] is None


def test_prices_in_the_results_bucket_stand_in_for_those_that_ship(s3: Any, run: Run) -> None:
    plan = make_plan(run, [BATCH], SETTINGS)
    before = budget.cost_of_plan(run, plan, None, s3)["estimate"]["usd"]
    dear = {"date": "2026-11-21", "usd": {"ml.c7i.xlarge": 1000}}
    objects.put_json(s3, RESULTS, keys.PRICES, {"regions": {"us-east-1": {"instance_hours": dear}}})
    assert budget.cost_of_plan(run, plan, None, s3)["estimate"]["usd"] > 100 + before


def test_prices_in_the_results_bucket_that_do_not_read_are_named(s3: Any, run: Run) -> None:
    objects.put_bytes(s3, RESULTS, keys.PRICES, b"{")
    with pytest.raises(InvalidPrices, match=f"s3://{RESULTS}/prices.json is no JSON"):
        budget.cost_of_plan(run, make_plan(run, [BATCH], SETTINGS), None, s3)


def test_what_exactly_reaches_the_limit_is_not_above_it(work: Workload, rates: Rates, cheap: Prices) -> None:
    found = estimate(work, rates, cheap)
    assert found.usd is not None
    budget.check(found, found.usd, cheap, "run")
    with pytest.raises(OverBudget):
        budget.check(found, found.usd * 0.999, cheap, "run")
