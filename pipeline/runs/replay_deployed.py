"""Replay a run of a deployed stack: start its state machine over the images that were fixed since.

The stack's outputs say which state machine and which bucket. The new run has the model, engine, limits and quarantine
of the one that it replays. An execution is called after what it replays: the same replay, started twice, is one run,
and is started again only where it failed.
"""

import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from pipeline import names, objects
from pipeline.errors import ImageBatchError, InvalidReplay
from pipeline.runs import keys, replay
from pipeline.runs.replay import Comparison, Rejection
from pipeline.runs.run import Run

_REJECTED = "rejected.csv"
_RUNS_TOLD = 5
_LONGEST_NAME = 80  # StartExecution, `name`
_ATTEMPTS = 9
_CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}


@dataclass(frozen=True)
class Deployment:
    """What a replay needs to know of a stack."""

    state_machine: str
    """ARN."""
    bucket: str
    """The results bucket."""


@dataclass(frozen=True)
class Started:
    execution: str
    """ARN."""
    is_new: bool
    """False where this very replay was started before."""

    @property
    def console(self) -> str:
        """The address of the execution's page."""
        _, partition, _, region, *_ = self.execution.split(":")
        host = _CONSOLES.get(partition, "console.aws.amazon.com")
        return f"https://{region}.{host}/states/home?region={region}#/v2/executions/details/{self.execution}"


def find_deployment(cloudformation: Any, stack: str) -> Deployment:
    """Read the outputs of the stack. Raises InvalidReplay where there is no such stack, or it is none of ours."""
    try:
        (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        raise InvalidReplay(
            f"The stack {stack!r} cannot be read: {error}. Check --stack, --profile, --region."
        ) from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", ())}
    try:
        return Deployment(outputs["StateMachineArn"], outputs["ResultsBucket"])
    except KeyError as missing:
        raise InvalidReplay(
            f"The stack {stack!r} has no output {missing}: it was not made by infra/template.yaml."
        ) from missing


def find_rejections(s3: Any, bucket: str, run_id: str) -> tuple[Run, list[Rejection]]:
    """The run, and what it rejected. Raises InvalidReplay where there is no such run, or it has no results."""
    try:
        run = Run.from_json(objects.get_json(s3, bucket, keys.run_key(run_id)))
    except ClientError as error:
        if not objects.is_missing(error):
            raise
        latest = objects.list_folders(s3, bucket, keys.RUNS_PREFIX)[-_RUNS_TOLD:]
        known = f"the latest are {', '.join(latest)}" if latest else "there are no runs yet"
        raise InvalidReplay(
            f"There is no run {run_id!r} in {objects.s3_uri(bucket, keys.RUNS_PREFIX)}; {known}."
        ) from error
    except (KeyError, TypeError, ValueError, ImageBatchError) as error:
        raise InvalidReplay(
            f"{objects.s3_uri(bucket, keys.run_key(run_id))} is no run of this version: {error!r:.200}. Run anew."
        ) from error
    key = keys.result_key(run_id, _REJECTED)
    try:
        table = objects.get_bytes(s3, bucket, key)
    except ClientError as error:
        if not objects.is_missing(error):
            raise
        raise InvalidReplay(
            f"The run {run_id} has no {_REJECTED}: it is under way, or failed before its results. Start a new run."
        ) from error
    return run, replay.read_rejections(table, objects.s3_uri(bucket, key))


def start_replay(deployment: Deployment, run: Run, comparison: Comparison, s3: Any, stepfunctions: Any) -> Started:
    """List what is fixed, and start the state machine over it."""
    fields = replay.list_for_replay(run.run_id, comparison, s3, deployment.bucket)
    document = json.dumps(as_it_was(run) | fields, sort_keys=True)
    for attempt in range(1, _ATTEMPTS + 1):
        tail = f"-{names.fingerprint(document, length=12)}-{attempt}"
        name = f"replay-{run.run_id}"[: _LONGEST_NAME - len(tail)] + tail
        try:
            started = stepfunctions.start_execution(stateMachineArn=deployment.state_machine, name=name, input=document)
            return Started(started["executionArn"], is_new=True)
        except stepfunctions.exceptions.ExecutionAlreadyExists:
            execution = f"{deployment.state_machine.replace(':stateMachine:', ':execution:')}:{name}"
            if stepfunctions.describe_execution(executionArn=execution)["status"] in {"RUNNING", "SUCCEEDED"}:
                return Started(execution, is_new=False)
    raise InvalidReplay(f"This replay of {run.run_id} has failed {_ATTEMPTS} times: see what its executions say.")


def as_it_was(run: Run) -> dict[str, Any]:
    """The fields of an input that make a run like `run`, over whatever images."""
    return {
        "model": run.model,
        "engine": run.engine,
        "top_k": run.top_k if run.contract.task.is_ranked else None,
        "max_failed_fraction": run.max_failed_fraction,
        "instance_type": run.instance_type,
        "limits": run.limits.to_json(),
        "quarantine": run.quarantine,
    }
