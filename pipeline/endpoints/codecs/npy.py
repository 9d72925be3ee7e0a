"""Arrays in NumPy's own format: the contract's pixels for our server, its input tensor for others."""

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.contract import ModelContract
from pipeline.endpoints.codec import Image, Request
from pipeline.endpoints.codecs.base import ContractCodec

CONTENT_TYPE = "application/x-npy"


class PixelsCodec(ContractCodec):
    """uint8 [1, H, W, C], RGB or grey: serve.py applies the numbers."""

    name = "npy"

    def encode(self, image: Image, contract: ModelContract | None) -> Request:
        return Request(_npy(self.pixels(image, contract)[0]), CONTENT_TYPE)


class TensorCodec(ContractCodec):
    """The input tensor in the contract's type and layout, numbers applied: the container has only the model."""

    name = "npy-tensor"

    def encode(self, image: Image, contract: ModelContract | None) -> Request:
        return Request(_npy(self.tensor(image, contract)[0]), CONTENT_TYPE)


def _npy(array: npt.NDArray[Any]) -> bytes:
    file = BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()
