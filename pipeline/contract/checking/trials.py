"""How a model does on photos under one contract or another.

photo ──► pixels, once for each way to bring photos to size ──► numbers, model, once for each contract ──► Trial
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.contract import Activation, Detection, ModelContract, Task
from pipeline.contract import Pixels as PixelRules
from pipeline.contract.checking.photo_set import FEWEST_VIEWS, PIXELS_HELD, PhotoSet, most_photos
from pipeline.contract.checking.recognition import Floats, Pixels, cut, recognition
from pipeline.errors import InvalidPrediction
from pipeline.images import decode as images
from pipeline.inference.ranking import activate
from pipeline.inference.runtimes import TensorRuntime
from pipeline.inference.tensors import TensorMaker

# Views of all photos together: what a small model does in a second or two.
_MOST_VIEWS, _MOST_OF_A_PHOTO = 320, 16
# Probabilities beside logits: each sees mistakes that the other does not.
_SCORES_WEIGHT = 0.5
_LEAST_PROBABILITY = 1e-3
# Of an array or a vector: their directions differ as the whole's do.
_MOST_VALUES = 4096

Outputs = npt.NDArray[np.float32]


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


class Trials:
    """Runs one model on one set of photos, under any contract that feeds it tensors of the same size."""

    def __init__(self, runtime: TensorRuntime, photos: PhotoSet, declared: ModelContract) -> None:
        self._runtime = runtime
        self._photos = photos
        self._pixels: dict[PixelRules, Pixels] = {}
        self._views = self._cut_views(declared)

    def run(self, contract: ModelContract, with_views: bool) -> Trial:
        """The model under this contract. Raises InvalidPrediction where it does not run, or answers no finite numbers.

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
            if len(self._pixels) > PIXELS_HELD:
                # The first are as declared, which most neighbours share.
                del self._pixels[list(self._pixels)[1]]
            return batch
        return self._pixels[contract.pixels]

    def _cut_views(self, contract: ModelContract) -> Pixels:
        """[groups, views, H, W, C]."""
        photos = max(len(self._photos.canvases), 1)
        most = min(_MOST_OF_A_PHOTO, most_photos(contract) * FEWEST_VIEWS // photos)
        count = max(FEWEST_VIEWS, min(_MOST_VIEWS // photos, most))
        size = (contract.input.height, contract.input.width)
        views = [cut(canvas, count, size, seed) for seed, canvas in enumerate(self._photos.canvases)]
        return np.array(views, np.uint8)

    def _predict(self, contract: ModelContract, pixels: Pixels) -> Outputs:
        """What the model answers for each image, as far as it is compared: float32 [N, values]."""
        tensors = TensorMaker(contract, self._runtime.batch_size)
        size = self._runtime.batch_size
        batches = []
        for at in range(0, len(pixels), size):
            outputs = self._runtime.run(tensors(pixels[at : at + size])).astype(np.float32, copy=False)
            if not np.isfinite(outputs).all():
                raise InvalidPrediction(
                    "the model answers NaN or infinity for some of the photos. Check the numbers (scale, mean, std) in"
                    " the contract, and the model's precision."
                )
            batches.append(_compact(outputs, contract))
        width = max(batch.shape[1] for batch in batches)
        return np.concatenate([np.pad(batch, ((0, 0), (0, width - batch.shape[1]))) for batch in batches])

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

    def _judge(self, outputs: Outputs, contract: ModelContract) -> tuple[Floats | None, ...]:
        """A trial's likelihood, rank and correct."""
        labelled = self._photos.labelled
        if not labelled.any() or not contract.task.is_labelled:
            return None, None, None
        scores = _answers(outputs, contract)
        classes = np.array([label or 0 for label in self._photos.labels])
        known = classes < scores.shape[1]
        of_label = np.where(known, scores[np.arange(len(scores)), np.where(known, classes, 0)], 0.0)
        # Half of those that are as good come before: a model that finds everything alike has ranked nothing first.
        before = (scores > of_label[:, None]).sum(axis=1) + ((scores == of_label[:, None]).sum(axis=1) - 1) / 2
        correct = (scores.argmax(axis=1) == classes).astype(np.float64)
        evidence = np.log(of_label.clip(_LEAST_PROBABILITY, 1)), -np.log1p(before), correct
        return tuple(self._photos.by_group(values, labelled) for values in evidence)


def _compact(outputs: npt.NDArray[Any], contract: ModelContract) -> Outputs:
    """The part of a model's outputs that is compared: of boxes the best score of each class, of arrays some values."""
    if contract.output.detection is not None:
        return _best_of_each_class(outputs, contract, contract.output.detection)
    flat = outputs.reshape(len(outputs), -1)
    return flat if contract.task.is_ranked else flat[:, :: -(-flat.shape[1] // _MOST_VALUES)].copy()


def _answers(outputs: Outputs, contract: ModelContract) -> Floats:
    """A photo's score of each class, or its vector: float64 [N, values]."""
    if contract.task is Task.CLASSIFICATION:
        outputs = activate(_logits(outputs), Activation.SOFTMAX)
    elif contract.task is Task.MULTILABEL:
        outputs = activate(outputs, contract.output.activation)
    return outputs.astype(np.float64)


def _logits(outputs: Outputs) -> Outputs:
    """What softmax makes probabilities of, also where the model has done that itself."""
    return np.log(outputs.clip(1e-9)) if are_probabilities(outputs) else outputs


def are_probabilities(outputs: npt.NDArray[Any]) -> bool:
    """Whether every row [classes] is a distribution: nothing negative, and a sum of 1."""
    return bool((outputs >= 0).all() and np.allclose(outputs.sum(axis=-1), 1, atol=0.01))


def _best_of_each_class(outputs: npt.NDArray[Any], contract: ModelContract, detection: Detection) -> Outputs:
    """The highest score among the boxes of each class: what is in the photo, wherever it is."""
    size = (contract.input.width, contract.input.height)
    found = [
        detection.decode.decode(output, size, lambda scores: activate(scores, contract.output.activation))
        for output in outputs
    ]
    best = np.zeros((len(found), 1 + max(int(each.classes.max(initial=0)) for each in found)), np.float32)
    for row, each in zip(best, found, strict=True):
        np.maximum.at(row, each.classes, each.scores)
    return best
