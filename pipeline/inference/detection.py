"""From a detector's output to the boxes of a prediction, in pixels of the original image.

    output ──► decode (inference/schemes.py) ──► score_threshold ──► onto the original ──► suppress overlaps, max_boxes

A box is x0, y0, x1, y1: the edges of what it frames, x to the right and y down from the upper left corner of the image,
upright. Overlaps are measured before boxes are clipped to the image, as the models' own code does; that this happens in
the original's pixels changes nothing, since an overlap is a ratio of areas.
"""

from functools import partial

import numpy as np
import numpy.typing as npt

from pipeline.contract import Detection, ModelContract
from pipeline.images.geometry import Size, placement
from pipeline.inference.ranking import Scores, activate
from pipeline.inference.schemes import Candidates, Floats

_DECIMALS = 2
"""Of a coordinate in a prediction. Models are off by more than a hundredth of a pixel."""


def detect(output: Scores, contract: ModelContract, size: Size) -> Candidates:
    """What the contract's detector found in one image: the best first, in pixels of the original, clipped to it.

    `output` float32 is the model's for this image, in a shape that the contract's scheme reads; `size` is the width and
    height of the original, upright.
    """
    detection = contract.output.detection
    if detection is None:
        raise ValueError(f"the contract {contract.name} is for the task {contract.task}: it says nothing of boxes")
    target = (contract.input.width, contract.input.height)
    candidates = detection.decode.decode(output, target, partial(activate, activation=contract.output.activation))
    candidates = candidates[candidates.scores > detection.score_threshold]
    placed = placement(size, target, contract.pixels.resize)
    boxes = (candidates.boxes - placed.offset * 2) / (placed.scale * 2)
    clipped = np.round(boxes.clip(0, (*size, *size)), _DECIMALS)
    # What lies beside the image, on a letterbox's canvas, frames nothing.
    visible = np.flatnonzero((clipped[:, 2:] > clipped[:, :2]).all(axis=1))
    kept = visible[suppress(Candidates(boxes, candidates.scores, candidates.classes)[visible], detection)]
    return Candidates(clipped, candidates.scores, candidates.classes)[kept]


def suppress(candidates: Candidates, detection: Detection) -> npt.NDArray[np.intp]:
    """Indices of the boxes that stay, the best first; of equals, the first.

    Greedy non-maximum suppression within each class, as ONNX's NonMaxSuppression does it. Every turn keeps one box and
    compares it with what is left, so that the work is bounded by `max_boxes` times the candidates, and needs no matrix
    of all pairs.
    """
    left = np.argsort(-candidates.scores, kind="stable")
    kept: list[np.intp] = []
    while left.size and len(kept) < detection.max_boxes:
        best, left = left[0], left[1:]
        kept.append(best)
        rivals = candidates[left]
        overlaps = _iou(candidates.boxes[best], rivals.boxes) > detection.iou_threshold
        left = left[~(overlaps & (rivals.classes == candidates.classes[best]))]
    return np.array(kept, np.intp)


def _iou(box: Floats, others: Floats) -> Floats:
    """Intersection over union of one box [4] with each of [n, 4]. Boxes without area overlap nothing."""
    corner, opposite = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.maximum(opposite - corner, 0).prod(axis=1)
    union = _areas(box) + _areas(others) - shared
    ratios: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return ratios


def _areas(boxes: Floats) -> Floats:
    areas: Floats = np.maximum(boxes[..., 2:] - boxes[..., :2], 0).prod(axis=-1)
    return areas
