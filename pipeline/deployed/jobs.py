"""The SageMaker jobs of a run.

To Step Functions a job is one opaque task. SageMaker lists all jobs of a run in a request or two: their names share the
hash that names the run (pipeline/names.py).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.runs.run_input import TRANSFORM

_PAGE = 100  # ListProcessingJobs, ListTransformJobs: `MaxResults`
UNDER_WAY = ("InProgress", "Stopping")


@dataclass(frozen=True)
class Job:
    name: str
    status: str
    """InProgress, Completed, Failed, Stopping or Stopped."""
    reason: str | None
    """Why it failed, in its own words, where it had any."""

    @property
    def is_under_way(self) -> bool:
        return self.status in UNDER_WAY


def list_jobs(sagemaker: Any, plan: Mapping[str, Any], since: datetime) -> list[Job]:
    """The jobs that were created for the partitions of a plan, by name. `plan` is plan.json, `since` the run's start.

    Retries, and what a redrive starts again, are jobs of their own, and listed as such.
    """
    partitions: Sequence[Mapping[str, Any]] = plan["partitions"]
    if not partitions:
        return []
    first = partitions[0]
    mark = first["job_name"].removesuffix(f"-{first['id']}").rpartition("-")[2]
    kind = "Transform" if plan["engine"] == TRANSFORM else "Processing"
    ours = re.compile(rf"-{re.escape(mark)}-(r\d+)?p\d+(-retry|-c\d+)?(-\d+)+$")
    found = (job for job in _listed(sagemaker, kind, mark, since) if ours.search(job.name))
    return sorted(found, key=lambda job: job.name)


def _listed(sagemaker: Any, kind: str, mark: str, since: datetime) -> Iterator[Job]:
    pages = sagemaker.get_paginator(f"list_{kind.lower()}_jobs").paginate(
        NameContains=mark, CreationTimeAfter=since, PaginationConfig={"PageSize": _PAGE}
    )
    for page in pages:
        for entry in page[f"{kind}JobSummaries"]:
            reason = entry.get("ExitMessage") or entry.get("FailureReason")
            yield Job(entry[f"{kind}JobName"], entry[f"{kind}JobStatus"], reason)
