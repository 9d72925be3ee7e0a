"""Resume a run in an execution of its own, where a redrive of the one that failed would only fail again.

    {"resume": "<run_id>"} ──► run.json, which now names this execution ──► the same states, over what is not done yet

`max_cost_usd` beside it is the run's limit from now on.

What is done is found by its name: batches whose results are stored (validation/stored.py) are not read again, and
what is predicted (finished.py, answered.py) is not planned again, unless the files of the model are others by now.
run.json is rewritten only if it is as it was read, so that of two resumptions at once one has the run, and the other
ends as a trigger does that came twice.

A run that is gathered, and has only not been told of, is left to a redrive: that enters the state which tells of it and
none before, so whoever redrives an execution whose run was taken over would tell of the run a second time.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.contract.store import read_package
from pipeline.costs import stored
from pipeline.errors import ContractMismatch, InvalidRunInput
from pipeline.runs.gathered import is_gathered
from pipeline.runs.keys import run_key
from pipeline.runs.run import Run
from pipeline.runs.run_input import max_cost
from pipeline.runs.start import model_digest
from pipeline.settings import StartRunSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FIELD = "resume"
LIMIT = "max_cost_usd"
_RUN_ID = re.compile(r"[0-9A-Za-z-]{1,120}")
_ATTEMPTS = 5
_LOST = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}


def is_resumption(document: Any) -> bool:
    """Whether an execution's input asks for a run to be resumed."""
    return isinstance(document, Mapping) and FIELD in document


def resume(
    document: Mapping[str, Any],
    execution: Mapping[str, str],
    settings: StartRunSettings,
    s3: "S3Client",
    stepfunctions: Any,
) -> dict[str, Any]:
    """What StartRun answers: the run's pointer, and in `claimed` whether this execution has it now.

    It does not get a run whose execution is under way, has succeeded, or needs but a redrive to tell of complete
    results; `note` says so. Raises InvalidRunInput where there is no such run, ContractMismatch where its model has
    another contract by now, and what a start raises about prices that do not read and a model package that is gone or
    wrong.
    """
    bucket = settings.results_bucket
    run_id = _run_id(document)
    stored.check_prices(s3, bucket)
    limit: dict[str, Any] = {LIMIT: max_cost(document[LIMIT])} if LIMIT in document else {}
    for _ in range(_ATTEMPTS):
        run, etag = _read(s3, bucket, run_id)
        if run.execution_arn == execution["arn"]:  # this function was retried after it had written
            return {**run.pointer, "claimed": True, "note": ""}
        if left := _why_left(run, _described(stepfunctions, run.execution_arn), s3):
            note = f"The run {run_id} {left}, in the execution {run.execution_arn}. Nothing was done here."
            return {**run.pointer, "claimed": False, "note": note}
        mine = _with_model(replace(run, resumed=run.resumed + 1), settings, s3)
        earlier = (*run.earlier_executions, run.execution_arn)
        mine = replace(mine, execution_arn=execution["arn"], earlier_executions=earlier, **limit)
        if _write(s3, mine, etag):
            return {**mine.pointer, "claimed": True, "note": ""}
    raise TimeoutError(f"Others wrote s3://{bucket}/{run_key(run_id)} {_ATTEMPTS} times meanwhile; resume it again.")


def _with_model(run: Run, settings: StartRunSettings, s3: "S3Client") -> Run:
    """The run with its model's files as they are now, so that no two models answer for one run."""
    package = read_package(s3, settings.results_bucket, run.model)
    if package.contract.digest != run.contract.digest:
        raise ContractMismatch(
            f"The contract of the model {run.model!r} is another than when the run {run.run_id} began, and what is"
            " validated is made for that one. Start a new run, or put the contract back."
        )
    digest = model_digest(package, run.engine, settings)
    return run if digest == run.model_digest else replace(run, model_digest=digest, same_model_since=run.resumed)


def _run_id(document: Mapping[str, Any]) -> str:
    if others := sorted(set(document) - {FIELD, LIMIT}):
        raise InvalidRunInput(
            f"resume: expected no other field beside it but {LIMIT}, since a run goes on with the input that it has;"
            f" got {others}."
        )
    run_id = document[FIELD]
    if not isinstance(run_id, str) or not _RUN_ID.fullmatch(run_id):
        raise InvalidRunInput(f"resume: expected the id of a run, got {run_id!r:.100}.")
    return run_id


def _read(s3: "S3Client", bucket: str, run_id: str) -> tuple[Run, str]:
    try:
        found = s3.get_object(Bucket=bucket, Key=run_key(run_id))
        return Run.from_json(json.loads(found["Body"].read())), found["ETag"]
    except ClientError as error:
        if not objects.is_out_of_reach(error):
            raise
        where = objects.s3_uri(bucket, run_key(run_id))
        raise InvalidRunInput(
            f"resume: there is no run {run_id!r} ({where}); `imagebatch runs` lists the latest."
        ) from error


def _described(stepfunctions: Any, execution: str) -> Mapping[str, Any]:
    try:
        described: Mapping[str, Any] = stepfunctions.describe_execution(executionArn=execution)
    except ClientError as error:
        if objects.error_code(error) == "ExecutionDoesNotExist":  # Step Functions keeps them for 90 days
            return {"status": "FORGOTTEN"}
        raise
    return described


def _why_left(run: Run, execution: Mapping[str, Any], s3: "S3Client") -> str:
    """Why a run stays with its execution; nothing where it may be taken over."""
    if execution["status"] == "SUCCEEDED":
        return "has succeeded"
    if execution["status"] in ("RUNNING", "PENDING_REDRIVE"):
        return "is under way"
    if execution.get("redriveStatus") == "REDRIVABLE" and is_gathered(run, execution.get("error"), s3):
        return f"has its results, and a redrive (`imagebatch resume {run.run_id}`) tells of them"
    return ""


def _write(s3: "S3Client", run: Run, etag: str) -> bool:
    body = objects.dump_json(run.to_json())
    try:
        s3.put_object(
            Bucket=run.bucket, Key=run_key(run.run_id), Body=body, ContentType="application/json", IfMatch=etag
        )
    except ClientError as error:
        if objects.error_code(error) in _LOST:
            return False
        raise
    return True
