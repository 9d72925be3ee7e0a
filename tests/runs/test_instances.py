"""No more instances are planned than the account's quotas admit, of types that it has any of."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import quotas
from pipeline.errors import NoInstanceQuota
from pipeline.quotas import Quota, Quotas
from pipeline.runs import instances
from pipeline.runs.planning import NOTHING_TO_DO, Plan, make_plan
from pipeline.runs.run import Run
from pipeline.settings import PlanInferenceSettings
from pipeline.validation.batches import Batch, BatchShard, Counts

SETTINGS = PlanInferenceSettings(
    "ml.c7i.xlarge,ml.m7i.xlarge",
    transform_instance_type="ml.g5.xlarge,ml.g4dn.xlarge",
    images_per_job=10,
    images_per_instance=10,
)
Make = Callable[..., Plan]


def known(use: str, across: int | None = None, **values: int) -> Quotas:
    """`known("transform", g5=2)`: 2 of ml.g5.xlarge, and what is not named is not known."""
    named = {quotas.of_type(f"ml.{family}.xlarge", use): value for family, value in values.items()}
    if across is not None:
        named[quotas.of_all_types(use)] = across
    return Quotas({name: Quota(name, "L-12345678", value) for name, value in named.items()})


@pytest.fixture
def make(run: Run) -> Make:
    """The plan of so many shards of ten images each, with these quotas."""

    def plan(shards: int, found: Quotas, engine: str = "transform", **changes: Any) -> Plan:
        return make_plan(replace(run, engine=engine, **changes), [batch(shards)], SETTINGS, None, found)

    return plan


def batch(shards: int) -> Batch:
    packed = tuple(BatchShard(f"b-{number}", 10, 1920) for number in range(shards))
    return Batch("b", Counts(10 * shards, 0, 10 * shards, 0), packed)


def test_without_a_known_quota_the_stack_s_own_limit_counts(make: Make) -> None:
    assert make(100, Quotas(), "processing").max_concurrency == 40


@pytest.mark.parametrize(
    ("found", "at_once"),
    [
        (known("processing", c7i=4), 4),
        (known("processing", across=3), 3),
        (known("processing", across=3, c7i=4), 3),
        (known("processing", c7i=1000), 40),
        (known("transform", c7i=1), 40),
    ],
    ids=["of the type", "of all types", "the smaller", "the stack's own", "of another use"],
)
def test_a_quota_says_how_many_processing_jobs_run_at_once(make: Make, found: Quotas, at_once: int) -> None:
    assert make(100, found, "processing").max_concurrency == at_once


def test_a_transform_job_has_no_more_instances_than_the_quota(make: Make) -> None:
    plan = make(30, known("transform", g5=4))
    assert max(partition.instance_count for partition in plan.partitions) == 4
    assert plan.max_concurrency == 1
    assert len(plan.partitions) == 8  # an instance for ten images, as without a quota: the jobs are more instead


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    engine=st.sampled_from(["processing", "transform"]),
    shards=st.integers(1, 120),
    own=st.integers(1, 60) | st.none(),
    fallback=st.integers(1, 60) | st.none(),
    across=st.integers(1, 60) | st.none(),
)
def test_jobs_at_once_times_their_instances_stay_within_every_quota_of_every_type(
    make: Make, engine: str, shards: int, own: int | None, fallback: int | None, across: int | None
) -> None:
    families = ("g5", "g4dn") if engine == "transform" else ("c7i", "m7i")
    values = {family: value for family, value in zip(families, (own, fallback), strict=True) if value is not None}
    plan = make(shards, known(engine, across, **values), engine)
    assert 1 <= plan.max_concurrency <= SETTINGS.max_concurrent_jobs
    by_type = zip(*(partition.instance_counts for partition in plan.partitions), strict=True)
    for counts, quota in zip(by_type, (own, fallback), strict=True):
        used = sum(sorted(counts, reverse=True)[: plan.max_concurrency])
        assert used <= min(value for value in (quota, across, 20 * SETTINGS.max_concurrent_jobs) if value is not None)


def test_a_fallback_type_with_a_smaller_quota_limits_the_jobs_at_once_and_the_plan_says_so(make: Make) -> None:
    plan = make(100, known("processing", c7i=30, m7i=4, across=50), "processing")
    assert plan.max_concurrency == 4
    assert plan.quotas["note"] == (
        "As many jobs run at once as fit into every type of the list: 4 of ml.m7i.xlarge, and 30 of ml.c7i.xlarge."
        " Ask for more of ml.m7i.xlarge, or take it off the list."
    )


def test_a_fallback_type_with_a_larger_quota_is_not_worth_a_note(make: Make) -> None:
    plan = make(100, known("processing", c7i=4, m7i=30, across=50), "processing")
    assert (plan.max_concurrency, plan.quotas["note"]) == (4, "")


def test_a_fallback_type_with_a_smaller_quota_slows_no_run_down_that_has_no_more_jobs(make: Make) -> None:
    plan = make(4, known("processing", c7i=30, m7i=4), "processing")
    assert (len(plan.partitions), plan.quotas["note"]) == (4, "")


def test_a_type_of_which_the_account_has_none_is_passed_over(make: Make) -> None:
    (partition,) = make(1, known("transform", g5=0, g4dn=2)).partitions
    assert (partition.instance_type, partition.next) == ("ml.g4dn.xlarge", None)


def test_the_next_type_has_as_many_instances_as_its_own_quota_admits(make: Make) -> None:
    partition = make(6, known("transform", g5=6, g4dn=2)).partitions[0]
    assert partition.next is not None
    assert (partition.instance_count, partition.next["instance_count"]) == (6, 2)
    assert partition.next["resources"]["InstanceCount"] == 2
    assert partition.next["max_runtime_seconds"] > partition.max_runtime_seconds


def test_an_account_without_any_instance_is_told_which_quota_and_how_to_ask(make: Make) -> None:
    with pytest.raises(NoInstanceQuota) as refused:
        make(1, known("transform", g5=0, g4dn=0))
    said = str(refused.value)
    assert "'ml.g5.xlarge for transform job usage' and 'ml.g4dn.xlarge for transform job usage' is 0" in said
    assert "aws service-quotas request-service-quota-increase --service-code sagemaker --quota-code L-12345678" in said
    assert "TransformInstanceType" in said


def test_a_type_that_the_input_names_is_not_replaced(make: Make) -> None:
    with pytest.raises(NoInstanceQuota, match="`instance_type` in the run's input"):
        make(1, known("transform", g5=0, g4dn=2), instance_type="ml.g5.xlarge")


def test_a_run_with_nothing_to_infer_needs_no_quota(make: Make) -> None:
    assert make(0, known("transform", g5=0, g4dn=0)).engine == NOTHING_TO_DO


def test_the_quotas_of_every_type_of_the_list_are_asked_for(run: Run) -> None:
    assert instances.quota_names(replace(run, engine="transform"), SETTINGS) == [
        "ml.g5.xlarge for transform job usage",
        "ml.g4dn.xlarge for transform job usage",
        "Number of instances across all transform jobs",
    ]
