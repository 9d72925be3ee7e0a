"""Executions of the batch state machine: found by what people call them, started, stopped.

People name a run by its run id; Step Functions knows executions. run.json of a run names its execution, and an
execution's first events name its run.
"""

import difflib
import itertools
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlsplit

from botocore.exceptions import ClientError

from pipeline import names, objects
from pipeline.deployed import history
from pipeline.deployed.running_time import running_seconds
from pipeline.deployed.stack import Deployment
from pipeline.errors import UnknownRun
from pipeline.runs import keys

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RUNNING, SUCCEEDED = "RUNNING", "SUCCEEDED"
LONGEST_NAME = 80  # StartExecution, `name`

_NOT_THERE = {"ExecutionDoesNotExist", "InvalidArn", "InvalidName", "ValidationException"}
_DUPLICATES_PASSED_OVER = 20
_LONGEST_PAGE = 1000  # ListExecutions, `maxResults`
_RUNS_TOLD = 5
_SHORTEST_POLL, _LONGEST_POLL = 0.1, 2.0
_CONSOLES = {
    "amazonaws.com": "console.aws.amazon.com",
    "amazonaws.com.cn": "console.amazonaws.cn",
}


@dataclass(frozen=True)
class Execution:
    """An execution, as Step Functions describes it."""

    arn: str
    name: str
    status: str
    started: datetime
    stopped: datetime | None
    input: str
    output: str | None
    error: str | None
    cause: str | None
    stood_still: float = 0.0
    """Seconds between a failure and the redrive after it; of an execution that has ended."""

    @property
    def is_running(self) -> bool:
        return self.status == RUNNING

    @property
    def succeeded(self) -> bool:
        return self.status == SUCCEEDED

    @property
    def seconds(self) -> float:
        """How long it ran, or has run so far."""
        return max(0.0, ((self.stopped or datetime.now(UTC)) - self.started).total_seconds() - self.stood_still)

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        stopped = description.get("stopDate")
        return cls(
            arn=description["executionArn"],
            name=description["name"],
            status=description["status"],
            started=description["startDate"].astimezone(UTC),
            stopped=stopped.astimezone(UTC) if stopped else None,
            input=description.get("input", "{}"),
            output=description.get("output"),
            error=description.get("error"),
            cause=description.get("cause"),
        )


@dataclass(frozen=True)
class Started:
    execution: str
    """ARN."""
    is_new: bool
    """False where this very execution was started before."""


def describe(stepfunctions: Any, arn: str) -> Execution:
    description = stepfunctions.describe_execution(executionArn=arn)
    execution = Execution.from_description(description)
    if execution.stopped is None or not description.get("redriveCount"):
        return execution
    ran = running_seconds(stepfunctions, [arn], execution.started, execution.stopped)
    return replace(execution, stood_still=execution.seconds - ran)


def executions(
    stepfunctions: Any, deployment: Deployment, status: str | None, page: int
) -> Iterator[Mapping[str, Any]]:
    """The executions of the state machine, newest first: `page` in a request, and no more requests than are read."""
    filters = {"statusFilter": status} if status else {}
    pages = stepfunctions.get_paginator("list_executions").paginate(
        stateMachineArn=deployment.state_machine, PaginationConfig={"PageSize": min(page, _LONGEST_PAGE)}, **filters
    )
    return (execution for answer in pages for execution in answer["executions"])


def find(stepfunctions: Any, s3: "S3Client", deployment: Deployment, run: str | None) -> Execution:
    """The execution of a run: by run id, or by the execution's name or ARN; the latest run's where `run` is None.

    Raises UnknownRun, which names the runs that are meant most likely.
    """
    if run is None:
        return _latest(stepfunctions, deployment)
    named = run if run.startswith("arn:") else _execution_of(s3, deployment, run) or execution_arn(deployment, run)
    try:
        return describe(stepfunctions, named)
    except ClientError as error:
        if objects.error_code(error) not in _NOT_THERE:
            raise
        if named not in (run, execution_arn(deployment, run)):
            where = objects.s3_uri(deployment.bucket, keys.results_prefix(run))
            raise UnknownRun(
                f"The execution of the run {run} is no longer there: Step Functions keeps them for 90 days. "
                f"What the run left is in {where}."
            ) from error
        raise unknown_run(s3, deployment.bucket, run) from error


def execution_arn(deployment: Deployment, name: str) -> str:
    """The ARN of the execution with a name."""
    return f"{deployment.state_machine.replace(':stateMachine:', ':execution:')}:{name}"


def unknown_run(s3: "S3Client", bucket: str, run: str) -> UnknownRun:
    """What to raise about a run that is not there: it names those that are like it, and the latest."""
    runs = objects.list_folders(s3, bucket, keys.RUNS_PREFIX)
    like = difflib.get_close_matches(run, runs, n=1, cutoff=0.8)
    latest = f"the latest are {', '.join(runs[-_RUNS_TOLD:])}" if runs else "there are no runs yet"
    meant = f"Did you mean {like[0]}? " if like else ""
    return UnknownRun(
        f"There is no run {run!r} in {objects.s3_uri(bucket, keys.RUNS_PREFIX)}. {meant}Of all, {latest}."
    )


