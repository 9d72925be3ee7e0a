"""Replay a run of a deployed stack: start its state machine over the images that were fixed since.

The stack's outputs say which state machine and which bucket. The new run has the model, engine, limits and quarantine
of the one that it replays. An execution is called after what it replays: the same replay, started twice, is one run,
and is started again only where it failed.
"""

import json
from typing import Any

from botocore.exceptions import ClientError

from pipeline import names, objects
from pipeline.deployed import executions
from pipeline.deployed.executions import LONGEST_NAME, RUNNING, SUCCEEDED, Started
from pipeline.deployed.stack import Deployment
from pipeline.errors import ImageBatchError, InvalidReplay
from pipeline.runs import keys, replay
from pipeline.runs.replay import Comparison, Rejection
from pipeline.runs.run import Run

_REJECTED = "rejected.csv"
_ATTEMPTS = 9


def find_rejections(s3: Any, bucket: str, run_id: str) -> tuple[Run, list[Rejection]]:
    """The run, and what it rejected. Raises UnknownRun where there is none, InvalidReplay where it has no results."""
    try:
        run = Run.from_json(objects.get_json(s3, bucket, keys.run_key(run_id)))
    except ClientError as error:
        if not objects.is_missing(error):
            raise
        raise executions.unknown_run(s3, bucket, run_id) from error
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
        name = f"replay-{run.run_id}"[: LONGEST_NAME - len(tail)] + tail
        try:
            started = stepfunctions.start_execution(stateMachineArn=deployment.started, name=name, input=document)
            return Started(started["executionArn"], is_new=True)
        except stepfunctions.exceptions.ExecutionAlreadyExists:
            execution = executions.execution_arn(deployment, name)
            if executions.describe(stepfunctions, execution).status in {RUNNING, SUCCEEDED}:
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
