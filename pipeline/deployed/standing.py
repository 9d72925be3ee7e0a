"""How one run stands: its execution, states, counts, jobs and results, read together once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.deployed import history, jobs, triggers
from pipeline.deployed.executions import Execution
from pipeline.deployed.history import Stage
from pipeline.deployed.jobs import Job
from pipeline.deployed.progress import Progress, RunWatcher, is_of
from pipeline.results import causes
from pipeline.runs import keys

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Standing:
    """A run as it was looked at. Counts of a run that is under way are of what there was by then."""

    execution: Execution
    pointer: Mapping[str, Any] | None
    """What StartRun answered; None where it has not, or failed."""
    trigger: str
    stages: list[Stage]
    progress: Progress
    jobs: list[Job]
    """Empty before there is a plan, and where they may not be listed: `jobs_refused` says why then."""
    jobs_refused: str | None
    summary: Mapping[str, Any] | None
    """results/summary.json; None where there are no results, or only those of an execution that had the run before."""

    @property
    def run_id(self) -> str | None:
        return str(self.pointer["run_id"]) if self.pointer else None

    @property
    def is_duplicate(self) -> bool:
        """Whether another execution has the run, which the same trigger started."""
        return self.pointer is not None and not history.is_claimed(self.pointer)

    @property
    def states(self) -> list[str]:
        """The states that the execution is in: within a map, the map and what it runs. Empty once it has ended."""
        return [stage.name for stage in self.stages if stage.is_open] if self.execution.is_running else []

    @property
    def results(self) -> str | None:
        if self.summary is None or self.pointer is None:
            return None
        return objects.s3_uri(self.pointer["bucket"], keys.results_prefix(self.pointer["run_id"]))

    def to_json(self) -> dict[str, Any]:
        execution, progress = self.execution, self.progress
        counts = ("listed", "validated", "rejected", "predicted", "failed")
        return {
            "run_id": self.run_id,
            "status": execution.status,
            "execution": execution.arn,
            "name": execution.name,
            "trigger": self.trigger,
            "duplicate": self.is_duplicate,
            "started_at": execution.started.isoformat(),
            "stopped_at": execution.stopped and execution.stopped.isoformat(),
            "seconds": round(execution.seconds, 3),
            "states": self.states,
            "stages": [
                {
                    "state": stage.name,
                    "entered": stage.entered,
                    "left": stage.left,
                    "first_entered_at": stage.first.isoformat(),
                    "last_changed_at": stage.last.isoformat(),
                }
                for stage in self.stages
            ],
            "counts": {name: getattr(progress, name) for name in counts},
            "batches": {"planned": progress.batches, "validated": progress.batches_done},
            "shards": {
                "planned": progress.shards,
                "predicted": progress.shards_predicted,
                "failed": progress.shards_failed,
            },
            "jobs": [{"name": job.name, "status": job.status, "reason": job.reason} for job in self.jobs],
            "error": execution.error,
            "cause": causes.readable(execution.cause) or None,
            "results": self.results,
            "summary": self.summary,
        }


def look(stepfunctions: Any, s3: "S3Client", sagemaker: Any, execution: Execution) -> Standing:
    """Look at everything there is about an execution: a handful of requests, and one a batch while it validates."""
    pointer = history.find_pointer(stepfunctions, execution.arn)
    progress, plan, summary = Progress(), None, None
    if pointer is not None and history.is_claimed(pointer):
        progress = RunWatcher(stepfunctions, s3, execution.arn, verdicts_a_poll=None).poll()
        plan = read(s3, pointer["bucket"], keys.plan_key(pointer["run_id"]))
        found_summary = read(s3, pointer["bucket"], keys.result_key(pointer["run_id"], keys.SUMMARY))
        summary = found_summary if is_of(found_summary, execution.arn) else None
        progress = _with_summary(progress, summary)
    found, refused = _jobs(sagemaker, plan, execution)
    return Standing(
        execution=execution,
        pointer=pointer,
        trigger=triggers.of(json.loads(execution.input)),
        stages=history.read_stages(stepfunctions, execution.arn),
        progress=progress,
        jobs=found,
        jobs_refused=refused,
        summary=summary,
    )


def read(s3: "S3Client", bucket: str, key: str) -> Any:
    """A JSON object, or None while there is none."""
    try:
        return objects.get_json(s3, bucket, key)
    except ClientError as error:
        if objects.is_missing(error):
            return None
        raise


def _with_summary(progress: Progress, summary: Mapping[str, Any] | None) -> Progress:
    """Results have the last word on counts, also of a run that failed over them."""
    if summary is None:
        return progress
    counts = {name: summary["counts"][name] for name in ("listed", "rejected", "predicted", "failed", "skipped")}
    return replace(progress, **counts, validated=summary["counts"]["listed"])


def _jobs(sagemaker: Any, plan: Mapping[str, Any] | None, execution: Execution) -> tuple[list[Job], str | None]:
    """The jobs, and why they cannot be listed: whoever may read a run may not be allowed to read SageMaker."""
    if plan is None:
        return [], None
    try:
        return jobs.list_jobs(sagemaker, plan, execution.started), None
    except ClientError as error:
        return [], objects.error_code(error)
