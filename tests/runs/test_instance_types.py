"""A list of instance types: the first is preferred, and each partition knows what comes next."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pipeline.names import LONGEST_JOB_NAME, LONGEST_RETRY_SUFFIX
from pipeline.runs.partitions import Partition
from pipeline.runs.planning import Plan, make_plan
from pipeline.runs.run import Run
from pipeline.settings import PlanInferenceSettings

SETTINGS = PlanInferenceSettings(
    "ml.c7i.xlarge, ml.m7i.xlarge,ml.c6i.xlarge", transform_instance_type="ml.g5.xlarge,ml.c7i.xlarge"
)


@pytest.fixture
def partition(validated: Callable[..., Plan], run: Run) -> Callable[..., Partition]:
    """The only partition of a small run, to which something is changed."""
    batches = validated(good=2).batches

    def plan(**changes: Any) -> Partition:
        (only,) = make_plan(replace(run, **changes), batches, SETTINGS).partitions
        return only

    return plan


def chain(partition: Partition) -> list[Any]:
    """What a partition becomes, one after the other."""
    found, following = [], partition.next
    while following:
        found.append(following)
        following = following["next"]
    return found


def test_the_first_type_is_preferred_and_the_others_follow(partition: Callable[..., Partition]) -> None:
    planned = partition()

    assert planned.instance_type == "ml.c7i.xlarge"
    assert [each["instance_type"] for each in chain(planned)] == ["ml.m7i.xlarge", "ml.c6i.xlarge"]


def test_each_job_has_a_name_of_its_own_that_sagemaker_takes(partition: Callable[..., Partition]) -> None:
    planned = partition(run_id="2026-11-20T0200-" + "x" * 60)
    names = [planned.job_name, *(each["job_name"] for each in chain(planned))]

    assert len(set(names)) == 3
    assert all(len(name) <= LONGEST_JOB_NAME - LONGEST_RETRY_SUFFIX for name in names)


def test_a_transform_job_gets_what_its_type_takes(partition: Callable[..., Partition]) -> None:
    planned = partition(engine="transform")
    (other,) = chain(planned)

    assert planned.resources is not None
    assert ("TransformAmiVersion" in planned.resources, "TransformAmiVersion" in other["resources"]) == (True, False)
    assert other["resources"]["InstanceType"] == "ml.c7i.xlarge"


def test_a_type_that_the_input_names_has_no_other(partition: Callable[..., Partition]) -> None:
    planned = partition(instance_type="ml.p5.48xlarge")

    assert (planned.instance_type, planned.next) == ("ml.p5.48xlarge", None)
