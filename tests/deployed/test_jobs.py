"""The jobs of a run, found among all of an account by what their names share."""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pipeline import names
from pipeline.deployed.jobs import Job, list_jobs

SINCE = datetime(2026, 11, 20, 2, tzinfo=UTC)
ARN = "arn:aws:sagemaker:us-east-1:123456789012:job/"


def plan(run_id: str, engine: str = "processing", partitions: int = 2) -> dict[str, Any]:
    ids = [names.partition_id(number) for number in range(partitions)]
    return {
        "engine": engine,
        "partitions": [{"id": id, "job_name": names.job_name("imagebatch", run_id, id)} for id in ids],
    }


def listed(kind: str, *jobs: tuple[str, str, str | None]) -> dict[str, Any]:
    return {
        f"{kind}JobSummaries": [
            {
                f"{kind}JobName": name,
                f"{kind}JobArn": f"{ARN}{name}",
                "CreationTime": SINCE,
                f"{kind}JobStatus": status,
                **({"FailureReason": reason} if reason else {}),
            }
            for name, status, reason in jobs
        ]
    }


@pytest.fixture
def sagemaker() -> Any:
    client = boto3.client("sagemaker", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    "run_id", ["2026-11-20T0200-incoming-7f3a9c", "2026-11-20T0200-a-name-that-is-very-long-7f3a9c"]
)
def test_the_jobs_of_a_run_are_listed_by_one_request(sagemaker: Any, run_id: str) -> None:
    first, second = (partition["job_name"] for partition in plan(run_id)["partitions"])
    answer = listed("Processing", (f"{second}-1-0", "InProgress", None), (f"{first}-0-1", "Failed", "out of memory"))
    mark = first.removesuffix("-p0000").rpartition("-")[2]
    request = {"NameContains": mark, "CreationTimeAfter": SINCE, "MaxResults": 100}
    sagemaker.add_response("list_processing_jobs", answer, request)

    assert list_jobs(sagemaker.client, plan(run_id), SINCE) == [
        Job(f"{first}-0-1", "Failed", "out of memory"),
        Job(f"{second}-1-0", "InProgress", None),
    ]


@pytest.mark.parametrize(
    "run_id", ["2026-11-20T0200-incoming-7f3a9c", "2026-11-20T0200-a-name-that-is-very-long-7f3a9c"]
)
def test_a_second_job_for_what_the_first_left_is_a_job_of_the_run(sagemaker: Any, run_id: str) -> None:
    retry = f"{names.job_name('imagebatch', run_id, 'p0000-retry')}-0"
    sagemaker.add_response("list_transform_jobs", listed("Transform", (retry, "Completed", None)))

    assert list_jobs(sagemaker.client, plan(run_id, "transform"), SINCE) == [Job(retry, "Completed", None)]


def test_a_job_that_has_the_same_letters_in_its_name_is_none_of_the_run(sagemaker: Any) -> None:
    sagemaker.add_response("list_processing_jobs", listed("Processing", ("train-7f3a9c-model", "InProgress", None)))

    assert list_jobs(sagemaker.client, plan("2026-11-20T0200-incoming-7f3a9c"), SINCE) == []


def test_a_run_with_nothing_to_predict_has_no_jobs(sagemaker: Any) -> None:
    assert list_jobs(sagemaker.client, plan("run", "none", partitions=0), SINCE) == []
