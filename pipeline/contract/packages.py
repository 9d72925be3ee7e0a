"""A model package: a folder with `contract.json`, `model.onnx`, and labels where the contract names them."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.contract import CONTRACT_FILE, MODEL_FILE, ModelContract, parse_contract
from pipeline.errors import InvalidModelPackage


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """A folder with a contract, a model, and labels where the contract names them."""

    folder: Path
    contract: ModelContract
    labels: tuple[str, ...]

    @property
    def model_path(self) -> Path:
        return self.folder / MODEL_FILE

    def label(self, index: int) -> str:
        """The label of a class; its index where the package has no labels."""
        return self.labels[index] if self.labels else str(index)


def load_package(folder: Path) -> ModelPackage:
    """The model package in a folder.

    Raises InvalidModelPackage where a file is missing or labels do not read, InvalidContract where the contract breaks
    a rule. The model itself is opened by the runtime (pipeline/inference/predictor.py).
    """
    if not folder.is_dir():
        raise InvalidModelPackage(f"{folder} is not a folder. A model package is a folder with {CONTRACT_FILE} in it.")
    contract = parse_contract(_read_file(folder, CONTRACT_FILE), source=str(folder / CONTRACT_FILE))
    labels: tuple[str, ...] = ()
    if contract.output.labels is not None:
        labels = parse_labels(_read_file(folder, contract.output.labels), source=str(folder / contract.output.labels))
    if not (folder / MODEL_FILE).is_file():
        raise InvalidModelPackage(f"{folder} has no {MODEL_FILE}: export the model to ONNX and put it there.")
    return ModelPackage(folder, contract, labels)


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


def _read_file(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InvalidModelPackage(
            f"{folder} has no {name}. A model package is a folder with {CONTRACT_FILE}, {MODEL_FILE} and, where the"
            " contract names them, labels."
        ) from error
