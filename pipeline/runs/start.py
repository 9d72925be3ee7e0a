"""Start a run: check everything that can be checked before anything is listed, then claim the run."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline import names, objects
from pipeline.contract import ModelContract, Task
from pipeline.contract.signature import array_row_bytes
from pipeline.contract.store import StoredPackage, read_package
from pipeline.costs import stored
from pipeline.errors import InvalidRunInput
from pipeline.runs import claims, run_input
from pipeline.runs.listings import check_listing
from pipeline.runs.manifests import Named, read_manifest
from pipeline.runs.run import Run
from pipeline.runs.run_input import PROCESSING, TRANSFORM, RunInput
from pipeline.runs.sources import Listing, Source
from pipeline.runs.triggers import Trigger
from pipeline.runs.uploads import Manifest, Marker, marker_identity
from pipeline.settings import StartRunSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def start_run(
    document: Any, execution: Mapping[str, str], settings: StartRunSettings, s3: "S3Client"
) -> dict[str, Any]:
    """The run's pointer. Where another execution has the run already, `claimed` is false, and `note` says who.

    `document` is the execution's input, `execution` its `{"arn", "name", "started_at"}`. Raises InvalidRunInput,
    UnknownModel, InvalidModelPackage, InvalidContract, ContractMismatch or InvalidPrices; none of them leaves anything
    behind.
    """
    given = run_input.parse(document, execution, settings)
    package = read_package(s3, settings.results_bucket, given.model)
    engine = _engine(given, package.contract)
    if engine == TRANSFORM:
        _check_transform(given.model, package.contract, settings)
    _check_top_k(given, package.contract)
    named = read_manifest(s3, given.upload, settings) if isinstance(given.upload, Manifest) else None
    _check_places(s3, given.sources, named)
    stored.check_prices(s3, settings.results_bucket)
    run = Run(
        run_id="",
        bucket=settings.results_bucket,
        execution_arn=execution["arn"],
        trigger=_identified(s3, given, named),
        started_at=datetime.fromisoformat(execution["started_at"]),
        sources=(),
        model=given.model,
        contract=package.contract,
        engine=engine,
        top_k=given.top_k or package.contract.output.top_k,
        max_failed_fraction=given.max_failed_fraction,
        instance_type=given.instance_type,
        limits=given.limits,
        quarantine=given.quarantine,
        replays=given.replays,
        array_row_bytes=array_row_bytes(package.signature, package.contract),
        marker=settings.marker,
        ledger=settings.ledger,
        max_cost_usd=given.max_cost_usd,
        reprocess=given.reprocess,
        model_digest=model_digest(package, engine, settings),
    )

    def sources(run_id: str) -> tuple[Source, ...]:
        return named.sources(run_id, settings.results_bucket) if named else given.sources

    run, holder = claims.claim(s3, run, given.name or given.sources[0].name, sources)
    claimed = holder == execution["arn"]
    if claimed and named:
        named.write_listings(s3, run.run_id, run.bucket)
    return {**run.pointer, "claimed": claimed, "note": "" if claimed else claims.already_started(run, holder)}


def _identified(s3: "S3Client", given: RunInput, named: Named | None) -> Trigger:
    """The trigger, by its object's bytes where it has one that can still be read."""
    identity = named.identity if named else None
    if isinstance(given.upload, Marker):
        identity = marker_identity(s3, given.upload)
    return given.trigger if identity is None else replace(given.trigger, identity=identity)


def _check_places(s3: "S3Client", sources: Iterable[Source], named: Named | None) -> None:
    """Refuse buckets and listings that are not there."""
    for bucket in sorted(named.buckets if named else {source.bucket for source in sources}):
        _check_bucket(s3, bucket)
    for source in sources:
        if isinstance(source, Listing):
            check_listing(s3, source.listing_bucket, source.listing_key)


def _engine(given: RunInput, contract: ModelContract) -> str:
    """What the input asks for. A container that is not ours is run by transform jobs and nothing else."""
    if contract.payload is None:
        return given.engine or PROCESSING
    if given.engine == PROCESSING:
        raise InvalidRunInput(
            f"engine: expected 'transform', got {given.engine!r}: the contract of {given.model!r} sends photos to a"
            " container that is not ours, which only transform jobs run. Leave the field out."
        )
    return TRANSFORM


def model_digest(package: StoredPackage, engine: str, settings: StartRunSettings) -> str:
    """Of what answers: a transform job runs the stack's SageMaker model, which is not in the package."""
    if engine == TRANSFORM:
        return names.fingerprint(package.digest, settings.sagemaker_model or "")
    return package.digest


def _check_transform(model: str, contract: ModelContract, settings: StartRunSettings) -> None:
    """Refuse what no transform job could do: it has one SageMaker model, and answers in JSON Lines."""
    made_of = settings.transform_model
    if model != made_of:
        there_is = (
            f"this stack's SageMaker model is made of {made_of!r}, and 'transform' runs no other"
            if made_of
            else "this stack has no SageMaker model for 'transform'"
        )
        remedy = (
            "Pack the model package (imagebatch model package), upload it, and deploy the stack with the parameters"
            f" ModelDataUrl and DefaultModel; or use 'processing' for {model!r}."
            if contract.payload is None
            else f"Deploy the stack with TransformModelName, the SageMaker model that runs the container of {model!r},"
            f" and with DefaultModel {model!r}."
        )
        raise InvalidRunInput(f"engine: {there_is}. {remedy}")
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