def _execution_of(s3: "S3Client", deployment: Deployment, run_id: str) -> str | None:
    """The execution that run.json names; None where there is no such run."""
    try:
        arn: str = objects.get_json(s3, deployment.bucket, keys.run_key(run_id))["execution_arn"]
    except ClientError as error:
        if objects.is_missing(error):
            return None
        raise
    return arn


def _latest(stepfunctions: Any, deployment: Deployment) -> Execution:
    """The newest execution that is a run of its own. One whose StartRun failed is, too: it is what people look for."""
    listed = executions(stepfunctions, deployment, None, _DUPLICATES_PASSED_OVER)
    newest: Execution | None = None
    for entry in itertools.islice(listed, _DUPLICATES_PASSED_OVER):
        execution = describe(stepfunctions, entry["executionArn"])
        newest = newest or execution
        pointer = history.find_pointer(stepfunctions, execution.arn)
        if pointer is None or history.is_claimed(pointer):
            return execution
    if newest is None:
        raise UnknownRun(
            f"There are no runs yet: {deployment.state_machine.rpartition(':')[2]} was never executed. "
            "Start one with `imagebatch start`."
        )
    return newest


def start(stepfunctions: Any, deployment: Deployment, document: Mapping[str, Any], name: str | None) -> Started:
    """Start an execution. Under a name that was used before with the same input, it is the execution from then.

    Raises ValueError where the name belongs to an execution with another input.
    """
    text = json.dumps(document, sort_keys=True)
    try:
        answer = stepfunctions.start_execution(
            stateMachineArn=deployment.started, name=name or new_name(document), input=text
        )
    except ClientError as error:
        if name is None or objects.error_code(error) != "ExecutionAlreadyExists":
            raise
        before = describe(stepfunctions, execution_arn(deployment, name))
        if json.loads(before.input) != document:
            raise ValueError(
                f"there is an execution {name!r} already, with another input, started {before.started:%Y-%m-%d %H:%M}"
            ) from error
        return Started(before.arn, is_new=False)
    return Started(answer["executionArn"], is_new=True)


def new_name(document: Mapping[str, Any]) -> str:
    """A name for an execution that a person starts: two people who start the same have two."""
    prefixes = document.get("prefixes")
    subject = document.get("name") or (prefixes[0] if isinstance(prefixes, list) and prefixes else "")
    parts = ("terminal", names.slug(str(subject)), f"{datetime.now(UTC):%Y%m%dT%H%M%S}", secrets.token_hex(4))
    return "-".join(part for part in parts if part)


def wait_for_run(stepfunctions: Any, arn: str, seconds: float) -> tuple[Mapping[str, Any] | None, Execution]:
    """Wait until StartRun has answered with the run's pointer, the execution has ended, or `seconds` are over."""
    deadline, pause = time.monotonic() + seconds, _SHORTEST_POLL
    while True:
        # Described first: an execution that has ended by then has its whole history.
        execution = describe(stepfunctions, arn)
        pointer = history.find_pointer(stepfunctions, arn)
        if pointer is not None or not execution.is_running or time.monotonic() >= deadline:
            return pointer, execution
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_POLL)


def wait_for_end(stepfunctions: Any, arn: str, seconds: float) -> Execution:
    """Wait until the execution has ended, or `seconds` are over."""
    deadline, pause = time.monotonic() + seconds, _SHORTEST_POLL
    while (execution := describe(stepfunctions, arn)).is_running and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_POLL)
    return execution


def stop(stepfunctions: Any, arn: str, reason: str) -> None:
    """Stop an execution: its children and the jobs it waits for are stopped, too."""
    stepfunctions.stop_execution(executionArn=arn, error="Stopped", cause=reason)


def console_url(stepfunctions: Any, arn: str) -> str | None:
    """The address of an execution's page in the console of AWS; None where the client speaks to another cloud."""
    region = arn.split(":")[3]
    console = _console(stepfunctions, region)
    return f"{console}/states/home?region={region}#/v2/executions/details/{arn}" if console else None


def object_console_url(s3: "S3Client", bucket: str, key: str) -> str | None:
    """The address of an object's page in the console of AWS; None where the client speaks to another cloud."""
    region = s3.meta.region_name
    console = _console(s3, region)
    return f"{console}/s3/object/{bucket}?region={region}&prefix={quote(key, safe='')}" if console else None


def _console(client: Any, region: str) -> str | None:
    host = urlsplit(client.meta.endpoint_url).hostname or ""
    for domain, console in _CONSOLES.items():
        if host.endswith(f".{domain}"):
            console = "console.amazonaws-us-gov.com" if region.startswith("us-gov-") else console
            return f"https://{region}.{console}"
    return None
