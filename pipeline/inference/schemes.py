"""How a detector's output reads as boxes: each layout that detectors answer in is a scheme with a name.

    scheme   output                      a box                                   its score
    yolox    [N, anchors, 5 + classes]   centre and size, in cells of a grid,    objectness x its best class
                                         or in pixels where the graph decodes
    yolov8   [N, 4 + classes, anchors]   centre and size                         its best class
    xyxy     [N, boxes, 6]               two corners                             its own; then comes its class

A scheme is a frozen dataclass whose fields stand in `output.decode` of a contract, beside the scheme's name: `read`
takes them from there, `mismatch` holds an output's shape to them, `decode` makes boxes of one image's output. To add a
scheme is to write such a class, list it in SCHEMES, and describe its fields in contract/schema.json and
docs/contract.md.

What follows is the same for all of them, and lies in pipeline/inference/detection.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, Protocol, Self

import numpy as np
import numpy.typing as npt

from pipeline.contract.reader import Fields, choice, one_of, whole_numbers

LARGEST_STRIDE = 1024
MOST_STRIDES = 8
# exp of it is more pixels than an input has, at any stride; beyond, exp overflows sooner or later.
_LARGEST_LOG_SIZE = 8.0

Floats = npt.NDArray[np.floating[Any]]
Size = tuple[int, int]
"""Width and height of the model's input, in pixels."""
Activate = Callable[[Floats], Floats]
"""Makes scores of what the model answers: the contract's `output.activation`."""
Dimension = int | str | None
"""A size; the name of one that is free; or None, where nothing is said of it."""


class BoxUnit(StrEnum):
    """What the numbers of a box are measured in: cells of a grid, pixels of the input, or fractions of its sides."""

    GRID = "grid"
    PIXELS = "pixels"
    FRACTIONS = "fractions"


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes float64 [n, 4], x0, y0, x1, y1 in pixels of the model's input; their scores [n], and classes [n]."""

    boxes: Floats
    scores: Floats
    classes: npt.NDArray[np.intp]

    def __getitem__(self, chosen: Any) -> "Candidates":
        """Those that an index array or a mask chooses."""
        return Candidates(self.boxes[chosen], self.scores[chosen], self.classes[chosen])


class Scheme(Protocol):
    """A layout of a detector's output."""

    @property
    def scheme(self) -> str:
        """Its name in a contract."""
        ...

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """The scheme in `output.decode`, from which its name was taken already."""
        ...

    def mismatch(self, shape: Sequence[Dimension], size: Size) -> str | None:
        """What an output should be that has a shape which cannot be read so; None where it can."""
        ...

    def classes(self, shape: Sequence[Dimension]) -> Dimension:
        """How many classes an output of this shape has. Not every layout says so."""
        ...

    def decode(self, output: Floats, size: Size, activate: Activate) -> Candidates:
        """All boxes in the output of one image: float32, in the shape of the layout without its N."""
        ...


@dataclass(frozen=True, slots=True)
class YoloX:
    """Centre x, centre y, width, height, objectness, one score for each class; an anchor a row. YOLOv5 answers so too.

    With `boxes: grid` an anchor is a cell of one of the grids that `strides` (pixels of a cell) lay over the input, row
    by row, in the order of the strides; centres are offsets from the cell's corner, sizes are logarithms, both in cells
    (YOLOX: Exceeding YOLO Series in 2021, section 2.1). With `boxes: pixels` the graph has undone that already.
    """

    boxes: BoxUnit
    strides: tuple[int, ...] | None
    scheme: Literal["yolox"] = "yolox"

    @classmethod
    def read(cls, fields: Fields) -> Self:
        boxes = fields.take("boxes", choice(BoxUnit, [BoxUnit.GRID, BoxUnit.PIXELS]))
        if boxes is BoxUnit.PIXELS:
            fields.refuse("strides", because="boxes is pixels: there is no grid")
            return cls(boxes, None)
        return cls(boxes, fields.take("strides", whole_numbers(1, LARGEST_STRIDE, MOST_STRIDES)))

    def mismatch(self, shape: Sequence[Dimension], size: Size) -> str | None:
        if len(shape) != 3 or _is_less(shape[2], 6):
            return "[N, anchors, 5 + classes]"
        if self.strides and isinstance(shape[1], int):
            cells = len(_grid(size, self.strides)[0])
            if shape[1] != cells:
                return (
                    f"[N, {cells}, 5 + classes], an anchor for each cell of the strides {list(self.strides)}"
                    f" over {size[0]} x {size[1]} pixels"
                )
        return None

    def classes(self, shape: Sequence[Dimension]) -> Dimension:
        return _without(shape[2], 5)

    def decode(self, output: Floats, size: Size, activate: Activate) -> Candidates:
        centres, sizes = output[:, 0:2].astype(np.float64), output[:, 2:4].astype(np.float64)
        if self.strides:
            corners, strides = _grid(size, self.strides)
            centres = (centres + corners) * strides
            sizes = np.exp(np.minimum(sizes, _LARGEST_LOG_SIZE)) * strides
        scores = activate(output[:, 4:])
        best, classes = _best(scores[:, 1:])
        return Candidates(_around(centres, sizes), scores[:, 0] * best, classes)


