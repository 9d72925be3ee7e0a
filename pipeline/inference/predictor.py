"""A model package -> predictions for the images of a shard.

    shard  uint8 [N, H, W, C]  ->  TensorMaker  ->  Runtime  ->  what the task makes of an output  ->  Prediction

A `Runtime` runs a model and knows nothing of labels, shards or S3. There is one so far, ONNX Runtime; it is imported
when a model is opened, so that whoever only reads contracts need not have it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.contract import ModelContract, Task
from pipeline.contract.packages import ModelPackage
from pipeline.contract.signature import Signature, TensorType, answer_mismatches, check_signature
from pipeline.errors import ContractMismatch, InvalidModelPackage, InvalidPrediction
from pipeline.inference.detection import detect
from pipeline.inference.predictions import Prediction, Ranked
from pipeline.inference.ranking import Scores, activate, top_k
from pipeline.inference.tensors import Tensor, TensorMaker
from pipeline.shards import Row, Shard

DEFAULT_BATCH_SIZE = 4
"""Images in a forward pass. On a CPU core 4 is the fastest: at 8 and more, activations no longer fit its cache."""

_NUMPY_NAMES = {"float": "float32", "double": "float64"}
"""Where ONNX Runtime's name of an element type is not numpy's."""

_CONTAINERS = {"seq": "sequence"}

Outputs = npt.NDArray[Any]


class Runtime(Protocol):
    """Runs a model. `batch_size` is how many images it takes at once."""

    @property
    def batch_size(self) -> int: ...

    def run(self, tensor: Tensor) -> Outputs:
        """The output [n, ...] for an input tensor of n images, 1 <= n <= batch_size."""
        ...


class OnnxRuntime:
    """A model.onnx in ONNX Runtime, on one thread: one process per core beats several threads in one process.

    Raises InvalidModelPackage where the file is no model, ContractMismatch where the model's own signature is not what
    the contract says.
    """

    def __init__(self, model: Path, contract: ModelContract) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        preferred = ("CUDAExecutionProvider", "CPUExecutionProvider")
        available = onnxruntime.get_available_providers()
        try:
            self._session = onnxruntime.InferenceSession(
                str(model), options, providers=[name for name in preferred if name in available]
            )
        except Exception as error:
            raise InvalidModelPackage(f"{model} does not load in ONNX Runtime: {error}") from error
        self._contract = contract
        signature = session_signature(self._session)
        check_signature(signature, contract, labels=None)
        self._fixed_batch = signature.fixed_batch

    @property
    def batch_size(self) -> int:
        return self._fixed_batch or DEFAULT_BATCH_SIZE

    def run(self, tensor: Tensor) -> Outputs:
        images = len(tensor)
        if self._fixed_batch and images < self._fixed_batch:
            # A model exported for exactly n images gets n: the last batch is filled up, and the surplus dropped.
            surplus = np.zeros((self._fixed_batch - images, *tensor.shape[1:]), tensor.dtype)
            tensor = np.concatenate([tensor, surplus])
        try:
            (outputs,) = self._session.run([self._contract.output.name], {self._contract.input.name: tensor})
        except Exception as error:
            raise InvalidPrediction(
                f"The model does not run on a batch of shape {list(tensor.shape)}: {error}"
            ) from error
        answers = np.asarray(outputs)
        _check_rows(answers, len(tensor))
        return answers[:images]


class Predictor:
    """Predictions for shards, with one model."""

    def __init__(self, package: ModelPackage, runtime: Runtime, run_id: str, k: int) -> None:
        self._package = package
        self._runtime = runtime
        self._run_id = run_id
        self._k = k
        self._tensors = TensorMaker(package.contract, runtime.batch_size)

    def predict(
        self, shard: Shard, shard_id: str, keep: Callable[[Scores], None] = lambda answers: None
    ) -> Iterator[Prediction]:
        """One prediction for each row of the shard, in order.

        For the task raw, whose predictions only name a row of the shard's array, `keep` is given the answers of each
        batch, float32 [n, ...].

        Raises InvalidPrediction where the model answers anything but finite numbers, one row of them for each image,
        and ContractMismatch where a row is not the classes, or the boxes, that the task and the labels ask for.
        """
        contract = self._package.contract
        size = self._runtime.batch_size
        for start in range(0, len(shard.rows), size):
            images = shard.images[start : start + size]
            rows = shard.rows[start : start + size]
            outputs = self._checked(self._runtime.run(self._tensors(images)), rows, shard_id)
            blank = [Prediction(row, contract.name, contract.digest, self._run_id, shard_id) for row in rows]
            yield from self._answer(blank, outputs, start, keep)

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

    def _checked(self, outputs: Outputs, rows: Sequence[Row], shard_id: str) -> Scores:
        """The outputs as float32: numbers, finite, one row for each image."""
        _check_rows(outputs, len(rows))
        # A detector that suppresses overlaps itself may have nothing left to answer.
        is_empty = not outputs.size and self._package.contract.task is not Task.DETECTION
        if outputs.dtype.kind not in "biuf" or is_empty:
            raise InvalidPrediction(
                f"shard {shard_id}: the model answers {outputs.dtype} of shape {list(outputs.shape)}; expected numbers"
            )
        self._check_shape(outputs.shape)
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is refused as such
            numbers = outputs.astype(np.float32, copy=False)
        finite = np.isfinite(numbers.reshape(len(numbers), -1)).all(axis=1)
        if not finite.all():
            culprit = rows[int(np.argmin(finite))].image_uri
            raise InvalidPrediction(
                f"shard {shard_id}: the model answers NaN or infinity for {culprit}. Check the numbers (scale,"
                " mean, std) in the contract, and the model's precision."
            )
        return numbers


def open_predictor(package: ModelPackage, run_id: str, k: int) -> Predictor:
    """A predictor with the runtime that the package's model needs."""
    return Predictor(package, OnnxRuntime(package.model_path, package.contract), run_id, k)


def session_signature(session: Any) -> Signature:
    """What ONNX Runtime, which has followed every shape through the graph, knows of a model."""
    return Signature(
        inputs=tuple(map(_tensor_type, session.get_inputs())),
        outputs=tuple(map(_tensor_type, session.get_outputs())),
    )


def _tensor_type(described: Any) -> TensorType:
    """One of ONNX Runtime's NodeArgs, whose `type` is `tensor(float)` or `seq(map(int64,tensor(float)))`."""
    kind, _, element = str(described.type).removesuffix(")").partition("(")
    dtype = _NUMPY_NAMES.get(element, element) if kind == "tensor" else _CONTAINERS.get(kind, kind)
    # An empty shape stands for a scalar and for a tensor of which no shape is known; images are no scalars.
    return TensorType(described.name, dtype, tuple(described.shape) or None)


def _check_rows(outputs: Outputs, images: int) -> None:
    if outputs.ndim == 0 or len(outputs) != images:
        raise InvalidPrediction(
            f"{images} images went into the model, and an output of shape {list(outputs.shape)} came out; its first"
            " dimension has to be the images. Set output.name, or export the model with one answer for each image."
        )
