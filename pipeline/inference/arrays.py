"""The model's whole answers, for the task raw: one array for each shard, in NumPy's own format.

    <shard>.npy     float32 [images, ...], an image a row, in the order of the shard's rows

A prediction names its file and row; the file lies beside the shard's predictions, and in the end under results/arrays/.
It is written as batches come: the header (numpy.lib.format, version 1.0) needs only the shape, which is known with the
first of them. Any reader of .npy can map such a file and read single rows of it.
"""

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


class ArrayWriter:
    """One array, while it is written to `file`: a row for each of `rows` images."""

    def __init__(self, file: IO[bytes], rows: int) -> None:
        self._file = file
        self._rows = rows
        self._shape: tuple[int, ...] | None = None

    def append(self, answers: "npt.NDArray[Any]") -> None:
        """The next rows, [n, ...]. Raises InvalidPrediction where they have another shape than those before."""
        import numpy as np
        from numpy.lib import format as npy

        if self._shape is None:
            self._shape = answers.shape[1:]
            header = {"descr": "<f4", "fortran_order": False, "shape": (self._rows, *self._shape)}
            npy.write_array_header_1_0(self._file, header)
        elif answers.shape[1:] != self._shape:
            raise InvalidPrediction(
                f"The model answers {list(self._shape)} for one image and {list(answers.shape[1:])} for another; an"
                " array has one shape. Export the model with an output of fixed size, or set output.name to one."
            )
        self._file.write(np.ascontiguousarray(answers, "<f4").data)
