"""model.pt2 and model.pt in torch.

    images ─► pinned memory ─► device, still uint8 ─► numbers, channel order, layout ─► model ─► float32, copied back

The tensor is a view of the pixels, whose channels come last: convolutions take it so, and nothing is transposed. On a
GPU the whole chain is one compiled function, called with batches of always the same size, so that it is compiled once.
Each thread that predicts has a stream and a buffer of its own: one batch is copied while another is computed.

Nothing is unpickled. contract/torch_file.py refuses what is no model before torch sees it, and a variable of torch's,
TORCH_FORCE_WEIGHTS_ONLY_LOAD, holds what torch.export.load reads besides (sample inputs, say) to tensors.
"""

import logging
import os
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch  # type: ignore[import-not-found, unused-ignore]
from torch.export.passes import move_to_device_pass  # type: ignore[import-not-found, unused-ignore]

from pipeline.contract import Colour, DataType, Layout, ModelContract, Precision
from pipeline.contract.model_files import ModelFile
from pipeline.contract.model_signature import folder_signature
from pipeline.contract.packages import ModelPackage
from pipeline.contract.signature import answer_mismatches, check_signature
from pipeline.errors import ContractMismatch, InvalidModelPackage, InvalidPrediction, InvalidSetting
from pipeline.inference.runtimes.base import CPU_BATCH_SIZE, Images, Outputs, check_rows
from pipeline.inference.runtimes.settings import Compile, Device, RuntimeSettings
from pipeline.inference.tensors import Tensor, affine
from pipeline.shards import rows_per_shard

os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"

logger = logging.getLogger(__name__)

_INPUT_TYPES = {DataType.FLOAT32: torch.float32, DataType.FLOAT16: torch.float16, DataType.UINT8: torch.uint8}
_AUTOCAST = {Precision.BFLOAT16: torch.bfloat16, Precision.FLOAT16: torch.float16}


