"""A line for each of many runs, newest first.

Step Functions lists executions by the page, so that ten thousand of them cost no more than one page. What a run came
to stands in the output of an execution that succeeded; of another it is looked up.
"""

import itertools
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pipeline.deployed import executions, history, standing, triggers
from pipeline.deployed.executions import Execution
from pipeline.deployed.progress import RunWatcher, is_of
from pipeline.deployed.stack import Deployment
from pipeline.runs import keys

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# GetExecutionHistory and DescribeExecution answer 15 to 20 requests a second for long (Step Functions, "Quotas").
_AT_ONCE = 6


@dataclass(frozen=True)
class Row:
    """One run. Counts are None where nothing is known of them."""

    run_id: str | None
    execution: str
    name: str
    trigger: str
    status: str
    """As Step Functions has it; of an execution that found its run taken by another, DUPLICATE."""
    state: str | None
    """Where a run that is under way has come to."""
    error: str | None
    started_at: str
    seconds: float
    listed: int | None = None
    predicted: int | None = None
    rejected: int | None = None
    failed: int | None = None
    skipped: int | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


DUPLICATE = "DUPLICATE"


def latest_runs(
    stepfunctions: Any, s3: "S3Client", deployment: Deployment, limit: int, status: str | None = None
) -> list[Row]:
    """The latest `limit` executions with this status, or with any."""
    listed = executions.executions(stepfunctions, deployment, status, limit)
    arns = [entry["executionArn"] for entry in itertools.islice(listed, limit)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda arn: row(stepfunctions, s3, executions.describe(stepfunctions, arn)), arns))


def row(stepfunctions: Any, s3: "S3Client", execution: Execution) -> Row:
    """What is known of one run."""
    run_id, state, status = None, None, execution.status
    counts: Mapping[str, Any] = {}
    if execution.succeeded:
        output = json.loads(execution.output or "{}")
        counts = output.get("summary", {})
        run_id = output.get("run_id") or counts.get("run_id")
        status = status if history.is_claimed(output) else DUPLICATE
    elif pointer := history.find_pointer(stepfunctions, execution.arn):
        run_id = pointer["run_id"]
        counts, state = _of_unfinished(stepfunctions, s3, execution, pointer)
    return Row(
        run_id=run_id,
        execution=execution.arn,
        name=execution.name,
        trigger=triggers.of(json.loads(execution.input)),
        status=status,
        state=state,
        error=execution.error,
        started_at=execution.started.isoformat(),
        seconds=round(execution.seconds, 3),
        **{name: counts.get(name) for name in ("listed", "predicted", "rejected", "failed", "skipped")},
    )


def _of_unfinished(
    stepfunctions: Any, s3: "S3Client", execution: Execution, pointer: Mapping[str, Any]
) -> tuple[Mapping[str, Any], str | None]:
    """Counts and state of a run that is under way or failed: so far, as summary.json has them, or as planned."""
    if execution.is_running:
        progress = RunWatcher(stepfunctions, s3, execution.arn).poll()
        return asdict(progress), progress.state
    bucket, run_id = pointer["bucket"], pointer["run_id"]
    found = standing.read(s3, bucket, keys.result_key(run_id, keys.SUMMARY))
    if not is_of(found, execution.arn):
        found = standing.read(s3, bucket, keys.plan_key(run_id))
    return found["counts"] if found else {}, None
