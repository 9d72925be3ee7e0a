"""A model package: a folder with `contract.json`, a model, and labels where the contract names them.

The model is `model.onnx`, or torch's `model.pt2` or `model.pt`: contract/model_files.py. A package for a container that
is not ours has none: it lies in S3 for runs (contract/store.py), and is not loaded, run or packed here.
"""

import gzip
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.contract import CONTRACT_FILE, ModelContract, parse_contract
from pipeline.contract.model_files import ModelFile, find_model
from pipeline.errors import InvalidModelPackage

ARCHIVE_SUFFIX = ".tar.gz"
"""Ends the name of an archive. One that lies in the folder it was made of is no part of the package."""


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """A folder with a contract, a model, and labels where the contract names them."""

    folder: Path
    contract: ModelContract
    labels: tuple[str, ...]
    model: ModelFile = ModelFile.ONNX

    @property
    def model_path(self) -> Path:
        return self.folder / self.model

    def label(self, index: int) -> str:
        """The label of a class; its index where the package has no labels."""
        return self.labels[index] if self.labels else str(index)


def load_package(folder: Path) -> ModelPackage:
    """The model package in a folder.

    Raises InvalidModelPackage where a file is missing or labels do not read, or the model lies in a container that is
    not ours; InvalidContract where the contract breaks a rule. The model itself is opened by its runtime
    (pipeline/inference/runtimes).
    """
    if not folder.is_dir():
        raise InvalidModelPackage(f"{folder} is not a folder. A model package is a folder with {CONTRACT_FILE} in it.")
    contract = parse_contract(_read_file(folder, CONTRACT_FILE), source=str(folder / CONTRACT_FILE), images=True)
    if contract.payload is not None:
        raise InvalidModelPackage(
            f"{folder} is for a container that is not ours (payload is an image): there is no model in it to run or to"
            f" pack. Upload {CONTRACT_FILE} and its labels to models/ of the results bucket, and deploy the stack with"
            " TransformModelName, the SageMaker model that runs the container."
        )
    labels: tuple[str, ...] = ()
    if contract.output.labels is not None:
        labels = parse_labels(_read_file(folder, contract.output.labels), source=str(folder / contract.output.labels))
    model = find_model([file for file in ModelFile if (folder / file).is_file()], str(folder))
    return ModelPackage(folder, contract, labels, model)


def parse_labels(data: bytes, source: str = "labels.txt") -> tuple[str, ...]:
    """The labels of a UTF-8 text, one a line, in the order of the model's classes."""
    try:
        lines = data.decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise InvalidModelPackage(f"{source} is not UTF-8 text: {error}") from error
    labels = tuple(line.strip() for line in lines)
    if not all(labels):
        line = labels.index("") + 1
        raise InvalidModelPackage(
            f"{source}: line {line} is empty; expected one label a line, in the order of the classes"
        )
    return labels


def pack(package: ModelPackage, file: IO[bytes]) -> None:
    """Writes the package as SageMaker wants a model: a gzip-compressed tar (CreateModel, `ModelDataUrl`).

    The same files give the same bytes, wherever and whenever they are packed: sorted, with no time, owner or mode of
    their own. Hidden files and other archives are left out; links are followed, and what they lead to is packed.
    """
    # Weights are noise to a compressor: the slower levels gain a percent.
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=file, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in packed_files(package):
            path = package.folder / name
            member = tarfile.TarInfo(name)
            member.size = path.stat().st_size
            with path.open("rb") as content:
                archive.addfile(member, content)


def packed_files(package: ModelPackage) -> list[str]:
    """The files that `pack` takes, relative to the package's folder, in order."""
    names = (path.relative_to(package.folder) for path in package.folder.rglob("*") if path.is_file())
    return sorted(
        name.as_posix()
        for name in names
        if not name.name.endswith(ARCHIVE_SUFFIX) and not any(part.startswith(".") for part in name.parts)
    )


def _read_file(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InvalidModelPackage(
            f"{folder} has no {name}. A model package is a folder with {CONTRACT_FILE}, a model and, where the"
            " contract names them, labels."
        ) from error
