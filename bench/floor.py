"""The floor that runs are compared with: a plain loop in a process per core, from file to label, and nothing else.

It is what a user would write by hand: open, decode, crop and resize with Pillow, normalise with numpy, ONNX Runtime in
batches of eight, argmax. No listing service, no verdicts, no shards, no results on disk.
"""

import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pipeline.cores import available_cores

BATCH = 8


@dataclass(frozen=True)
class Floor:
    images: int
    seconds: float

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds


def measure(photos: Path, model: Path, processes: int = available_cores()) -> Floor:
    """Images a second of the plain loop over every JPEG below `photos`, process start-up and model loading left out."""
    paths = sorted(photos.rglob("*.jpg"))
    slices = [paths[index::processes] for index in range(processes)]
    with ProcessPoolExecutor(processes) as pool:
        warmed_up = list(pool.map(_classify, [paths[:BATCH]] * processes, [model] * processes))
        assert len(warmed_up) == processes
        started = time.perf_counter()
        counts = list(pool.map(_classify, slices, [model] * processes))
        seconds = time.perf_counter() - started
    return Floor(sum(counts), seconds)


_sessions: dict[Path, onnxruntime.InferenceSession] = {}


def _session(model: Path) -> onnxruntime.InferenceSession:
    if model not in _sessions:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        _sessions[model] = onnxruntime.InferenceSession(
            str(model / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
    return _sessions[model]


def _classify(paths: list[Path], model: Path) -> int:
    session = _session(model)
    contract = json.loads((model / "contract.json").read_text())
    size = contract["input"]["height"]
    crop = contract["pixels"]["resize"]["crop_fraction"]
    name = contract["input"]["name"]
    labels = 0
    for start in range(0, len(paths), BATCH):
        pixels = np.stack([_decode(path, size, crop) for path in paths[start : start + BATCH]])
        tensor = ((pixels.astype(np.float32) - 127) / 128).transpose(0, 3, 1, 2)
        labels += len(session.run(None, {name: np.ascontiguousarray(tensor)})[0].argmax(axis=1))
    return labels


def _decode(path: Path, size: int, crop: float) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    side = crop * min(upright.size)
    left, top = (upright.width - side) / 2, (upright.height - side) / 2
    resized = upright.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    return np.asarray(resized)
