"""Runs in an account with small quotas: no more jobs are planned than it may have, and SageMaker refuses none."""

import io
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline import quotas
from pipeline.local.faults import FaultPlan, Faults

TYPES = ("ml.c7i.xlarge", "ml.m7i.xlarge")
PREFIXES = ("a/", "b/", "c/", "d/")


def photo(seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def faults() -> Faults:
    return Faults()


@pytest.fixture(scope="module")
def deployment(deployed: Callable[..., Any]) -> Any:
    """A stack where each image is a job of its own, with an image in each prefix."""
    deployment = deployed(InstanceType=",".join(TYPES), ImagesPerJob="1")
    deployment.put({f"{prefix}only.png": photo(seed) for seed, prefix in enumerate(PREFIXES)})
    return deployment


@pytest.fixture(scope="module")
def run(deployment: Any) -> Callable[..., Any]:
    """`run(c7i, m7i)`: a run over the four images in an account with so many instances of the two types."""

    def start(*values: int) -> Any:
        grant(deployment, *values)
        return deployment.run(prefixes=list(PREFIXES))

    return start


def grant(deployment: Any, *values: int) -> None:
    client = deployment.cloud.client("service-quotas")
    names = [quotas.of_type(instance_type, "processing") for instance_type in TYPES]
    known = quotas.read(client, names).known
    for name, value in zip(names, values, strict=True):
        client.request_service_quota_increase(
            ServiceCode="sagemaker", QuotaCode=known[name].code, DesiredValue=float(value)
        )


def plan_of(deployment: Any, ended: Any) -> dict[str, Any]:
    bucket, key = deployment.stack.outputs["ResultsBucket"], f"runs/{ended.output['summary']['run_id']}/plan.json"
    plan: dict[str, Any] = json.loads(deployment.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return plan


def refusals(deployment: Any, ended: Any) -> list[str]:
    """What SageMaker refused to start."""
    pages = deployment.cloud.client("stepfunctions").get_paginator("get_execution_history")
    events = [
        event for page in pages.paginate(executionArn=ended.description["executionArn"]) for event in page["events"]
    ]
    return [event["taskSubmitFailedEventDetails"]["error"] for event in events if event["type"] == "TaskSubmitFailed"]


def test_a_run_has_no_more_jobs_at_once_than_the_account_may_have_instances(
    deployment: Any, run: Callable[..., Any]
) -> None:
    ended = run(2, 0)

    plan = plan_of(deployment, ended)
    assert (len(plan["partitions"]), plan["max_concurrency"]) == (4, 2)
    assert (ended.counts["predicted"], refusals(deployment, ended)) == (4, [])


def test_a_type_of_which_the_account_has_none_is_passed_over(deployment: Any, run: Callable[..., Any]) -> None:
    ended = run(0, 3)

    plan = plan_of(deployment, ended)
    assert {partition["instance_type"] for partition in plan["partitions"]} == {"ml.m7i.xlarge"}
    assert (ended.counts["predicted"], refusals(deployment, ended)) == (4, [])


def test_jobs_that_fall_back_to_a_type_with_a_smaller_quota_run_there_one_after_the_other_and_none_is_refused(
    deployment: Any, run: Callable[..., Any], faults: Faults
) -> None:
    first_type = {"on": "processing_job", "name": "*-p000?-0-*", "fault": "no_capacity", "probability": 1}
    faults.use(FaultPlan.from_json({"retry_pace": 0, "faults": [{**first_type, "times": 99, "seconds": 0}]}))
    ended = run(4, 1)
    faults.rest()

    assert (ended.counts["predicted"], refusals(deployment, ended)) == (4, [])
    sagemaker, run_id = deployment.cloud.client("sagemaker"), ended.output["summary"]["run_id"]
    listed = sagemaker.list_processing_jobs(NameContains=run_id, StatusEquals="Completed", SortBy="CreationTime")
    jobs = sorted(listed["ProcessingJobSummaries"], key=lambda job: job["CreationTime"])
    assert len(jobs) == 4
    assert all(before["ProcessingEndTime"] <= after["CreationTime"] for before, after in pairwise(jobs))


def test_a_plan_says_which_quotas_it_goes_by(deployment: Any, run: Callable[..., Any]) -> None:
    plan = plan_of(deployment, run(1, 0))

    told = {quota["name"]: quota["value"] for quota in plan["quotas"]["known"]}
    assert told == {
        "ml.c7i.xlarge for processing job usage": 1,
        "ml.m7i.xlarge for processing job usage": 0,
        "Number of instances across all processing jobs": 20,
    }
    assert plan["quotas"]["note"] == ""


def test_a_run_that_may_have_no_instance_says_which_quota_and_goes_on_when_it_is_raised(
    deployment: Any, run: Callable[..., Any]
) -> None:
    refused = run(0, 0).description
    assert (refused["status"], refused["error"]) == ("FAILED", "NoInstanceQuota")
    said = json.loads(refused["cause"])["errorMessage"]
    assert "'ml.c7i.xlarge for processing job usage'" in said
    assert "aws service-quotas request-service-quota-increase" in said

    grant(deployment, 0, 4)
    deployment.cloud.client("stepfunctions").redrive_execution(executionArn=refused["executionArn"])
    assert deployment.wait(refused["executionArn"]).counts["predicted"] == 4
