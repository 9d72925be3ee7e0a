"""What a runtime is: something that answers for a batch of images. It knows nothing of labels, shards or S3."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.errors import InvalidPrediction
from pipeline.inference.tensors import Tensor

Images = npt.NDArray[np.uint8]
"""uint8 [n, H, W, C], as validation leaves them: RGB or grey."""

Outputs = npt.NDArray[Any]

CPU_BATCH_SIZE = 4
"""Images in a forward pass on a CPU core. At 8 and more, activations no longer fit its cache."""


class Runtime(Protocol):
    """Runs one model under one contract. `batch_size` is how many images it takes at once.

    Several threads may call it at a time.
    """

    @property
    def batch_size(self) -> int: ...

    def predict(self, images: Images) -> Outputs:
        """The output [n, ...] for n images, 1 <= n <= batch_size.

        The half of the contract that shapes numbers is applied here, on the device that the model runs on. Raises
        InvalidPrediction where the model does not run, or answers anything but one row for each image.
        """
        ...


class TensorRuntime(Runtime, Protocol):
    """A runtime that also takes input tensors which somebody else made, to try one model under several contracts."""

    def run(self, tensor: Tensor) -> Outputs:
        """The output [n, ...] for an input tensor of n images, 1 <= n <= batch_size."""
        ...


def padded(batch: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """A batch filled up with zeros to `size` images, for a model that takes exactly so many."""
    if len(batch) >= size:
        return batch
    return np.concatenate([batch, np.zeros((size - len(batch), *batch.shape[1:]), batch.dtype)])


def check_rows(outputs: Outputs, images: int) -> None:
    """Raises InvalidPrediction where an output has not one row for each image."""
    if outputs.ndim == 0 or len(outputs) != images:
        raise InvalidPrediction(
            f"{images} images went into the model, and an output of shape {list(outputs.shape)} came out; its first"
            " dimension has to be the images. Set output.name, or export the model with one answer for each image."
        )
