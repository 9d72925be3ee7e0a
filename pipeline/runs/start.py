"""Start a run: check everything that can be checked before anything is listed, then claim the run.

Claiming is one conditional write, of an object that is called after a hash of the trigger's identity: deliveries of
one trigger meet in it, however far apart they are. The first execution there has the run, and a later one ends without
doing anything, and says which run it is. The same execution finds its own claim and goes on with it: Lambda may have
been retried after the write.
"""

from collections.abc import Callable, Iterable, Mapping
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
from pipeline.runs.keys import claim_key, run_key
from pipeline.runs.listings import check_listing
from pipeline.runs.manifests import Named, read_manifest
from pipeline.runs.run import Run
from pipeline.runs.run_input import TRANSFORM, RunInput
from pipeline.runs.sources import Listing, Source
from pipeline.runs.triggers import how_to_run_again
from pipeline.settings import StartRunSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_HASH_LENGTHS = (names.RUN_HASH_LENGTH, 10, 20, 40)
_CLAIM_HASH_LENGTH = 40


def start_run(
    document: Any, execution: Mapping[str, str], settings: StartRunSettings, s3: "S3Client"
) -> dict[str, Any]:
    """The run's pointer. Where another execution has the run already, `claimed` is false, and `note` says who.

    `document` is the execution's input, `execution` its `{"arn", "name", "started_at"}`. Raises InvalidRunInput,
    UnknownModel, InvalidModelPackage, InvalidContract or ContractMismatch; none of them leaves anything behind.
    """
    given = run_input.parse(document, execution, settings)
    package = read_package(s3, settings.results_bucket, given.model)
    if given.engine == TRANSFORM:
        _check_transform(given.model, package.contract, settings)
    _check_top_k(given, package.contract)
    named = read_manifest(s3, given.manifest, settings) if given.manifest else None
    _check_places(s3, given.sources, named)
    run = Run(
        run_id="",
        bucket=settings.results_bucket,
        execution_arn=execution["arn"],
        trigger=replace(given.trigger, identity=named.identity) if named else given.trigger,
        started_at=datetime.fromisoformat(execution["started_at"]),
        sources=(),
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
        marker=settings.marker,
    )

    def sources(run_id: str) -> tuple[Source, ...]:
        return named.sources(run_id, settings.results_bucket) if named else given.sources

    run, holder = _claim(s3, run, given.name or given.sources[0].name, sources)
    claimed = holder == run.execution_arn
    if claimed and named:
        named.write_listings(s3, run.run_id, run.bucket)
    return {**run.pointer, "claimed": claimed, "note": "" if claimed else _already_started(run, holder)}


def _check_places(s3: "S3Client", sources: Iterable[Source], named: Named | None) -> None:
    """Refuse buckets and listings that are not there."""
    for bucket in sorted(named.buckets if named else {source.bucket for source in sources}):
        _check_bucket(s3, bucket)
    for source in sources:
        if isinstance(source, Listing):
            check_listing(s3, source.listing_bucket, source.listing_key)


def _claim(s3: "S3Client", run: Run, subject: str, sources: Callable[[str], tuple[Source, ...]]) -> tuple[Run, str]:
    """The run by its id, and the ARN of the execution that has it; run.json is written where that is this one."""
    identity = run.trigger.identity
    key = claim_key(names.fingerprint(identity, length=_CLAIM_HASH_LENGTH))
    for length in _HASH_LENGTHS:
        run_id = names.run_id(run.trigger.time, subject, identity, length)
        claim = {"run_id": run_id, "execution_arn": run.execution_arn, "identity": identity}
        if length != _HASH_LENGTHS[0]:
            objects.put_json(s3, run.bucket, key, claim)
        elif not objects.put_json_if_absent(s3, run.bucket, key, claim):
            holder = objects.get_json(s3, run.bucket, key)
            if holder["execution_arn"] != run.execution_arn:
                held = replace(run, run_id=holder["run_id"], sources=sources(holder["run_id"]))
                return held, str(holder["execution_arn"])
        run = replace(run, run_id=run_id, sources=sources(run_id))
        if objects.put_json_if_absent(s3, run.bucket, run_key(run_id), run.to_json()):
            return run, run.execution_arn
        # Written before this function was retried; or another trigger's, whose hash begins alike.
        if objects.get_json(s3, run.bucket, run_key(run_id))["trigger"]["identity"] == identity:
            return run, run.execution_arn
    raise InvalidRunInput(f"No run id is free for {subject!r} at {run.trigger.time.isoformat()}; start the run again.")


def _already_started(run: Run, holder: str) -> str:
    return (
        f"The run {run.run_id} is this {run.trigger.kind}'s, and was started by the execution {holder}."
        f" Nothing was done here. {how_to_run_again(run.trigger)}"
    )


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
