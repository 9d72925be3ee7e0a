"""The half of the contract that shapes numbers: `(x * scale - mean) / std`, channel order, layout, type.

It runs next to the model, on uint8 pixels that validation brought to size: here on a CPU, for ONNX Runtime; on a GPU in
runtimes/onnx_numbers.py, and for torch in runtimes/torch.py.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.contract import Colour, DataType, Layout, ModelContract, Numbers

Tensor = npt.NDArray[Any]


def affine(numbers: Numbers) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Factor and offset [C] of each channel: `x * (scale / std) + (-mean / std)`."""
    std = np.array(numbers.std)
    return (numbers.scale / std).astype(np.float32), (-np.array(numbers.mean) / std).astype(np.float32)


class TensorMaker:
    """Turns uint8 [N, H, W, C] into the contract's input tensor, at most `batch_size` images at a time.

    The tensor lies in a buffer that the next call overwrites: a model has read it by then, and a fresh 2.4 MB for every
    four images would cost more than the arithmetic. The arithmetic is one multiplication and one addition for each
    element: `x * (scale / std) + (-mean / std)`.
    """

    def __init__(self, contract: ModelContract, batch_size: int) -> None:
        self._flip_channels = contract.input.colour is Colour.BGR
        self._channels_first = contract.input.layout is Layout.NCHW
        self._dtype = np.dtype(str(contract.input.dtype))
        height, width, channels = contract.input.pixel_shape
        shape = (channels, height, width) if self._channels_first else (height, width, channels)
        computed = np.uint8 if contract.input.dtype is DataType.UINT8 else np.float32
        self._buffer: Tensor = np.empty((batch_size, *shape), computed)
        self._affine: tuple[Tensor, Tensor] | None = None
        if contract.numbers is not None:
            per_channel = (channels, 1, 1) if self._channels_first else (channels,)
            factor, offset = affine(contract.numbers)
            self._affine = (factor.reshape(per_channel), offset.reshape(per_channel))

    def __call__(self, images: npt.NDArray[np.uint8]) -> Tensor:
        """The tensor of up to `batch_size` images; valid until the next call."""
        pixels = images[..., ::-1] if self._flip_channels else images
        tensor = self._buffer[: len(images)]
        np.copyto(tensor, pixels.transpose(0, 3, 1, 2) if self._channels_first else pixels)
        if self._affine is not None:
            factor, offset = self._affine
            np.multiply(tensor, factor, out=tensor)
            np.add(tensor, offset, out=tensor)
        return tensor.astype(self._dtype, copy=False)
