"""Which file of a package is its model, and so which runtime runs it.

    model.onnx      ONNX                              ONNX Runtime
    model.pt2       torch.export.save                 torch
    model.pt        torch.jit.save, TorchScript       torch

A package has exactly one. Nothing here or below unpickles: weights without a model, and modules that were pickled by
torch.save, are told apart from models by the names in their archive (contract/torch_file.py).
"""

from collections.abc import Collection
from enum import StrEnum

from pipeline.errors import InvalidModelPackage


class ModelFile(StrEnum):
    """The name of a package's model."""

    ONNX = "model.onnx"
    EXPORTED = "model.pt2"
    TORCHSCRIPT = "model.pt"


def find_model(names: Collection[str], folder: str) -> ModelFile:
    """The model among the names of a package's files.

    Raises InvalidModelPackage, naming `folder`, where there is none, or more than one.
    """
    found = [file for file in ModelFile if file in names]
    if not found:
        raise InvalidModelPackage(
            f"{folder} has no {ModelFile.ONNX}, no {ModelFile.EXPORTED} and no {ModelFile.TORCHSCRIPT}: export the"
            " model (torch.onnx.export, torch.export.save or torch.jit.save) and put it there under that name."
        )
    if len(found) > 1:
        raise InvalidModelPackage(
            f"{folder} has {' and '.join(found)}; a package has one model. Keep the one that is to run."
        )
    return found[0]
