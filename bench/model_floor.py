"""The model alone, as fast as its own library runs it: what a server that added nothing would reach.

ONNX Runtime, CPU   one thread a core, each with a session of its own; tensors that are normalised already; no
                    softmax and no top-k: stricter than a server can be
torch, CUDA         bf16, channels last, compiled; normalisation and top-5 on the GPU; uint8 that lies there already
"""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime

from bench.model_server import Spent
from pipeline.cores import available_cores

_CPU_BATCH = 4  # the fastest on a core: at 8 and more, activations no longer fit its cache
_GPU_BATCHES = (160, 512)
TOP_K = 5

Images = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]


class Floor(Protocol):
    """A model that is loaded and warm."""

    def __call__(self, images: int) -> Spent:
        """Run the model over at least so many images."""
        ...

    def scores(self, images: Images) -> Scores:
        """What the model says of images uint8 [N, H, W, 3], computed plainly: in float32, on the CPU. [N, classes]."""
        ...


class OnnxFloor:
    """The model.onnx of a package, on every core."""

    def __init__(self, package: Path) -> None:
        contract = json.loads((package / "contract.json").read_text())
        tensor, self._numbers = contract["input"], contract["numbers"]
        self._channels_first = tensor["layout"] == "NCHW"
        self._name = tensor["name"]
        shape = {"NCHW": (3, tensor["height"], tensor["width"]), "NHWC": (tensor["height"], tensor["width"], 3)}
        random = np.random.default_rng(0)
        self._batch = random.standard_normal((_CPU_BATCH, *shape[tensor["layout"]])).astype(tensor["dtype"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._sessions = [
            onnxruntime.InferenceSession(package / "model.onnx", options, providers=["CPUExecutionProvider"])
            for _ in range(available_cores())
        ]
        self(_CPU_BATCH * len(self._sessions))

    def __call__(self, images: int) -> Spent:
        batches = -(-images // (_CPU_BATCH * len(self._sessions)))

        def run(session: Any) -> None:
            for _ in range(batches):
                session.run(None, {self._name: self._batch})

        cpu, started = time.process_time(), time.perf_counter()
        with ThreadPoolExecutor(len(self._sessions)) as threads:
            list(threads.map(run, self._sessions))
        seconds = time.perf_counter() - started
        return Spent(batches * _CPU_BATCH * len(self._sessions), seconds, time.process_time() - cpu)

    def scores(self, images: Images) -> Scores:
        numbers = (images * np.float32(self._numbers.get("scale", 1)) - self._numbers["mean"]) / self._numbers["std"]
        tensor = numbers.transpose(0, 3, 1, 2) if self._channels_first else numbers
        outputs = [
            self._sessions[0].run(None, {self._name: np.ascontiguousarray(batch, self._batch.dtype)})[0]
            for batch in np.array_split(tensor, -(-len(tensor) // _CPU_BATCH))
        ]
        return _softmax(np.concatenate(outputs))


class TorchFloor:
    """A torch model on the GPU, with the batch size that suits it best."""

    def __init__(self, model: Any, mean: tuple[float, ...], std: tuple[float, ...], side: int) -> None:
        import torch

        self._torch = torch
        self._plain = deepcopy(model).eval()
        self._mean, self._std = mean, std
        module = model.cuda().to(torch.bfloat16).to(memory_format=torch.channels_last).eval()
        factor = (1 / (255 * torch.tensor(std))).cuda().reshape(1, 3, 1, 1)
        offset = (-torch.tensor(mean) / torch.tensor(std)).cuda().reshape(1, 3, 1, 1)

        def forward(pixels: Any) -> Any:
            # [N, H, W, C] seen as [N, C, H, W] is channels last as it lies.
            tensor = (pixels.permute(0, 3, 1, 2) * factor + offset).to(torch.bfloat16)
            return torch.topk(torch.softmax(module(tensor).float(), dim=1), TOP_K)

        self._forward: Callable[[Any], Any] = torch.compile(forward, dynamic=False)
        candidates = [torch.randint(256, (size, side, side, 3), dtype=torch.uint8).cuda() for size in _GPU_BATCHES]
        for batch in candidates:
            self._run(batch, 20 * len(batch))
        self._batch = max(candidates, key=lambda batch: self._run(batch, 50 * len(batch)).images_per_second)

    def __call__(self, images: int) -> Spent:
        return self._run(self._batch, images)

    def scores(self, images: Images) -> Scores:
        numbers = (images / np.float32(255) - np.array(self._mean, np.float32)) / np.array(self._std, np.float32)
        with self._torch.inference_mode():
            outputs = self._plain(self._torch.from_numpy(np.ascontiguousarray(numbers.transpose(0, 3, 1, 2))))
        return _softmax(outputs.numpy())

    def _run(self, batch: Any, images: int) -> Spent:
        batches = -(-images // len(batch))
        with self._torch.inference_mode():
            self._torch.cuda.synchronize()
            cpu, started = time.process_time(), time.perf_counter()
            for _ in range(batches):
                self._forward(batch)
            self._torch.cuda.synchronize()
        return Spent(batches * len(batch), time.perf_counter() - started, time.process_time() - cpu)


def _softmax(outputs: Scores) -> Scores:
    exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    scores: Scores = exponentials / exponentials.sum(axis=1, keepdims=True)
    return scores
