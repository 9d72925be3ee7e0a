"""What the model of a package says of itself, whatever its kind and wherever it lies; no runtime is needed for that."""

from collections.abc import Callable, Collection
from pathlib import Path

from pipeline.contract.model_files import ModelFile
from pipeline.contract.onnx_file import read_model
from pipeline.contract.ranged_file import open_ranges
from pipeline.contract.signature import Signature
from pipeline.contract.torch_file import read_torch_model


def read_signature(
    model: ModelFile, read_at: Callable[[int, int], bytes], size: int, files: Collection[str], folder: str
) -> Signature | None:
    """The signature of a model of `size` bytes, of which a few KB are read; None where it says nothing of itself.

    `files` are the names of all files of its folder, `folder` how messages name it, with what ends such a name. Raises
    InvalidModelPackage where it is no model, or a file with weights is missing.
    """
    source = folder + model
    if model is not ModelFile.ONNX:
        return read_torch_model(open_ranges(read_at, size), model, source)
    described = read_model(read_at, size, source)
    described.check_data(files, folder)
    return described.signature


def folder_signature(folder: Path, model: ModelFile) -> Signature | None:
    """The signature of a model in a folder on disk. Raises OSError too, where it cannot be read."""
    files = {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}
    path = folder / model
    with path.open("rb") as file:

        def read_at(offset: int, length: int) -> bytes:
            file.seek(offset)
            return file.read(length)

        return read_signature(model, read_at, path.stat().st_size, files, f"{folder}/")
