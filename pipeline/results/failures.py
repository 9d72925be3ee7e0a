"""The error that a person can do something about.

A distributed map that fails says only that too many of its children did (States.ExceedToleratedFailureThreshold); what
happened is in the children. Source: Step Functions Developer Guide, "Viewing a Distributed Map Run".
"""

import logging
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

_TOO_MANY_CHILDREN = "States.ExceedToleratedFailureThreshold"

logger = logging.getLogger(__name__)


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