class TorchRuntime:
    """A torch model, tried on one batch of black images before it is given a real one.

    Raises InvalidModelPackage where the file does not load, ContractMismatch where what it says of itself, or answers
    for the first batch, is not what the contract says, InvalidSetting where it should run on a GPU and there is none.
    """

    def __init__(self, package: ModelPackage, settings: RuntimeSettings | None = None) -> None:
        settings = settings or RuntimeSettings()
        contract = package.contract
        self._device = _device(settings)
        is_gpu = self._device.type == "cuda"
        if not is_gpu:
            torch.set_num_threads(settings.threads)
        signature = folder_signature(package.folder, package.model)
        if signature is not None:
            check_signature(signature, contract, labels=len(package.labels) or None)
        self._fixed_batch = signature.fixed_batch if signature else None
        self._batch_size = (
            self._fixed_batch or settings.batch_size or (rows_per_shard(contract) if is_gpu else CPU_BATCH_SIZE)
        )
        model, least, most = _load(package, self._device)
        if not self._fixed_batch:
            self._batch_size = min(max(self._batch_size, least), most or self._batch_size)
        # A compiled model is compiled for one size of batch; an exported one may be exported for two images and more.
        self._padded_to = self._batch_size if is_gpu or self._fixed_batch else least
        self._chain = _Chain(contract, model, self._device, settings)
        self._buffers = threading.local()
        self._settle(package, settings)

    @property
    def batch_size(self) -> int:
        return self._batch_size

    def predict(self, images: Images) -> Outputs:
        return self._run(images, self._chain.from_pixels)

    def run(self, tensor: Tensor) -> Outputs:
        return self._run(tensor, self._chain.from_tensor)

    def _run(self, batch: Tensor, forward: Any) -> Outputs:
        size = max(len(batch), self._padded_to)
        try:
            with torch.inference_mode(), self._stream():
                on_device = self._staged(batch, size).to(self._device, non_blocking=True)
                answered = forward(on_device)
                # The copy waits for the stream, and so for all that came before.
                outputs: Outputs = (answered.float() if answered.dtype is torch.bfloat16 else answered).cpu().numpy()
        except ContractMismatch:
            raise
        except Exception as error:
            raise InvalidPrediction(
                f"The model does not run on a batch of shape {[size, *batch.shape[1:]]}: {error}"
            ) from error
        check_rows(outputs, size)
        return outputs[: len(batch)]

    def _staged(self, batch: Tensor, size: int) -> Any:
        """The batch in memory that the device copies from by itself, filled up with zeros to `size` images."""
        shape = (size, *batch.shape[1:])
        staging = getattr(self._buffers, "staging", None)
        if staging is None or staging.shape != shape or staging.numpy().dtype != batch.dtype:
            kind = torch.from_numpy(np.empty(0, batch.dtype)).dtype
            staging = torch.empty(shape, dtype=kind, pin_memory=self._device.type == "cuda")
            self._buffers.staging = staging
        view = staging.numpy()
        view[: len(batch)] = batch
        view[len(batch) :] = 0
        return staging

    def _stream(self) -> AbstractContextManager[Any]:
        if self._device.type != "cuda":
            return nullcontext()
        if not hasattr(self._buffers, "stream"):
            self._buffers.stream = torch.cuda.Stream(self._device)
        stream: AbstractContextManager[Any] = torch.cuda.stream(self._buffers.stream)
        return stream

    def _settle(self, package: ModelPackage, settings: RuntimeSettings) -> None:
        """Takes the fastest way to run the model that works for it, and checks its first answers."""
        contract = package.contract
        images = np.zeros((self._batch_size, *contract.input.pixel_shape), np.uint8)
        is_compiled = settings.compile is Compile.ALWAYS or (
            settings.compile is Compile.AUTO and self._device.type == "cuda"
        )
        # torch.compile reads Python, of which TorchScript has none.
        if is_compiled and package.model is ModelFile.EXPORTED:
            self._chain.compile()
        try:
            outputs = self._first_answers(images)
        except InvalidPrediction as error:
            raise ContractMismatch(
                f"{package.model} and the contract do not fit: {error}. Set input.layout, height, width or colour, or"
                " export the model again."
            ) from error
        for problem in answer_mismatches(outputs.shape, contract, len(package.labels) or None):
            raise ContractMismatch(problem)

    def _first_answers(self, images: Images) -> Outputs:
        for _ in self._chain.fallbacks():
            try:
                return self.predict(images)
            except InvalidPrediction as error:
                logger.warning("%s", error)
        return self.predict(images)


class _Chain:
    """From images on the device to the answer that the contract names, on the device.

    `from_pixels` takes uint8 [N, H, W, C], `from_tensor` the contract's input tensor.
    """

    def __init__(self, contract: ModelContract, model: Any, device: Any, settings: RuntimeSettings) -> None:
        self._contract = contract
        self._model = model
        self._device = device
        self._dtype = _INPUT_TYPES[contract.input.dtype]
        self._is_nchw = contract.input.layout is Layout.NCHW
        self._flips = contract.input.colour is Colour.BGR
        # Half precision on a CPU is slower than float32, where it does not have special instructions for it.
        declared = contract.precision if device.type == "cuda" else Precision.FLOAT32
        self._autocast = _AUTOCAST.get(settings.precision or declared)
        self._affine = (
            [torch.from_numpy(each).to(device) for each in affine(contract.numbers)] if contract.numbers else None
        )
        self._is_channels_last = self._is_nchw
        self.from_pixels = self._from_pixels
        self._lay_out()

    def compile(self) -> None:
        """From now on `from_pixels` is compiled, when it is first called."""
        self.from_pixels = torch.compile(self._from_pixels, dynamic=False)

    def fallbacks(self) -> Iterator[None]:
        """Ways to run, the fastest first; the last of all is what is left when they are exhausted."""
        if self.from_pixels != self._from_pixels:
            yield
            logger.warning("the model runs without torch.compile")
            self.from_pixels = self._from_pixels
        if self._is_channels_last:
            yield
            # A graph whose views were made for one layout of memory runs in no other.
            logger.warning("the model runs without channels-last memory")
            self._is_channels_last = False
            self._lay_out()

    def _lay_out(self) -> None:
        """Puts the weights into the memory layout of the images."""
        self._model.to(memory_format=torch.channels_last if self._is_channels_last else torch.contiguous_format)
        if self._device.type == "cuda":
            # Threads compute in streams of their own, which wait for nothing that was begun in this one.
            torch.cuda.synchronize(self._device)

    def from_tensor(self, tensor: Any) -> Any:
        if self._is_channels_last:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        return self._answer(tensor)

    def _from_pixels(self, pixels: Any) -> Any:
        tensor = pixels.flip(-1) if self._flips else pixels
        if self._affine is not None:
            factor, offset = self._affine
            tensor = tensor.to(torch.float32) * factor + offset
        tensor = tensor.to(self._dtype)
        if self._is_nchw:
            # A view: this is what channels-last memory looks like.
            tensor = tensor.permute(0, 3, 1, 2)
        return self._answer(tensor if self._is_channels_last else tensor.contiguous())

    def _answer(self, tensor: Any) -> Any:
        with torch.autocast(self._device.type, dtype=self._autocast, enabled=self._autocast is not None):
            return _named(self._model(tensor), self._contract.output.name)


