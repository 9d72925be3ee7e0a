"""Go on with a run: redrive its execution where that helps, or have a new execution take it over.

A redrive enters the state that failed once more, with the input that it had. So it does not help where that input is
what is wrong: what validation or jobs have left has to be made again (pipeline/runs/resuming.py). Where the results are
complete, nothing has: a redrive tells of them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline import names, objects
from pipeline.contract.store import read_digest
from pipeline.deployed import executions, history
from pipeline.deployed.executions import Execution
from pipeline.deployed.stack import Deployment
from pipeline.results import causes
from pipeline.runs.gathered import OF_WHAT_IS_THERE, is_gathered
from pipeline.runs.run import Run, load_run
from pipeline.runs.run_input import PROCESSING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_WRONG_INPUT = "InvalidRunInput"


@dataclass(frozen=True)
class Resumed:
    execution: str | None
    """The ARN of the execution that goes on with the run; None where none does."""
    told: str


def resume(
    stepfunctions: Any,
    s3: "S3Client",
    deployment: Deployment,
    execution: Execution,
    max_cost_usd: float | None = None,
) -> Resumed:
    """Go on with the run of an execution that has ended; `max_cost_usd` changes its limit, and 0 takes it away."""
    pointer = history.find_pointer(stepfunctions, execution.arn)
    called = str(pointer["run_id"]) if pointer else execution.name
    if execution.is_running or execution.status == "PENDING_REDRIVE":
        return Resumed(None, f"{called} is under way: there is nothing to resume.")
    if execution.succeeded:
        return Resumed(None, f"{called} has succeeded: there is nothing to resume.")
    if execution.error == _WRONG_INPUT:
        cause = causes.readable(execution.cause)
        return Resumed(None, f"{called} cannot go on with the input that it has; start it with another. {cause}")
    run = load_run(s3, pointer) if pointer is not None else None
    if run is not None and run.execution_arn != execution.arn:
        told = f"{called} was taken over by {run.execution_arn}: there is nothing to resume in {execution.name}."
        return Resumed(None, f"{told} `imagebatch resume {called}` goes on with the run.")
    if _redrive_helps(s3, run, execution, max_cost_usd) and _redrive(stepfunctions, execution.arn):
        return Resumed(execution.arn, f"Redriven: {execution.arn}")
    if pointer is None:
        return Resumed(None, f"{called} had not become a run yet, and cannot be redriven any more: start it again.")
    document = {"resume": called} if max_cost_usd is None else {"resume": called, "max_cost_usd": max_cost_usd}
    return _take_over(stepfunctions, deployment, execution, document)


def _redrive_helps(s3: "S3Client", run: Run | None, execution: Execution, max_cost_usd: float | None) -> bool:
    """Whether what is there is right, and, unless the run has its results, within its limit and by its model."""
    if run is not None and is_gathered(run, execution.error, s3):
        return True
    if max_cost_usd is not None or execution.error in OF_WHAT_IS_THERE:
        return False
    return run is None or not _has_other_model(s3, run)


def _has_other_model(s3: "S3Client", run: Run) -> bool:
    """Whether the files have been replaced that Processing jobs fetch: redriven, a run would have two models' answers.

    Transform jobs run the SageMaker model that the execution began with.
    """
    return run.engine == PROCESSING and read_digest(s3, run.bucket, run.model) != run.model_digest


def _redrive(stepfunctions: Any, arn: str) -> bool:
    """Redrive an execution; False where it cannot be: after 14 days, or with too long a history."""
    try:
        stepfunctions.redrive_execution(executionArn=arn)
    except ClientError as error:
        if objects.error_code(error) in ("ExecutionNotRedrivable", "ExecutionLimitExceeded"):
            return False
        raise
    return True


def _take_over(stepfunctions: Any, deployment: Deployment, execution: Execution, document: dict[str, Any]) -> Resumed:
    """A new execution; called after the one that failed, so that two people who resume it alike start one."""
    run_id = document["resume"]
    identity = (execution.arn, str(execution.stopped), *(str(value) for value in list(document.values())[1:]))
    name = f"resume-{names.slug(run_id, 40)}-{names.fingerprint(*identity, length=12)}"
    try:
        started = executions.start(stepfunctions, deployment, document, name)
    except ValueError as error:
        return Resumed(None, f"{run_id} cannot be resumed: {error}.")
    return Resumed(started.execution, f"{'Started' if started.is_new else 'Started before'}: {started.execution}")
