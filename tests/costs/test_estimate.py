"""An estimate against a bill that was worked out by hand, and what holds for every estimate."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.costs import prices
from pipeline.costs.estimate import estimate, gathering_seconds
from pipeline.costs.prices import Prices
from pipeline.costs.quantities import Quantities
from pipeline.costs.rates import Rates
from pipeline.costs.workload import Job, Workload

US = prices.load(prices.SHIPPED_REGION)


def test_quantities_are_those_that_a_hand_works_out(work: Workload, rates: Rates, cheap: Prices) -> None:
    found = estimate(work, rates, cheap).quantities

    assert found.units == pytest.approx(
        {
            # Validation: 320 x 5 ms + 16 MB x 10 ms + 2 x 40 ms + 2 x 400 ms are 2.64 s, with 1,769 MB: 4.5607.
            # StartRun: 1 s with 1 GB. PlanInference: 1 s + 320 x 54 us with 1 GB: 1.01728.
            # AggregatePredictions and WriteReport, 3,008 MB: 2 s + 320 x 33 us + 4 objects x 5 ms + 20 s: 64.7148.
            "lambda_gb_second_arm64": 4.5607 + 1 + 1.01728 + 64.7148,
            "lambda_request": 2 + 4,
            "states_transition": 11 + 2 + 2 * 2 + 2,
            # Pages: 1 of images, 1 of predictions, 1 more; verdicts, results of batches, shards and thumbnails: 8;
            # predictions: 2; a manifest, 8 results, a listing of the map's.
            "s3_put_request": 3 + 8 + 2 + 1 + 8 + 1,
            # Images; run.json for each batch; shards; 3 inputs of the job; verdicts and predictions.
            "s3_get_request": 320 + 2 + 2 + 3 + 2 + 2,
            "s3_gb_month": 0.048 * 7 * 24 / 730,
            "sns_request": 1,
            "sns_email": 1,
            "events_event": 1,
            # 360 s to start and 40 s of work are a ninth of an hour, with 30 GB.
            "processing_volume_gb_month": 30 / 9 / 730,
        },
        rel=1e-5,
    )
    assert found.instance_hours == pytest.approx({"ml.c7i.xlarge": 1 / 9})


def test_a_bill_is_what_a_hand_works_out(work: Workload, rates: Rates, cheap: Prices) -> None:
    found = estimate(work, rates, cheap)
    # 71.2928 GB-seconds at a cent, 19 transitions at ten, a ninth of an hour at nine dollars.
    assert found.usd == pytest.approx(0.712928 + 1.9 + 1.0, rel=1e-5)
    assert found.bill.unpriced == ()


def test_a_type_without_a_price_leaves_no_sum(work: Workload, rates: Rates, cheap: Prices) -> None:
    found = estimate(work, rates, replace(cheap, instances={}))
    assert found.usd is None
    assert [line.item for line in found.bill.unpriced] == ["ml.c7i.xlarge"]


def test_a_type_whose_speed_nobody_knows_leaves_no_sum_and_no_time(work: Workload, cheap: Prices) -> None:
    strange = replace(work, jobs=(Job("ml.z9.large", 1, 320),))
    found = estimate(strange, Rates(), cheap)
    assert (found.usd, found.seconds) == (None, None)
    assert any("not known" in sentence for sentence in found.basis)


def test_the_time_of_jobs_is_that_of_the_largest_in_as_many_rounds_as_it_takes(
    work: Workload, rates: Rates, cheap: Prices
) -> None:
    jobs = (*[Job("ml.c7i.xlarge", 1, 80)] * 4, Job("ml.c7i.xlarge", 1, 800))
    found = estimate(replace(work, jobs=jobs, jobs_at_once=2), rates, cheap)
    assert found.seconds_by_part["jobs"] == pytest.approx(3 * (360 + 800 / 8))


def test_validation_takes_as_long_as_step_functions_starts_batches(work: Workload, rates: Rates, cheap: Prices) -> None:
    # 100 a second of one map, and four maps at once.
    known = replace(work, images=1_600_000, read=0, batches=10_000)
    one, many = (estimate(replace(known, sources=count), rates, cheap).seconds_by_part for count in (1, 9))
    assert (one["validation"], many["validation"]) == (pytest.approx(100), pytest.approx(25))


def test_a_ledger_takes_four_thousand_images_a_second_for_five_minutes_at_most(work: Workload) -> None:
    def seconds(accepted: int, has_ledger: bool) -> float:
        return gathering_seconds(replace(work, accepted=accepted, has_ledger=has_ledger))

    assert seconds(400_000, True) - seconds(400_000, False) == pytest.approx(100)
    assert seconds(8_000_000, True) - seconds(8_000_000, False) == pytest.approx(300)


def test_what_the_ledger_knows_is_not_read(work: Workload, rates: Rates) -> None:
    known = replace(work, read=20, accepted=20, has_ledger=True)
    found = estimate(known, rates, US).quantities.units
    all_of_them = estimate(replace(work, has_ledger=True), rates, US).quantities.units
    assert all_of_them["s3_get_request"] - found["s3_get_request"] == 300
    assert found["dynamodb_write_request_unit"] == 20
    assert found["dynamodb_read_request_unit"] == 0.5 * 320 + 0.5 * 20


def test_an_empty_run_costs_next_to_nothing(work: Workload, rates: Rates) -> None:
    empty = replace(work, images=0, image_bytes=0, read=0, accepted=0, batches=0, shards=0, shard_bytes=0, jobs=())
    usd = estimate(empty, rates, US).usd
    assert usd is not None
    assert 0 < usd < 0.01


counts = st.integers(0, 10_000_000)


def of_size(images: int, bytes_each: int, instance_type: str) -> Workload:
    batches = -(-images // 160)
    jobs = tuple(Job(instance_type, 1, min(20_000, images - start)) for start in range(0, images, 20_000))
    return Workload(
        engine="processing",
        model="example",
        images=images,
        image_bytes=images * bytes_each,
        read=images,
        accepted=images,
        sources=1,
        batches=batches,
        shards=batches,
        shard_bytes=images * 150_528,
        jobs=jobs,
        has_ledger=True,
    )


@given(counts, counts, st.integers(0, 10_000_000), st.sampled_from(sorted(US.instances)))
def test_more_images_never_cost_less_and_nothing_is_negative(one: int, two: int, each: int, instance_type: str) -> None:
    fewer, more = sorted((one, two))
    less, most = (estimate(of_size(images, each, instance_type), Rates(), US) for images in (fewer, more))
    for found in (less, most):
        assert all(
            quantity >= 0 for quantity in (*found.quantities.units.values(), *found.quantities.instance_hours.values())
        )
    assert less.usd is not None
    assert most.usd is not None
    assert 0 <= less.usd <= most.usd


amounts = st.dictionaries(st.sampled_from(prices.UNITS), st.floats(0, 1e9))
hours = st.dictionaries(st.sampled_from(sorted(US.instances)), st.floats(0, 1e6))


@given(st.builds(Quantities, amounts, hours), st.builds(Quantities, amounts, hours))
def test_the_bill_of_two_is_the_sum_of_their_bills(one: Quantities, two: Quantities) -> None:
    bills = [each.bill(US).usd for each in (one, two, one + two)]
    assert None not in bills
    assert bills[2] == pytest.approx(bills[0] + bills[1])  # type: ignore[operator]
