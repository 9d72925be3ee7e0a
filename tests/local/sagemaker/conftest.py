from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud


@pytest.fixture
def s3(cloud: LocalCloud) -> Any:
    """The cloud's S3, with the bucket `data`."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="data")
    return s3


@pytest.fixture
def job_request(tmp_path: Path, role: str) -> Callable[..., dict[str, Any]]:
    """A CreateProcessingJob request for a job that runs a Python script; further arguments are members of it."""

    def make(script: str, name: str = "job", *, instances: int = 1, **members: Any) -> dict[str, Any]:
        path = tmp_path / f"{name}.py"
        path.write_text(script)
        return {
            "ProcessingJobName": name,
            "RoleArn": role,
            "AppSpecification": {"ImageUri": "image", "ContainerEntrypoint": ["python3", str(path)]},
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": instances, "InstanceType": "ml.c5.xlarge", "VolumeSizeInGB": 10}
            },
            **members,
        }

    return make


@pytest.fixture
def finished(cloud: LocalCloud) -> Callable[..., dict[str, Any]]:
    """Waits for a job to end, and describes it."""

    def wait(name: str = "job") -> dict[str, Any]:
        client = cloud.client("sagemaker")
        waiter = client.get_waiter("processing_job_completed_or_stopped")
        try:
            waiter.wait(ProcessingJobName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 5000})
        except Exception as error:
            if "terminal failure state" not in str(error):
                raise
        described: dict[str, Any] = client.describe_processing_job(ProcessingJobName=name)
        return described

    return wait


@pytest.fixture
def run(
    cloud: LocalCloud, job_request: Callable[..., dict[str, Any]], finished: Callable[..., dict[str, Any]]
) -> Callable[..., dict[str, Any]]:
    """Runs a job to its end, and describes it; the arguments are those of `job_request`."""

    def start_and_wait(script: str, name: str = "job", **arguments: Any) -> dict[str, Any]:
        cloud.client("sagemaker").create_processing_job(**job_request(script, name, **arguments))
        return finished(name)

    return start_and_wait
