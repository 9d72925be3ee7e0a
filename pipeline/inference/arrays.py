"""The model's whole answers, for the task raw: one array for each shard, in NumPy's own format.

    <shard>.npy     float32 [images, ...], an image a row, in the order of the shard's rows

A prediction names its file and row; the file lies beside the shard's predictions, and in the end under results/arrays/.
It is written as batches come: the header (numpy.lib.format, version 1.0) needs only the shape, which is known with the
first of them. Any reader of .npy can map such a file and read single rows of it.
"""

import math
import os
from typing import IO, TYPE_CHECKING, Any

from pipeline.errors import InvalidPrediction

if TYPE_CHECKING:
    import numpy.typing as npt

SUFFIX = ".npy"
FOLDER = "arrays/"
"""Where arrays lie among a run's results."""


def file_name(shard: str) -> str:
    """The name of a shard's array."""
    return f"{shard}{SUFFIX}"


def check_shapes(one: tuple[int, ...], another: tuple[int, ...]) -> None:
    """Raises InvalidPrediction where two rows of an array would have different shapes."""
    if one != another:
        raise InvalidPrediction(
            f"The model answers {list(one)} for one image and {list(another)} for another; an array has one shape."
            " Export the model with an output of fixed size, or set output.name to one."
        )


class ArrayWriter:
    """One array, while it is written to `file`: a row for each of `rows` images.

    Several may write one array, each to a `file` of its own opening: each the rows from `first` on. They write the same
    header, so long as they agree in `shape`.
    """

    def __init__(self, file: IO[bytes], rows: int, first: int = 0) -> None:
        self._file = file
        self._rows = rows
        self._first = first
        self.shape: tuple[int, ...] | None = None
        """Of a row; None before the first answer."""

    def append(self, answers: "npt.NDArray[Any]") -> None:
        """The next rows, [n, ...]. Raises InvalidPrediction where they have another shape than those before."""
        import numpy as np
        from numpy.lib import format as npy

        if self.shape is None:
            self.shape = answers.shape[1:]
            header = {"descr": "<f4", "fortran_order": False, "shape": (self._rows, *self.shape)}
            npy.write_array_header_1_0(self._file, header)
            self._file.seek(4 * self._first * math.prod(self.shape), os.SEEK_CUR)
        check_shapes(self.shape, answers.shape[1:])
        self._file.write(np.ascontiguousarray(answers, "<f4").data)
