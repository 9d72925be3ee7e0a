"""A job for which there is no instance waits, and then runs on the next type of the list."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.local.faults import FaultPlan, Faults

ROOT = Path(__file__).resolve().parents[2]
ENGINES = ["processing", "transform"]
FIRST, SECOND = "ml.c7i.xlarge", "ml.m7i.xlarge"
WAITS = 3  # for capacity: state_machines/job_failures.py
RETRIES = 8  # for a quota: state_machines/tasks.py


@pytest.fixture(scope="module")
def faults() -> Faults:
    return Faults()


@pytest.fixture(scope="module")
def deployment(deployed: Callable[..., Any]) -> Any:
    """A stack with two types of instances for either engine, a SageMaker model, and a photo."""
    types = f"{FIRST},{SECOND}"
    deployment = deployed(for_sagemaker=True, InstanceType=types, TransformInstanceType=types, JobNamePrefix="jobs")
    photo = io.BytesIO()
    Image.new("RGB", (32, 32), (200, 100, 50)).save(photo, "PNG")
    deployment.put({"incoming/only.png": photo.getvalue()})
    return deployment


@pytest.fixture
def short_of(deployment: Any, faults: Faults) -> Callable[..., Any]:
    """`short_of(engine, fault, calls)`: a run whose first calls, so many, find no instance; its waits take no time."""

    def run(engine: str, fault: Mapping[str, Any], calls: int, **run_input: Any) -> Any:
        rule = {**fault, "occurrences": list(range(1, calls + 1)), "seconds": 0}
        faults.use(FaultPlan.from_json({"retry_pace": 0, "faults": [rule]}))
        try:
            return deployment.run(engine=engine, max_failed_fraction=1, **run_input)
        finally:
            faults.rest()

    return run


@pytest.fixture
def jobs(deployment: Any) -> Callable[..., list[tuple[str, str]]]:
    """The jobs of an execution, the first first: what their names end with, and the type of their instances."""

    def jobs(ended: Any, engine: str) -> list[tuple[str, str]]:
        sagemaker, kind = deployment.cloud.client("sagemaker"), engine.capitalize()
        run_id = ended.output["summary"]["run_id"]
        listed = getattr(sagemaker, f"list_{engine}_jobs")(
            NameContains=run_id, SortBy="CreationTime", SortOrder="Ascending", MaxResults=100
        )
        found = []
        for name in (summary[f"{kind}JobName"] for summary in listed[f"{kind}JobSummaries"]):
            described = getattr(sagemaker, f"describe_{engine}_job")(**{f"{kind}JobName": name})
            resources = described.get("TransformResources") or described["ProcessingResources"]["ClusterConfig"]
            found.append((name.rpartition("-p0000-")[2], resources["InstanceType"]))
        return found

    return jobs


def no_capacity(engine: str) -> dict[str, str]:
    return {"on": f"{engine}_job", "fault": "no_capacity"}


def over_quota(engine: str) -> dict[str, str]:
    operation = f"Create{engine.capitalize()}Job"
    return {"on": "request", "service": "sagemaker", "operation": operation, "fault": "limit_exceeded"}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_job_that_finds_no_capacity_waits_and_asks_for_the_same_type(
    short_of: Callable[..., Any], jobs: Callable[..., Any], engine: str
) -> None:
    ended = short_of(engine, no_capacity(engine), WAITS)

    assert ended.counts["predicted"] == 1
    assert jobs(ended, engine) == [(f"0-{wait}-0", FIRST) for wait in range(WAITS + 1)]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_job_that_finds_no_capacity_for_long_runs_on_the_next_type(
    short_of: Callable[..., Any], jobs: Callable[..., Any], engine: str
) -> None:
    ended = short_of(engine, no_capacity(engine), WAITS + 1)

    assert ended.counts["predicted"] == 1
    assert jobs(ended, engine)[-2:] == [(f"0-{WAITS}-0", FIRST), ("c1-0-0-0", SECOND)]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_job_over_the_quota_waits_until_there_is_room(
    short_of: Callable[..., Any], jobs: Callable[..., Any], engine: str
) -> None:
    ended = short_of(engine, over_quota(engine), RETRIES)

    assert ended.counts["predicted"] == 1
    assert jobs(ended, engine) == [(f"0-0-{RETRIES}", FIRST)]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_job_that_stays_over_the_quota_runs_on_the_next_type(
    short_of: Callable[..., Any], jobs: Callable[..., Any], engine: str
) -> None:
    ended = short_of(engine, over_quota(engine), RETRIES + 1)

    assert ended.counts["predicted"] == 1
    assert jobs(ended, engine) == [("c1-0-0-0", SECOND)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("fault", "calls", "said"), [(no_capacity, WAITS + 1, "CapacityError"), (over_quota, RETRIES + 1, "ResourceLimit")]
)
def test_a_partition_for_which_there_is_no_instance_of_any_type_says_why(
    short_of: Callable[..., Any], engine: str, fault: Callable[[str], dict[str, str]], calls: int, said: str
) -> None:
    ended = short_of(engine, fault(engine), calls, instance_type=FIRST)

    (failed,) = ended.failed.values()
    assert said in " ".join(failed.values())
