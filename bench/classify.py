"""What the floor and the peers do with a photo, so that only what is around it differs: decode, crop, resize, label.

It needs numpy, Pillow and ONNX Runtime and nothing of this project: the peers run it in an environment of their own.
"""

import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image, ImageOps

BATCH = 8


class Classifier:
    """A model package, loaded for one core."""

    def __init__(self, package: str | Path) -> None:
        package = Path(package)
        contract = json.loads((package / "contract.json").read_text(encoding="utf-8"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        model = str(package / "model.onnx")
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input: str = contract["input"]["name"]
        self._side: int = contract["input"]["height"]
        self._crop: float = contract["pixels"]["resize"]["crop_fraction"]

    def top1(self, photos: Sequence[bytes]) -> NDArray[np.int64]:
        """The most likely class of each encoded photo, int64 [n]."""
        pixels = np.stack([decode(photo, self._side, self._crop) for photo in photos])
        tensor = ((pixels.astype(np.float32) - 127) / 128).transpose(0, 3, 1, 2)
        scores: NDArray[np.float32] = self._session.run(None, {self._input: np.ascontiguousarray(tensor)})[0]
        top1: NDArray[np.int64] = scores.argmax(axis=1)
        return top1


def decode(photo: bytes, side: int, crop: float) -> NDArray[np.uint8]:
    """An encoded photo as the model wants it: upright, RGB, the middle of it, uint8 [side, side, 3]."""
    with Image.open(BytesIO(photo)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    cut = crop * min(upright.size)
    left, top = (upright.width - cut) / 2, (upright.height - cut) / 2
    resized = upright.resize((side, side), Image.Resampling.BICUBIC, box=(left, top, left + cut, top + cut))
    return np.asarray(resized)


def photos_below(folder: str | Path) -> list[str]:
    """The paths of every JPEG below `folder`, in order."""
    return sorted(str(path) for path in Path(folder).rglob("*.jpg"))
