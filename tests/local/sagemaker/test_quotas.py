"""Jobs are held to the account's quotas of instances, in SageMaker's own words."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline import quotas
from pipeline.local.cloud import LocalCloud

Request = Callable[..., dict[str, Any]]
TYPE = "ml.c5.xlarge"
FOREVER = "import time\ntime.sleep(60)\n"


@pytest.fixture
def grant(cloud: LocalCloud) -> Iterator[Callable[[str, int], None]]:
    """`grant(name, value)` makes the quota of that name so many instances, until the test is over."""
    client = cloud.client("service-quotas")
    found = quotas.read(client, [quotas.of_type(TYPE, "processing"), quotas.of_all_types("processing")]).known

    def change(name: str, value: int) -> None:
        client.request_service_quota_increase(
            ServiceCode="sagemaker", QuotaCode=found[name].code, DesiredValue=float(value)
        )

    yield change
    for name, quota in found.items():
        change(name, quota.value)


@pytest.fixture
def sagemaker(cloud: LocalCloud) -> Any:
    return cloud.client("sagemaker")


def test_a_type_of_which_an_account_has_none_is_refused_in_the_words_of_sagemaker(
    sagemaker: Any, job_request: Request, grant: Callable[[str, int], None]
) -> None:
    grant(f"{TYPE} for processing job usage", 0)
    with pytest.raises(sagemaker.exceptions.ResourceLimitExceeded) as refused:
        sagemaker.create_processing_job(**job_request("", "none"))
    message = refused.value.response["Error"]["Message"]
    assert message.startswith(
        f"The account-level service limit '{TYPE} for processing job usage' is 0 Instances, with current utilization "
        "of 0 Instances and a request delta of 1 Instances. Please use AWS Service Quotas"
    )


def test_a_name_that_was_refused_is_not_used_up(
    sagemaker: Any, job_request: Request, finished: Callable[..., Any], grant: Callable[[str, int], None]
) -> None:
    grant(f"{TYPE} for processing job usage", 0)
    with pytest.raises(ClientError, match="ResourceLimitExceeded"):
        sagemaker.create_processing_job(**job_request("", "again"))
    grant(f"{TYPE} for processing job usage", 1)
    sagemaker.create_processing_job(**job_request("", "again"))
    assert finished("again")["ProcessingJobStatus"] == "Completed"


@pytest.mark.parametrize(
    "quota", [f"{TYPE} for processing job usage", "Number of instances across all processing jobs"]
)
def test_instances_of_jobs_under_way_count_and_those_of_ended_ones_do_not(
    sagemaker: Any,
    job_request: Request,
    finished: Callable[..., Any],
    grant: Callable[[str, int], None],
    quota: str,
) -> None:
    name = "of-type" if quota.startswith("ml.") else "of-all"
    grant(quota, 3)
    sagemaker.create_processing_job(**job_request(FOREVER, f"{name}-first", instances=2))
    with pytest.raises(ClientError, match="utilization of 2 Instances and a request delta of 2 Instances"):
        sagemaker.create_processing_job(**job_request("", f"{name}-second", instances=2))
    sagemaker.stop_processing_job(ProcessingJobName=f"{name}-first")
    finished(f"{name}-first")
    sagemaker.create_processing_job(**job_request("", f"{name}-second", instances=2))
    assert finished(f"{name}-second")["ProcessingJobStatus"] == "Completed"
