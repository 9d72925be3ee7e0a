"""Runtimes: each runs the models of one kind, on a CPU or a GPU.

    model.onnx               runtimes/onnx.py      ONNX Runtime
    model.pt2, model.pt      runtimes/torch.py     torch

A runtime's library is imported when a model is opened, so that whoever only reads contracts need not have it.
"""

import importlib.util

from pipeline.contract.model_files import ModelFile
from pipeline.contract.packages import ModelPackage
from pipeline.errors import InvalidModelPackage
from pipeline.inference.runtimes.base import Runtime, TensorRuntime
from pipeline.inference.runtimes.settings import Compile, Device, RuntimeSettings

__all__ = ["Compile", "Device", "Runtime", "RuntimeSettings", "TensorRuntime", "open_runtime"]


def open_runtime(package: ModelPackage, settings: RuntimeSettings) -> TensorRuntime:
    """The package's model in its runtime, ready for the first image.

    Raises InvalidModelPackage where the model does not load, or its runtime is not installed; ContractMismatch where it
    is not what the contract says; InvalidSetting where a setting asks for what is not there.
    """
    if package.model is ModelFile.ONNX:
        _require("onnxruntime", "inference", package)
        from pipeline.inference.runtimes.onnx import OnnxRuntime

        return OnnxRuntime(package, settings)
    _require("torch", "torch", package)
    from pipeline.inference.runtimes.torch import TorchRuntime

    return TorchRuntime(package, settings)


def _require(library: str, extra: str, package: ModelPackage) -> None:
    if importlib.util.find_spec(library) is None:
        raise InvalidModelPackage(
            f"{package.model} runs in {library}, which is not installed: pip install 'imagebatch[{extra}]'."
        )
