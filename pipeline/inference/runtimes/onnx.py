"""model.onnx in ONNX Runtime.

    on a CPU     images ─► TensorMaker ─► session ─► outputs
                 images ─► session ─► outputs, where the model is quantised and can do without (onnx_quantised.py)
    on a GPU     images ─► copied as uint8 ─► the numbers' own session ─► session ─► outputs, copied back

On a GPU the half of the contract that shapes numbers is a small model too (runtimes/onnx_numbers.py): its tensor never
leaves the device, and what crosses the bus is a quarter of the size.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from pipeline.contract import ModelContract, Precision
from pipeline.contract.packages import ModelPackage
from pipeline.contract.signature import Signature, TensorType, check_signature
from pipeline.errors import InvalidModelPackage, InvalidPrediction, InvalidSetting
from pipeline.inference.runtimes.base import CPU_BATCH_SIZE, Images, Outputs, check_rows, padded
from pipeline.inference.runtimes.onnx_numbers import PIXELS, TENSOR, numbers_model
from pipeline.inference.runtimes.onnx_quantised import INPUT, taking_pixels
from pipeline.inference.runtimes.onnx_stem import sums_are_exact
from pipeline.inference.runtimes.settings import Device, RuntimeSettings
from pipeline.inference.tensors import Tensor, TensorMaker
from pipeline.shards import rows_per_shard

logger = logging.getLogger(__name__)

_CUDA = "CUDAExecutionProvider"
_PROVIDERS = {
    Device.CPU: ("CPUExecutionProvider",),
    Device.CUDA: (_CUDA, "CPUExecutionProvider"),
    Device.TENSORRT: ("TensorrtExecutionProvider", _CUDA, "CPUExecutionProvider"),
}
"""What runs a graph, the first of them whatever it can."""

_NUMPY_NAMES = {"float": "float32", "double": "float64"}
"""Where ONNX Runtime's name of an element type is not numpy's."""

_CONTAINERS = {"seq": "sequence"}


class OnnxRuntime:
    """A model.onnx in one session of ONNX Runtime.

    Raises InvalidModelPackage where the file is no model, ContractMismatch where the model's own signature is not what
    the contract says, InvalidSetting where no provider computes on the device that is asked for.
    """

    def __init__(self, package: ModelPackage, settings: RuntimeSettings | None = None) -> None:
        settings = settings or RuntimeSettings()
        contract = package.contract
        self._package, self._settings = package, settings
        self._session, inputs = _open(package, settings)
        self._takes_pixels = inputs is not None
        signature = session_signature(self._session)
        if inputs is not None:
            signature = replace(signature, inputs=inputs)
        check_signature(signature, contract, labels=len(package.labels) or None)
        self._contract = contract
        self._fixed_batch = signature.fixed_batch
        is_cpu = _CUDA not in self._session.get_providers()
        usual = CPU_BATCH_SIZE if is_cpu else rows_per_shard(contract)
        self._batch_size = self._fixed_batch or settings.batch_size or usual
        self._on_device = None if is_cpu else DeviceNumbers(contract, self._session, settings)
        self._threads = threading.local()

    @property
    def batch_size(self) -> int:
        return self._batch_size

    def predict(self, images: Images) -> Outputs:
        if self._on_device is not None:
            return _answers(self._on_device.run, padded(images, self._batch_size), len(images))
        if self._takes_pixels:
            return self._answers_of(self._session, INPUT, np.ascontiguousarray(images))
        return self.run(self._tensors(images))

    def run(self, tensor: Tensor) -> Outputs:
        return self._answers_of(self._tensor_session, self._contract.input.name, tensor)

    def _answers_of(self, session: Any, name: str, batch: Tensor) -> Outputs:
        def run(given: Tensor) -> Outputs:
            (outputs,) = session.run([self._contract.output.name], {name: given})
            return np.asarray(outputs)

        # A model exported for exactly n images gets n: the last batch is filled up, and the surplus dropped.
        return _answers(run, padded(batch, self._fixed_batch or 0), len(batch))

    @cached_property
    def _tensor_session(self) -> Any:
        """The model as it was, which takes tensors."""
        if not self._takes_pixels:
            return self._session
        return _session(self._package, str(self._package.model_path), self._settings, list(_PROVIDERS[Device.CPU]))

    def _tensors(self, images: Images) -> Tensor:
        # A maker's buffer is overwritten by its next tensor: each thread has one.
        if not hasattr(self._threads, "make"):
            self._threads.make = TensorMaker(self._contract, self._batch_size)
        tensor: Tensor = self._threads.make(images)
        return tensor


class DeviceNumbers:
    """The numbers and the model, one behind the other on the device that the model's session computes on.

    It is given batches of always the same size: at another one cuDNN chooses its kernels anew, and TensorRT builds
    another engine.
    """

    def __init__(self, contract: ModelContract, session: Any, settings: RuntimeSettings) -> None:
        import onnxruntime

        self._contract = contract
        self._model = session
        providers = [name for name in session.get_providers() if name != "TensorrtExecutionProvider"]
        self._where = "cuda" if _CUDA in providers else "cpu"
        self._numbers = onnxruntime.InferenceSession(numbers_model(contract), _options(settings), providers=providers)

    def run(self, images: Images) -> Outputs:
        shaping = self._numbers.io_binding()
        shaping.bind_cpu_input(PIXELS, np.ascontiguousarray(images))
        shaping.bind_output(TENSOR, self._where)
        self._numbers.run_with_iobinding(shaping)
        (tensor,) = shaping.get_outputs()
        answering = self._model.io_binding()
        answering.bind_ortvalue_input(self._contract.input.name, tensor)
        answering.bind_output(self._contract.output.name, "cpu")
        self._model.run_with_iobinding(answering)
        (outputs,) = answering.copy_outputs_to_cpu()
        return np.asarray(outputs)


def _answers(run: Callable[[Tensor], Outputs], batch: Tensor, images: int) -> Outputs:
    """What `run` answers for the first `images` of a batch; the others fill it up."""
    try:
        outputs = run(batch)
    except Exception as error:
        raise InvalidPrediction(f"The model does not run on a batch of shape {list(batch.shape)}: {error}") from error
    check_rows(outputs, len(batch))
    return outputs[:images]


def session_signature(session: Any) -> Signature:
    """What ONNX Runtime, which has followed every shape through the graph, knows of a model."""
    return Signature(
        inputs=tuple(map(_tensor_type, session.get_inputs())),
        outputs=tuple(map(_tensor_type, session.get_outputs())),
    )


def _tensor_type(described: Any) -> TensorType:
    """One of ONNX Runtime's NodeArgs, whose `type` is `tensor(float)` or `seq(map(int64,tensor(float)))`."""
    kind, _, element = str(described.type).removesuffix(")").partition("(")
    dtype = _NUMPY_NAMES.get(element, element) if kind == "tensor" else _CONTAINERS.get(kind, kind)
    # An empty shape stands for a scalar and for a tensor of which no shape is known; images are no scalars.
    return TensorType(described.name, dtype, tuple(described.shape) or None)


