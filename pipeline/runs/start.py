"""Start a run: check everything that can be checked before anything is listed, then claim the run.

Claiming is one conditional write of run.json. The run id is a hash of the trigger's identity, so deliveries of one
trigger meet in one key: the first execution there has the run, and a later one ends without doing anything. The same
execution finds its own run and goes on with it: Lambda may have been retried after the write.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline import names, objects
from pipeline.contract import ModelContract, Task
from pipeline.contract.signature import array_row_bytes
from pipeline.contract.store import read_package
from pipeline.errors import InvalidRunInput
from pipeline.runs import run_input
from pipeline.runs.keys import run_key
from pipeline.runs.listings import check_listing
from pipeline.runs.run import Run
from pipeline.runs.run_input import TRANSFORM, RunInput
from pipeline.runs.sources import Listing
from pipeline.settings import StartRunSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_HASH_LENGTHS = (names.RUN_HASH_LENGTH, 10, 20, 40)


def start_run(
    document: Any, execution: Mapping[str, str], settings: StartRunSettings, s3: "S3Client"
) -> dict[str, Any]:
    """The run's pointer, with `"claimed": false` where another execution has the run already.

    `document` is the execution's input, `execution` its `{"arn", "name", "started_at"}`. Raises InvalidRunInput,
    UnknownModel, InvalidModelPackage, InvalidContract or ContractMismatch; none of them leaves anything behind.
    """
    given = run_input.parse(document, execution, settings)
    package = read_package(s3, settings.results_bucket, given.model)
    if given.engine == TRANSFORM:
        _check_transform(given.model, package.contract, settings)
    _check_top_k(given, package.contract)
    for bucket in sorted({source.bucket for source in given.sources}):
        _check_bucket(s3, bucket)
    for source in given.sources:
        if isinstance(source, Listing):
            check_listing(s3, source.listing_bucket, source.listing_key)
    run = Run(
        run_id="",
        bucket=settings.results_bucket,
        execution_arn=execution["arn"],
        trigger=given.trigger,
        started_at=datetime.fromisoformat(execution["started_at"]),
        sources=given.sources,
        model=given.model,
        contract=package.contract,
        engine=given.engine,
        top_k=given.top_k or package.contract.output.top_k,
        max_failed_fraction=given.max_failed_fraction,
        instance_type=given.instance_type,
        limits=given.limits,
        quarantine=given.quarantine,
        replays=given.replays,
        array_row_bytes=array_row_bytes(package.signature, package.contract),
    )
    claimed, run = _claim(s3, run, _subject(given))
    return {**run.pointer, "claimed": claimed}


def _claim(s3: "S3Client", run: Run, subject: str) -> tuple[bool, Run]:
    """Write run.json under the first run id that is free or already this trigger's."""
    for length in _HASH_LENGTHS:
        run = replace(run, run_id=names.run_id(run.trigger.time, subject, run.trigger.identity, length))
        key = run_key(run.run_id)
        if objects.put_json_if_absent(s3, run.bucket, key, run.to_json()):
            return True, run
        holder = Run.from_json(objects.get_json(s3, run.bucket, key))
        if holder.trigger.identity == run.trigger.identity:
            return holder.execution_arn == run.execution_arn, holder
    raise InvalidRunInput(f"No run id is free for {subject!r} at {run.trigger.time.isoformat()}; start the run again.")


def _subject(given: RunInput) -> str:
    """What the run id says that the run is about: its name, or that of its first source."""
    return given.name or given.sources[0].name


def _check_transform(model: str, contract: ModelContract, settings: StartRunSettings) -> None:
    """Refuse what no transform job could do: it has one SageMaker model, and answers in JSON Lines."""
    if settings.transform_model is None:
        raise InvalidRunInput(
            "engine: this stack has no SageMaker model for 'transform'. Pack the model package (imagebatch model"
            " package), upload it, and deploy the stack with the parameter ModelDataUrl; or use 'processing'."
        )
    if model != settings.transform_model:
        raise InvalidRunInput(
            f"engine: this stack's SageMaker model is made of {settings.transform_model!r}, and 'transform' runs no"
            f" other; use 'processing' for {model!r}, or deploy the stack with its ModelDataUrl and DefaultModel."
        )
    if contract.task is Task.RAW:
        raise InvalidRunInput(
            "engine: 'transform' answers in JSON Lines, which hold no arrays, and the task of this model's contract is"
            " 'raw'; use 'processing'."
        )


def _check_top_k(given: RunInput, contract: ModelContract) -> None:
    """Refuse a `top_k` that would change nothing."""
    if given.top_k is not None and not contract.task.is_ranked:
        raise InvalidRunInput(
            f"top_k: expected none, got {given.top_k}: the task of the model {given.model} is {contract.task}, which"
            " ranks no classes. How many boxes a detector answers, output.max_boxes of its contract says."
        )


def _check_bucket(s3: "S3Client", bucket: str) -> None:
    """Refuse a bucket that is not there. One that may not be looked at (403) is left for the listing to judge."""
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if objects.is_missing(error):
            raise InvalidRunInput(f"There is no bucket {bucket!r}; check its name and region.") from error
