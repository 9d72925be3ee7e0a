"""What failed, read from outside of an execution that has ended.

A distributed map that fails says only that too many of its children did (States.ExceedToleratedFailureThreshold); what
happened is in the children. Source: Step Functions Developer Guide, "Viewing a Distributed Map Run".
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.deployed import history
from pipeline.runs.stages import Stage, furthest

FAILED = ("FAILED", "TIMED_OUT", "ABORTED")
_TOO_MANY_CHILDREN = "States.ExceedToleratedFailureThreshold"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """An execution that has ended without success, and how far it had come."""

    execution_arn: str
    execution_name: str
    redrive_count: int
    status: str
    """One of FAILED."""
    stage: Stage
    run: Mapping[str, Any] | None
    """The run's pointer; None where StartRun did not answer."""
    error: str
    """Empty where none was given."""
    cause: str

    @property
    def run_id(self) -> str | None:
        return str(self.run["run_id"]) if self.run else None


def look(execution_arn: str, stepfunctions: Any) -> Failure | None:
    """How an execution failed; None where it has not: somebody may have redriven it by now."""
    described = stepfunctions.describe_execution(executionArn=execution_arn)
    if described["status"] not in FAILED:
        return None
    error = root_error(
        {"Error": described.get("error", ""), "Cause": described.get("cause", "")}, execution_arn, stepfunctions
    )
    stages = history.read_stages(stepfunctions, execution_arn)
    return Failure(
        execution_arn=execution_arn,
        execution_name=described["name"],
        redrive_count=described.get("redriveCount", 0),
        status=described["status"],
        stage=furthest(stage.name for stage in stages),
        run=history.find_pointer(stepfunctions, execution_arn),
        error=error.get("Error", ""),
        cause=error.get("Cause", ""),
    )


def root_error(error: Mapping[str, str], execution_arn: str, stepfunctions: Any) -> Mapping[str, str]:
    """The `{"Error", "Cause"}` behind `error`: that of a child that failed, where `error` is about children.

    Whoever reports a failure must not fail over it: where the children cannot be read, `error` is the answer.
    """
    if error.get("Error") != _TOO_MANY_CHILDREN:
        return error
    try:
        return _error_of_a_child(execution_arn, stepfunctions) or error
    except (ClientError, BotoCoreError) as refused:
        logger.warning("the children of %s cannot be read: %s", execution_arn, refused)
        return error


def _error_of_a_child(execution_arn: str, stepfunctions: Any) -> Mapping[str, str] | None:
    for map_run in stepfunctions.list_map_runs(executionArn=execution_arn)["mapRuns"]:
        for status in ("FAILED", "TIMED_OUT"):
            children = stepfunctions.list_executions(mapRunArn=map_run["mapRunArn"], statusFilter=status, maxResults=1)[
                "executions"
            ]
            for child in children:
                described = stepfunctions.describe_execution(executionArn=child["executionArn"])
                return {"Error": described.get("error", f"States.{status}"), "Cause": described.get("cause", "")}
    return None
