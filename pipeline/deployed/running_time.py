"""How long a run took: the time in which one of its executions ran.

A run that failed stands still until somebody goes on with it, by a redrive or in an execution of its own. That time is
no measure of the run, and may be days.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline import objects

logger = logging.getLogger(__name__)

_BEGINNINGS = {"ExecutionStarted", "ExecutionRedriven"}
_ENDS = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"}
"""Types of events (HistoryEvent, "type")."""


def running_seconds(stepfunctions: Any, executions: Sequence[str], since: datetime, until: datetime) -> float:
    """How long at least one of these executions ran, until `until`; the last of them may be under way.

    Of an execution that Step Functions has forgotten, which it does after 90 days, nothing is counted. Where it may not
    be asked, all the time since `since` is taken for it.
    """
    try:
        ran = [stretch for each in executions for stretch in stretches(_events(stepfunctions, each), until)]
    except (ClientError, BotoCoreError) as refused:
        logger.warning("how long the run stood still is not known: %s", refused)
        return max((until - since).total_seconds(), 0.0)
    # An execution may be redriven, by anybody, while another one has its run: that time is of both, and counts once.
    seconds, reached = 0.0, since
    for began, ended in sorted(ran):
        seconds += max((ended - max(began, reached)).total_seconds(), 0.0)
        reached = max(reached, ended)
    return seconds


def stretches(events: Iterable[Mapping[str, Any]], until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From when to when an execution ran, by the events of its history, in their order."""
    began: datetime | None = None
    for event in events:
        if event["type"] in _BEGINNINGS:
            began = event["timestamp"]
        elif event["type"] in _ENDS and began is not None:
            yield began, event["timestamp"]
            began = None
    if began is not None:
        yield began, max(until, began)


def _events(stepfunctions: Any, execution: str) -> Iterator[Mapping[str, Any]]:
    pages = stepfunctions.get_paginator("get_execution_history").paginate(
        executionArn=execution, includeExecutionData=False, PaginationConfig={"PageSize": 1_000}
    )
    try:
        for page in pages:
            yield from page["events"]
    except ClientError as error:
        if objects.error_code(error) != "ExecutionDoesNotExist":
            raise
