"""How a model does on photos under one contract or another.

    photo ──► pixels, once for each way to bring photos to size ──► numbers, model, once for each contract ──► Trial

Photos that show the same are one group, and count as one: ten shots of one scene are not ten witnesses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline import images
from pipeline.contract import Activation, CentreCrop, Exif, ModelContract, Task
from pipeline.contract import Pixels as PixelRules
from pipeline.images import Rejection
from pipeline.inference import Runtime
from pipeline.ranking import activate
from pipeline.recognition import CANVAS, Floats, Pixels, cut, recognition
from pipeline.tensors import TensorMaker

# Views of all photos together: what a small model does in a second or two, and what any input size leaves memory for.
_MOST_VIEWS, _MOST_BYTES = 320, 256 * 1024 * 1024
_FEWEST_OF_A_PHOTO, _MOST_OF_A_PHOTO = 4, 16
# Probabilities beside logits: each sees mistakes that the other does not.
_SCORES_WEIGHT = 0.5
_LEAST_PROBABILITY = 1e-3
# Pictures of 16 x 16 in 0..255 that differ by less, on average, are of one photo.
_THUMBNAIL, _SAME_PHOTO = 16, 4.0


@dataclass(frozen=True)
class PhotoSet:
    """Photos that decode. `groups[i]` is the number of the photo's group, `labels[i]` its class where one is known."""

    paths: tuple[Path, ...]
    groups: npt.NDArray[np.intp]
    labels: tuple[int | None, ...]
    rejected: tuple[tuple[Path, Rejection], ...]
    canvases: tuple[Pixels, ...]
    """A picture of each group that views are cut from: as the contract wants it, but larger, upright and uncropped."""

    def by_group(self, values: Floats, chosen: npt.NDArray[np.bool_]) -> Floats:
        """The mean of the chosen photos' values in each group that has one."""
        groups = self.groups[chosen]
        sums = np.bincount(groups, values[chosen], len(self.canvases))
        counts = np.bincount(groups, minlength=len(self.canvases))
        means: Floats = sums[counts > 0] / counts[counts > 0]
        return means

    @property
    def labelled(self) -> npt.NDArray[np.bool_]:
        """Which photos have a label: bool [N]."""
        return np.array([label is not None for label in self.labels], bool)


@dataclass(frozen=True)
class Trial:
    """How a contract does.

    `answers` [photos, values] are a photo's scores of each class, or its vector where the task has no classes.
    `recognised` [groups], `likelihood`, `rank` and `correct` [groups with a label] are evidence, where there is any.
    """

    answers: Floats
    recognised: Floats | None
    likelihood: Floats | None
    """Log-probability of the label."""
    rank: Floats | None
    """Minus the logarithm of the label's rank among the classes: 0 where it is the best."""
    correct: Floats | None
    """Whether the label is the best class."""


def load_photos(paths: Sequence[Path], contract: ModelContract, labels: Mapping[Path, int]) -> PhotoSet:
    """The photos of these files, as far as they decode."""
    larger = replace(contract.input, height=CANVAS * contract.input.height, width=CANVAS * contract.input.width)
    resize = contract.pixels.resize
    if isinstance(resize, CentreCrop):
        resize = replace(resize, crop_fraction=1.0)
    upright = replace(contract, input=larger, pixels=replace(contract.pixels, exif=Exif.APPLY, resize=resize))
    good: list[Path] = []
    groups: list[int] = []
    rejected: list[tuple[Path, Rejection]] = []
    canvases: list[Pixels] = []
    thumbnails: list[Floats] = []
    for path in paths:
        decoded = images.decode(path.read_bytes(), upright)
        if isinstance(decoded, Rejection):
            rejected.append((path, decoded))
            continue
        thumbnail = _thumbnail(decoded.pixels)
        group = next((number for number, other in enumerate(thumbnails) if _is_same(thumbnail, other)), len(thumbnails))
        if group == len(thumbnails):
            thumbnails.append(thumbnail)
            canvases.append(decoded.pixels)
        good.append(path)
        groups.append(group)
    return PhotoSet(
        tuple(good),
        np.array(groups, np.intp),
        tuple(labels.get(path) for path in good),
        tuple(rejected),
        tuple(canvases),
    )