def _named(answer: Any, name: str) -> Any:
    """The tensor that `output.name` means: the answer itself, a key of a dictionary, a position in a tuple."""
    if isinstance(answer, Mapping):
        if name in answer:
            return answer[name]
        has = ", ".join(map(repr, answer))
    elif isinstance(answer, (tuple, list)):
        if len(answer) == 1:
            return answer[0]
        if name.isdecimal() and int(name) < len(answer):
            return answer[int(name)]
        has = ", ".join(repr(str(position)) for position in range(len(answer)))
    else:
        return answer
    raise ContractMismatch(f"the model answers {has}; the contract says {name!r}. Set output.name.")


def _device(settings: RuntimeSettings) -> Any:
    has_gpu = torch.cuda.is_available()
    if settings.device is Device.TENSORRT:
        raise InvalidSetting(
            "IMAGEBATCH_DEVICE is tensorrt, which runs ONNX models; a torch model runs on cuda or cpu."
        )
    if settings.device is Device.CUDA and not has_gpu:
        raise InvalidSetting(
            "IMAGEBATCH_DEVICE is cuda, and torch finds no GPU here. Set cpu, or install torch for CUDA."
        )
    return torch.device("cuda" if has_gpu and settings.device is not Device.CPU else "cpu")


def _load(package: ModelPackage, device: Any) -> tuple[Any, int, int | None]:
    """The model on the device, and the fewest and the most images that it takes at once."""
    path = str(package.model_path)
    try:
        with warnings.catch_warnings():
            # torch.jit is deprecated; models in its format are not gone.
            warnings.simplefilter("ignore", DeprecationWarning)
            if package.model is ModelFile.TORCHSCRIPT:
                return torch.jit.load(path, map_location=device).eval(), 1, None
            program = move_to_device_pass(torch.export.load(path), device)
            # Guards are Python that the file brings along; that the input fits has been checked.
            return (program.module(check_guards=False), *_batch_range(program))
    except Exception as error:
        raise InvalidModelPackage(f"{path} does not load in torch {torch.__version__}: {error}") from error


def _batch_range(program: Any) -> tuple[int, int | None]:
    """The range of the dimension that its author exported as free."""
    (name, *_) = program.graph_signature.user_inputs
    (fed,) = (node for node in program.graph.nodes if node.name == name)
    symbol = getattr(getattr(fed.meta["val"].shape[0], "node", None), "expr", None)
    limits = program.range_constraints.get(symbol)
    if limits is None:
        return 1, None
    return max(int(limits.lower), 1), int(limits.upper) if limits.upper.is_Integer else None
