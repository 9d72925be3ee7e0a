"""A model package in the results bucket, looked into before a run is claimed.

    models/<model>/contract.json   read                               ─┐
                   labels.txt      counted                            ─┼─► check_signature
                   model.*         its signature, by ranged reads     ─┘   (a small model is read whole)

What would only fail on the instance that was rented for it, after every image had been validated, fails here instead:
a file that is missing or is no model, weights that were not uploaded, a contract that describes another model.

A package for a container that is not ours has no model file: its contract and its labels are all that can be checked.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from pipeline import names, objects
from pipeline.contract import CONTRACT_FILE, ModelContract, parse_contract
from pipeline.contract.model_files import find_model
from pipeline.contract.model_signature import read_signature
from pipeline.contract.packages import parse_labels
from pipeline.contract.signature import Signature, check_signature
from pipeline.errors import ContractMismatch, InvalidModelPackage, UnknownModel
from pipeline.objects import ListedObject
from pipeline.runs.keys import MODELS_PREFIX, model_prefix

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


logger = logging.getLogger(__name__)

_READ_WHOLE = 8_000_000
"""Bytes. The example model of 5 MB takes 11 ranged reads, one after the other, and some 20 ms each from a Lambda."""


@dataclass(frozen=True, slots=True)
class StoredPackage:
    """A model package as it lies in S3: its contract, and what the model says of itself, where it says anything."""

    contract: ModelContract
    signature: Signature | None
    digest: str
    """Of the names and ETags of all files but the contract, which has a digest of its own: nothing is read for it."""


def read_package(s3: "S3Client", bucket: str, model: str) -> StoredPackage:
    """A model package whose files are all there and fit one another.

    Of a large model a few KB are read, whatever its size. Raises UnknownModel, InvalidModelPackage, InvalidContract, or
    ContractMismatch; every message starts with the file that it is about.
    """
    prefix = model_prefix(model)
    folder = objects.s3_uri(bucket, prefix)
    files = {item.key.removeprefix(prefix): item for item in objects.list_objects(s3, bucket, prefix)}
    sizes = {name: file.size for name, file in files.items()}
    digest = _digest(files)
    if not sizes:
        models = objects.list_folders(s3, bucket, MODELS_PREFIX)
        known = f"the models there are {', '.join(models)}" if models else "there are no models yet"
        raise UnknownModel(f"model: there is no {model!r} in {objects.s3_uri(bucket, MODELS_PREFIX)}; {known}.")
    _check_file(CONTRACT_FILE, sizes, folder)
    written = objects.get_bytes(s3, bucket, prefix + CONTRACT_FILE)
    contract = parse_contract(written, folder + CONTRACT_FILE, images=True)
    if contract.output.labels is not None:
        _check_file(contract.output.labels, sizes, folder)
    if contract.payload is not None:
        read_labels(s3, bucket, prefix, contract)
        logger.info("%s is for a container that is not ours: its signature is not known, and was not checked", folder)
        return StoredPackage(contract, None, digest)
    model = find_model(sizes, f"model: {folder}")
    read_at = _reader(s3, bucket, prefix + model, sizes[model])
    signature = read_signature(model, read_at, sizes[model], sizes, folder)
    if signature is not None:
        try:
            check_signature(signature, contract, len(read_labels(s3, bucket, prefix, contract)) or None)
        except ContractMismatch as mismatch:
            raise ContractMismatch(f"{folder}: {mismatch}") from None
    return StoredPackage(contract, signature, digest)


def _reader(s3: "S3Client", bucket: str, key: str, size: int) -> Callable[[int, int], bytes]:
    if size > _READ_WHOLE:
        return partial(objects.get_range, s3, bucket, key)
    whole = cache(partial(objects.get_bytes, s3, bucket, key))
    return lambda offset, length: whole()[offset : offset + length]


def read_digest(s3: "S3Client", bucket: str, model: str) -> str:
    """The digest of a package's files as they are now (`StoredPackage.digest`), which are only listed for it."""
    prefix = model_prefix(model)
    return _digest({item.key.removeprefix(prefix): item for item in objects.list_objects(s3, bucket, prefix)})


def _digest(files: Mapping[str, ListedObject]) -> str:
    return names.fingerprint(*(f"{file.etag} {name}" for name, file in files.items() if name != CONTRACT_FILE))


def read_labels(s3: "S3Client", bucket: str, prefix: str, contract: ModelContract) -> tuple[str, ...]:
    """The labels of the package below `prefix`; none where the contract names none.

    Raises InvalidModelPackage where they do not read.
    """
    if contract.output.labels is None:
        return ()
    key = prefix + contract.output.labels
    return parse_labels(objects.get_bytes(s3, bucket, key), objects.s3_uri(bucket, key))


def _check_file(name: str, files: Collection[str], folder: str) -> None:
    if name not in files:
        raise InvalidModelPackage(
            f"model: {folder} has no {name}; a model package holds {CONTRACT_FILE}, a model, and the labels file"
            " that the contract names."
        )