@dataclass(frozen=True, slots=True)
class YoloV8:
    """Centre x, centre y, width, height, one score for each class; an anchor a column. YOLO11 answers so too."""

    boxes: BoxUnit
    scheme: Literal["yolov8"] = "yolov8"

    @classmethod
    def read(cls, fields: Fields) -> Self:
        return cls(fields.take("boxes", choice(BoxUnit, [BoxUnit.PIXELS, BoxUnit.FRACTIONS])))

    def mismatch(self, shape: Sequence[Dimension], size: Size) -> str | None:
        return "[N, 4 + classes, anchors]" if len(shape) != 3 or _is_less(shape[1], 5) else None

    def classes(self, shape: Sequence[Dimension]) -> Dimension:
        return _without(shape[1], 4)

    def decode(self, output: Floats, size: Size, activate: Activate) -> Candidates:
        centres, sizes = output[0:2].T.astype(np.float64), output[2:4].T.astype(np.float64)
        best, classes = _best(activate(output[4:].T))
        return Candidates(_in_pixels(_around(centres, sizes), self.boxes, size), best, classes)


@dataclass(frozen=True, slots=True)
class Xyxy:
    """x0, y0, x1, y1, score, index of the class; a box a row. What a graph answers that suppresses overlaps itself.

    YOLOv10 answers so. Rows that are there to fill up have a score of 0.
    """

    boxes: BoxUnit
    scheme: Literal["xyxy"] = "xyxy"

    @classmethod
    def read(cls, fields: Fields) -> Self:
        return cls(fields.take("boxes", choice(BoxUnit, [BoxUnit.PIXELS, BoxUnit.FRACTIONS])))

    def mismatch(self, shape: Sequence[Dimension], size: Size) -> str | None:
        fits = len(shape) == 3 and (shape[2] == 6 or not isinstance(shape[2], int))
        return None if fits else "[N, boxes, 6]: two corners, score, class"

    def classes(self, shape: Sequence[Dimension]) -> Dimension:
        return None

    def decode(self, output: Floats, size: Size, activate: Activate) -> Candidates:
        boxes = output[:, 0:4].astype(np.float64)
        return Candidates(_in_pixels(boxes, self.boxes, size), activate(output[:, 4]), _indices(output[:, 5]))


SCHEMES: Mapping[str, type[Scheme]] = MappingProxyType({"yolox": YoloX, "yolov8": YoloV8, "xyxy": Xyxy})
"""What `output.decode.scheme` may name."""


def parse_scheme(fields: Fields) -> Scheme:
    """The scheme in `output.decode`. Raises InvalidContract."""
    scheme = SCHEMES[fields.take("scheme", one_of(SCHEMES))].read(fields)
    fields.close()
    return scheme


def _is_less(dimension: Dimension, least: int) -> bool:
    return isinstance(dimension, int) and dimension < least


def _without(dimension: Dimension, columns: int) -> Dimension:
    return dimension - columns if isinstance(dimension, int) else None


@lru_cache(maxsize=8)
def _grid(size: Size, strides: tuple[int, ...]) -> tuple[Floats, Floats]:
    """For each cell of each grid its upper left corner [cells, 2], in cells, and its stride [cells, 1], in pixels."""
    corners, sides = [], []
    for stride in strides:
        columns, rows = size[0] // stride, size[1] // stride
        x, y = np.meshgrid(np.arange(columns, dtype=np.float64), np.arange(rows, dtype=np.float64))
        corners.append(np.stack([x.ravel(), y.ravel()], axis=1))
        sides.append(np.full((columns * rows, 1), stride, np.float64))
    return np.concatenate(corners), np.concatenate(sides)


def _best(scores: Floats) -> tuple[Floats, npt.NDArray[np.intp]]:
    """The best of each row [n, classes], and its class; of equals, the first."""
    classes = scores.argmax(axis=1)
    return np.take_along_axis(scores, classes[:, np.newaxis], axis=1)[:, 0], classes


def _around(centres: Floats, sizes: Floats) -> Floats:
    return np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)


def _in_pixels(boxes: Floats, unit: BoxUnit, size: Size) -> Floats:
    return boxes * np.array([*size, *size], np.float64) if unit is BoxUnit.FRACTIONS else boxes


def _indices(numbers: Floats) -> npt.NDArray[np.intp]:
    """Indices that a model answers among its floats; whatever no index can be becomes -1."""
    are_indices = (numbers >= 0) & (numbers < 2**24)
    return np.where(are_indices, np.rint(numbers), -1).astype(np.intp)