class Trials:
    """Runs one model on one set of photos, under any contract that feeds it tensors of the same size."""

    def __init__(self, runtime: Runtime, photos: PhotoSet, declared: ModelContract) -> None:
        self._runtime = runtime
        self._photos = photos
        self._pixels: dict[PixelRules, Pixels] = {}
        self._views = self._cut_views(declared)

    def run(self, contract: ModelContract, with_views: bool) -> Trial:
        """The model under this contract. Raises InvalidPrediction where it does not run.

        `with_views` asks for recognition too, which compares contracts that shape the same pixels.
        """
        outputs = self._predict(contract, self.pixels(contract))
        return Trial(
            _answers(outputs, contract), self._recognise(contract, with_views), *self._judge(outputs, contract)
        )

    def pixels(self, contract: ModelContract) -> Pixels:
        """The photos as the contract wants them: uint8 [N, H, W, C]."""
        if contract.pixels not in self._pixels:
            batch = np.zeros((len(self._photos.paths), *contract.input.pixel_shape), np.uint8)
            for path, out in zip(self._photos.paths, batch, strict=True):
                images.decode(path.read_bytes(), contract, out=out)
            self._pixels[contract.pixels] = batch
        return self._pixels[contract.pixels]

    def _cut_views(self, contract: ModelContract) -> Pixels:
        """[groups, views, H, W, C]."""
        photos = max(len(self._photos.canvases), 1)
        budget = min(_MOST_VIEWS, _MOST_BYTES // contract.input.bytes_per_image)
        count = int(np.clip(budget // photos, _FEWEST_OF_A_PHOTO, _MOST_OF_A_PHOTO))
        size = (contract.input.height, contract.input.width)
        views = [cut(canvas, count, size, seed) for seed, canvas in enumerate(self._photos.canvases)]
        return np.array(views, np.uint8)

    def _predict(self, contract: ModelContract, pixels: Pixels) -> npt.NDArray[Any]:
        tensors = TensorMaker(contract, self._runtime.batch_size)
        size = self._runtime.batch_size
        batches = [self._runtime.run(tensors(pixels[at : at + size])) for at in range(0, len(pixels), size)]
        return np.concatenate(batches).astype(np.float32, copy=False)

    def _recognise(self, contract: ModelContract, with_views: bool) -> Floats | None:
        groups, count = self._views.shape[:2]
        if not with_views or contract.task is Task.RAW or groups < 2:
            return None
        outputs = self._predict(contract, self._views.reshape(-1, *contract.input.pixel_shape))
        shape = (groups, count, -1)
        if contract.task is Task.EMBEDDING:
            return recognition([(outputs.reshape(shape), 1.0)])
        scores = np.sqrt(_answers(outputs, contract).clip(0)).reshape(shape)
        if contract.task is Task.DETECTION:
            return recognition([(scores, 1.0)])
        return recognition([(_logits(outputs).reshape(shape), 1.0), (scores, _SCORES_WEIGHT)])

    def _judge(self, outputs: npt.NDArray[Any], contract: ModelContract) -> tuple[Floats | None, ...]:
        """A trial's likelihood, rank and correct."""
        labelled = self._photos.labelled
        if not labelled.any() or not contract.task.is_labelled:
            return None, None, None
        scores = _answers(outputs, contract)
        classes = np.array([label or 0 for label in self._photos.labels])
        of_label = scores[np.arange(len(scores)), classes]
        # Half of those that are as good come before: a model that finds everything alike has ranked nothing first.
        before = (scores > of_label[:, None]).sum(axis=1) + ((scores == of_label[:, None]).sum(axis=1) - 1) / 2
        correct = (scores.argmax(axis=1) == classes).astype(np.float64)
        evidence = np.log(of_label.clip(_LEAST_PROBABILITY, 1)), -np.log1p(before), correct
        return tuple(self._photos.by_group(values, labelled) for values in evidence)


def _answers(outputs: npt.NDArray[Any], contract: ModelContract) -> Floats:
    """A photo's score of each class, or its vector: float64 [N, values]."""
    if contract.output.detection is not None:
        return np.array([_best_of_each_class(output, contract) for output in outputs])
    if contract.task is Task.CLASSIFICATION:
        outputs = activate(_logits(outputs), Activation.SOFTMAX)
    elif contract.task is Task.MULTILABEL:
        outputs = activate(outputs, contract.output.activation)
    answers: Floats = outputs.reshape(len(outputs), -1).astype(np.float64)
    return answers


def _logits(outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What softmax makes probabilities of, also where the model has done that itself."""
    return np.log(outputs.clip(1e-9)) if are_probabilities(outputs) else outputs


def are_probabilities(outputs: npt.NDArray[Any]) -> bool:
    """Whether every row [classes] is a distribution: nothing negative, and a sum of 1."""
    return bool((outputs >= 0).all() and np.allclose(outputs.sum(axis=-1), 1, atol=0.01))


def _best_of_each_class(output: npt.NDArray[Any], contract: ModelContract) -> Floats:
    """The highest score among the boxes of each class: what is in the photo, wherever it is."""
    detection = contract.output.detection
    assert detection is not None  # noqa: S101
    size = (contract.input.width, contract.input.height)
    found = detection.decode.decode(output, size, lambda scores: activate(scores, contract.output.activation))
    classes = detection.decode.classes((1, *output.shape))
    best = np.zeros(classes if isinstance(classes, int) else 1 + int(found.classes.max(initial=0)))
    np.maximum.at(best, found.classes, found.scores)
    return best


def _thumbnail(pixels: Pixels) -> Floats:
    rows = np.array_split(pixels.astype(np.float64), _THUMBNAIL)
    cells = [[cell.mean(axis=(0, 1)) for cell in np.array_split(row, _THUMBNAIL, axis=1)] for row in rows]
    return np.array(cells)


def _is_same(thumbnail: Floats, other: Floats) -> bool:
    return bool(np.abs(thumbnail - other).mean() < _SAME_PHOTO)