def _open(package: ModelPackage, settings: RuntimeSettings) -> tuple[Any, tuple[TensorType, ...] | None]:
    """A session; where its model takes pixels, the inputs of the package's model, which takes tensors."""
    import onnxruntime

    device = _device(settings, onnxruntime.get_available_providers())
    providers = _providers(device, settings, package.contract)
    _say_what_precision_does(device, settings, package.contract)
    if device is not Device.CPU:
        # The CUDA libraries are packages beside ONNX Runtime's own, where no loader looks for them (ONNX Runtime,
        # "CUDA Execution Provider", "Preload DLLs").
        onnxruntime.preload_dlls()
    for exact in dict.fromkeys((sums_are_exact(), False)) if device is Device.CPU else ():
        taking = taking_pixels(package.model_path, package.contract, sums_are_exact=exact)
        if taking is None:
            break
        model, inputs = taking
        # Of what is replaced, a branch or a loop may read something, too: then it does not load.
        with suppress(InvalidModelPackage):
            return _session(package, model, settings, providers), inputs
    session = _session(package, str(package.model_path), settings, providers)
    # A provider whose libraries do not load is left out without an error.
    if settings.device is not Device.AUTO and _PROVIDERS[device][0] not in session.get_providers():
        raise InvalidSetting(
            f"IMAGEBATCH_DEVICE is {device}, and {_PROVIDERS[device][0]} does not start on this machine: its libraries"
            " do not load."
        )
    return session, None


def _session(package: ModelPackage, model: str | bytes, settings: RuntimeSettings, providers: list[Any]) -> Any:
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(model, _options(settings), providers=providers)
    except Exception as error:
        raise InvalidModelPackage(f"{package.model_path} does not load in ONNX Runtime: {error}") from error


def _device(settings: RuntimeSettings, available: list[str]) -> Device:
    if settings.device is Device.AUTO:
        return Device.CUDA if _CUDA in available else Device.CPU
    wanted = _PROVIDERS[settings.device][0]
    if wanted not in available:
        raise InvalidSetting(
            f"IMAGEBATCH_DEVICE is {settings.device}, and this ONNX Runtime has no {wanted}; it has"
            f" {', '.join(available)}. Install onnxruntime-gpu, or set cpu."
        )
    return settings.device


def _say_what_precision_does(device: Device, settings: RuntimeSettings, contract: ModelContract) -> None:
    """On a CPU the contract's own precision is not looked at, so there only one that was asked for is worth a word."""
    wanted = settings.precision or (contract.precision if device is Device.CUDA else Precision.FLOAT32)
    if device is not Device.TENSORRT and wanted is not Precision.FLOAT32:
        logger.warning(
            "model.onnx computes in the types that it was exported in: precision %s has no effect on %s. Export the"
            " model in it, or set IMAGEBATCH_DEVICE to tensorrt.",
            wanted,
            device,
        )


def _options(settings: RuntimeSettings) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def _providers(device: Device, settings: RuntimeSettings, contract: ModelContract) -> list[Any]:
    precision = settings.precision or contract.precision
    options: dict[str, dict[str, str]] = {
        # The default tries every algorithm of every convolution, at every new shape.
        _CUDA: {"cudnn_conv_algo_search": "HEURISTIC"},
        "TensorrtExecutionProvider": {
            "trt_fp16_enable": str(precision is Precision.FLOAT16),
            "trt_bf16_enable": str(precision is Precision.BFLOAT16),
        },
    }
    return [(name, options.get(name, {})) for name in _PROVIDERS[device]]
