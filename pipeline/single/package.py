"""The contract and the labels that an endpoint follows: a model package in the results bucket, whose model may lack.

A function that stays warm reads them again after a minute: who uploads another package waits no longer for it to count.
"""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.contract import CONTRACT_FILE, ModelContract, parse_contract
from pipeline.contract.packages import parse_labels
from pipeline.errors import InvalidModelPackage, UnknownModel
from pipeline.runs.keys import model_prefix

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_KEPT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Package:
    contract: ModelContract
    labels: tuple[str, ...]


def read_package(s3: "S3Client", bucket: str, model: str) -> Package:
    """Raises UnknownModel, InvalidModelPackage or InvalidContract; the message names the object."""
    return _read(s3, bucket, model, int(time.monotonic()) // _KEPT_SECONDS)


@lru_cache(maxsize=2)
def _read(s3: "S3Client", bucket: str, model: str, period: int) -> Package:
    prefix = model_prefix(model)
    place = objects.s3_uri(bucket, prefix + CONTRACT_FILE)
    try:
        contract = parse_contract(objects.get_bytes(s3, bucket, prefix + CONTRACT_FILE), place)
    except ClientError as error:
        if objects.is_out_of_reach(error):
            raise UnknownModel(f"model: there is no {place}; upload the package {model!r}, or name another.") from error
        raise
    if not contract.task.is_labelled:
        raise InvalidModelPackage(
            f"{place}: the task {contract.task} answers no labels, so there is nothing to say of a single image;"
            " expected classification, multilabel or detection."
        )
    if contract.output.labels is None:
        return Package(contract, ())
    key = prefix + contract.output.labels
    try:
        return Package(contract, parse_labels(objects.get_bytes(s3, bucket, key), objects.s3_uri(bucket, key)))
    except ClientError as error:
        if objects.is_out_of_reach(error):
            raise InvalidModelPackage(
                f"{objects.s3_uri(bucket, key)}: the labels that {place} names are missing."
            ) from error
        raise
