"""Who listens is told of every job that has ended."""

import queue
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.local.sagemaker import SageMakerService

ARN = "arn:aws:sagemaker:us-east-1:123456789012:processing-job/job"


@pytest.mark.parametrize(("script", "status"), [("", "Completed"), ("raise SystemExit(3)", "Failed")])
def test_the_job_is_described_as_ended_when_its_end_is_told(
    service: SageMakerService, job_request: Callable[..., dict[str, Any]], script: str, status: str
) -> None:
    told: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    service.listen(lambda arn: told.put((arn, service.processing_jobs.get("job").status)))
    service.handle("CreateProcessingJob", job_request(script))
    assert told.get(timeout=60) == (ARN, status)
    service.join()
    service.processes.close()
