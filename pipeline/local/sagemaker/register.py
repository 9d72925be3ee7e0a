"""The jobs of one kind that an account has had: names are used up for ever, instances are not, and listings come in
pages."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from pipeline import quotas
from pipeline.local.protocol import ServiceError
from pipeline.local.sagemaker.jobs import Job
from pipeline.local.sagemaker.listing import is_listed, page

J = TypeVar("J", bound=Job)

_ENDED = ("Completed", "Failed", "Stopped")


class JobRegister(Generic[J]):
    """Jobs by name.

    Args:
        kind: as in `Job.kind`.
        folder: below which each job has its own.
        on_end: called with the ARN of each job that has ended.
        limit: says how many instances a quota admits, by its name; None where nothing is limited.
    """

    def __init__(
        self, kind: str, folder: Path, on_end: Callable[[str], None], limit: Callable[[str], int] | None = None
    ) -> None:
        self._kind = kind
        self._folder = folder
        self._on_end = on_end
        self._limit = limit
        # Names that differ in case only would share a folder on some systems, and share an ARN on AWS.
        self._jobs: dict[str, J] = {}
        self._lock = threading.Lock()

    def folder_of(self, name: str) -> Path:
        """Where the job of this name keeps what is its own."""
        return self._folder / name.lower()

    def start(self, job: J) -> None:
        """Start a job under its name. Raises ServiceError: ResourceInUse; ResourceLimitExceeded."""
        taken = ServiceError("ResourceInUse", f"Job name must be unique within an AWS account and region: {job.arn}")
        with self._lock:
            if job.name.lower() in self._jobs:
                raise taken
            self._check_quotas(job)
            try:
                job.start(self._on_end)
            except FileExistsError as error:  # by a job of an earlier cloud in this folder
                raise taken from error
            self._jobs[job.name.lower()] = job

    def _check_quotas(self, job: J) -> None:
        """SageMaker counts the instances of jobs that have not ended, of the job's type and of all types."""
        if self._limit is None:
            return
        instance_type, wanted = job.instances
        running = [each.instances for each in self._jobs.values() if each.status not in _ENDED]
        use = self._kind.lower()
        in_use = {
            quotas.of_type(instance_type, use): sum(count for kind, count in running if kind == instance_type),
            quotas.of_all_types(use): sum(count for _, count in running),
        }
        for name, used in in_use.items():
            limit = self._limit(name)
            if used + wanted > limit:
                # In SageMaker's words, as data-science-on-aws #200 and others quote them.
                raise ServiceError(
                    "ResourceLimitExceeded",
                    f"The account-level service limit '{name}' is {limit} Instances, with current utilization of"
                    f" {used} Instances and a request delta of {wanted} Instances. Please use AWS Service Quotas to"
                    " request an increase for this quota. If AWS Service Quotas is not available, contact AWS support"
                    " to request an increase for this quota.",
                )

    def get(self, name: str) -> J:
        """The job of this name. Raises ServiceError: ResourceNotFound."""
        job = self.find(name)
        if job is None:
            raise ServiceError("ResourceNotFound", f"Could not find requested job with name: {name}")
        return job

    def find(self, name: str) -> J | None:
        """The job of this name, if there is one."""
        with self._lock:
            return self._jobs.get(name.lower())

    def stop(self, name: str) -> None:
        """Ask a job to stop. Raises ServiceError: ResourceNotFound; ValidationException when it has ended."""
        job = self.get(name)
        if job.status in _ENDED:
            raise ServiceError(
                "ValidationException",
                f"The request was rejected because the {self._kind.lower()} job is {job.status}: {job.arn}",
            )
        job.stop()

    def all(self) -> list[J]:
        """Every job, in the order of their creation."""
        with self._lock:
            return list(self._jobs.values())

    def page(self, parameters: Mapping[str, Any], *further: str) -> dict[str, Any]:
        """What a listing with these parameters answers; `further` are members of a summary that only this kind has."""
        kind = f"{self._kind}Job"
        members = (
            *(f"{kind}{member}" for member in ("Name", "Arn", "Status")),
            "CreationTime",
            f"{self._kind}EndTime",
            "LastModifiedTime",
            "FailureReason",
            *further,
        )
        described = [job.describe() for job in self.all()]
        kept, token = page([job for job in described if is_listed(job, kind, parameters)], kind, parameters)
        summaries = [{member: job[member] for member in members if member in job} for job in kept]
        return {f"{kind}Summaries": summaries, "NextToken": token}
