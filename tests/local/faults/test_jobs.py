"""Jobs that go wrong, as DescribeProcessingJob tells of them."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud

BOUND = 60.0
ENDED = ("Completed", "Failed", "Stopped")


def run_job(cloud: LocalCloud, name: str) -> dict[str, Any]:
    """The description of a Processing job that would take a minute, once it has ended."""
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn="arn:aws:iam::123456789012:role/any-role-of-jobs",
        AppSpecification={
            "ImageUri": "imagebatch:latest",
            "ContainerEntrypoint": ["python3", "-c", "import threading; threading.Event().wait(60)"],
        },
        ProcessingResources={
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.c7i.xlarge", "VolumeSizeInGB": 1}
        },
    )
    deadline = time.monotonic() + BOUND
    while (described := sagemaker.describe_processing_job(ProcessingJobName=name))["ProcessingJobStatus"] not in ENDED:
        assert time.monotonic() < deadline, described
        threading.Event().wait(0.05)
    return dict(described)


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        ("killed", "Failed", "exit code: 137"),
        ("stopped", "Stopped", ""),
        ("no_capacity", "Failed", "CapacityError"),
        ("hanging", "Stopped", ""),
    ],
)
def test_a_job_that_goes_wrong_ends_as_sagemaker_tells_it(
    cloud: LocalCloud, go_wrong: Callable[..., None], fault: str, status: str, said: str
) -> None:
    go_wrong({"on": "processing_job", "fault": fault, "seconds": 0.2})
    described = run_job(cloud, f"job-{fault.replace('_', '-')}")
    assert described["ProcessingJobStatus"] == status
    assert said in described.get("FailureReason", "")
