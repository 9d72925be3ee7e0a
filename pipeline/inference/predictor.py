"""A model package -> predictions for the images of a shard.

    shard  uint8 [N, H, W, C]  ->  Runtime  ->  what the task makes of an output  ->  Prediction

A `Runtime` (inference/runtimes) runs a model on pixels and knows nothing of labels, shards or S3.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pipeline.contract import Task
from pipeline.contract.packages import ModelPackage
from pipeline.contract.signature import answer_mismatches
from pipeline.errors import ContractMismatch, InvalidPrediction
from pipeline.inference.detection import detect
from pipeline.inference.predictions import Prediction, Ranked
from pipeline.inference.ranking import Scores, activate, top_k
from pipeline.inference.runtimes import Runtime, RuntimeSettings, open_runtime
from pipeline.inference.runtimes.base import Images, Outputs, check_rows
from pipeline.shards import Row, Shard

_RANKED_TOGETHER = 64
"""Images whose scores are ranked at once. For a batch of four alone, numpy's cost of a call is 3% of the whole."""


class Predictor:
    """Predictions for shards, with one model. Several threads may use one."""

    def __init__(self, package: ModelPackage, runtime: Runtime, run_id: str, k: int) -> None:
        self._package = package
        self._runtime = runtime
        self._run_id = run_id
        self._k = k

    @property
    def batch_size(self) -> int:
        """Images in a forward pass."""
        return self._runtime.batch_size

    def predict(
        self, shard: Shard, shard_id: str, keep: Callable[[Scores], None] = lambda answers: None, first: int = 0
    ) -> Iterator[Prediction]:
        """One prediction for each row of the shard, in order; where only some rows were read, from row `first` on.

        For the task raw, whose predictions only name a row of the shard's array, `keep` is given the answers of each
        batch, float32 [n, ...].

        Raises InvalidPrediction where the model answers anything but finite numbers, one row of them for each image,
        and ContractMismatch where a row is not the classes, or the boxes, that the task and the labels ask for.
        """
        contract = self._package.contract
        together = self._ranked_together
        for start in range(0, len(shard.rows), together):
            rows = shard.rows[start : start + together]
            outputs = self._outputs(shard.images[start : start + together], rows, shard_id)
            blank = [Prediction(row, contract.name, contract.digest, self._run_id, shard_id) for row in rows]
            yield from self._answer(blank, outputs, first + start, keep)

    @property
    def _ranked_together(self) -> int:
        """Images whose outputs are read at once: several batches of scores, but of boxes and vectors, which are large,
        one.
        """
        size = self._runtime.batch_size
        return size * max(1, _RANKED_TOGETHER // size) if self._package.contract.task.is_ranked else size

    def _outputs(self, images: Images, rows: Sequence[Row], shard_id: str) -> Scores:
        """What the model answers for the images of one or several batches."""
        size = self._runtime.batch_size
        outputs = []
        for start in range(0, len(images), size):
            batch = images[start : start + size]
            outputs.append(self._numbers(self._runtime.predict(batch), len(batch), shard_id))
        shapes = {answered.shape[1:] for answered in outputs}
        if len(shapes) > 1:
            one, another = sorted(map(list, shapes))[:2]
            raise InvalidPrediction(
                f"shard {shard_id}: the model answers {one} for one image and {another} for another; the classes are as"
                " many for each."
            )
        return self._finite(np.concatenate(outputs) if len(outputs) > 1 else outputs[0], rows, shard_id)

    def _answer(
        self, blank: Sequence[Prediction], outputs: Scores, first: int, keep: Callable[[Scores], None]
    ) -> Iterator[Prediction]:
        """Each prediction with what its task makes of an output; `first` is the shard's row of the first of them."""
        contract = self._package.contract
        if contract.task is Task.DETECTION:
            # The activation is for the scores alone: the scheme knows where they are.
            return map(self._with_boxes, blank, outputs)
        answers = activate(outputs, contract.output.activation)
        if contract.task is Task.RAW:
            keep(answers)
            return (replace(each, array_row=row) for row, each in enumerate(blank, first))
        if contract.task is Task.EMBEDDING:
            return (
                replace(each, values=tuple(answer.ravel().tolist()))
                for each, answer in zip(blank, answers, strict=True)
            )
        return map(self._with_top, blank, answers, top_k(answers, self._k))

    def _with_top(self, blank: Prediction, scores: Scores, best: npt.NDArray[np.intp]) -> Prediction:
        label = self._package.label
        return replace(blank, top=tuple(Ranked(label(index), index, float(scores[index])) for index in best.tolist()))

    def _with_boxes(self, blank: Prediction, output: Scores) -> Prediction:
        found = detect(output, self._package.contract, (blank.row.width, blank.row.height))
        self._check_classes_known(found.classes, blank.row)
        answers = zip(found.classes.tolist(), found.scores.tolist(), strict=True)
        return replace(
            blank,
            top=tuple(Ranked(self._package.label(index), index, score) for index, score in answers),
            boxes=tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in found.boxes.tolist()),
        )

    def _check_classes_known(self, classes: npt.NDArray[np.intp], row: Row) -> None:
        """Not every detector's shape says how many classes it has, to be compared with the labels beforehand."""
        labels = len(self._package.labels)
        strangers = classes[(classes < 0) | (classes >= (labels or np.inf))]
        if strangers.size:
            answered = "no index" if strangers[0] < 0 else f"class {strangers[0]}"
            raise ContractMismatch(
                f"the model answers {answered} where {row.image_uri} has a class, and {labels} labels were given."
                " Set output.decode, or give output.labels a label for each class."
            )

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        for problem in answer_mismatches(shape, self._package.contract, len(self._package.labels) or None):
            raise ContractMismatch(problem)

    def _numbers(self, outputs: Outputs, images: int, shard_id: str) -> Scores:
        """The outputs of a batch as float32: numbers, one row for each image, of the task's shape."""
        check_rows(outputs, images)
        # A detector that suppresses overlaps itself may have nothing left to answer.
        is_empty = not outputs.size and self._package.contract.task is not Task.DETECTION
        if outputs.dtype.kind not in "biuf" or is_empty:
            raise InvalidPrediction(
                f"shard {shard_id}: the model answers {outputs.dtype} of shape {list(outputs.shape)}; expected numbers"
            )
        self._check_shape(outputs.shape)
        if outputs.dtype == np.float32:
            return outputs
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is refused as such
            return outputs.astype(np.float32)

    def _finite(self, numbers: Scores, rows: Sequence[Row], shard_id: str) -> Scores:
        finite = np.isfinite(numbers.reshape(len(numbers), -1)).all(axis=1)
        if not finite.all():
            culprit = rows[int(np.argmin(finite))].image_uri
            raise InvalidPrediction(
                f"shard {shard_id}: the model answers NaN or infinity for {culprit}. Check the numbers (scale,"
                " mean, std) in the contract, and the model's precision."
            )
        return numbers


def open_predictor(package: ModelPackage, run_id: str, k: int, settings: RuntimeSettings | None = None) -> Predictor:
    """A predictor with the runtime that the package's model needs; settings are the environment's, if not given.

    Raises what open_runtime raises.
    """
    return Predictor(package, open_runtime(package, settings or RuntimeSettings.from_env()), run_id, k)
