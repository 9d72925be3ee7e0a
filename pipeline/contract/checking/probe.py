"""A few images through the runtime: does the model answer, and is it what the contract says?

What a signature cannot say shows here: numbers that are not finite, an output whose shape only running tells, answers
that depend on what else is in the batch, scores that are scores already.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipeline.contract import Activation, ModelContract, Task
from pipeline.contract.checking.findings import Finding, note, ok, wrong
from pipeline.contract.checking.recognition import Pixels
from pipeline.contract.checking.trials import are_probabilities
from pipeline.contract.packages import ModelPackage
from pipeline.contract.signature import answer_mismatches
from pipeline.errors import InvalidPrediction
from pipeline.inference.runtimes import TensorRuntime
from pipeline.inference.tensors import TensorMaker

IMAGES = 5
"""One more than a batch of the default size, so that a last batch that is not full is among what is tried."""

_SECTION = "probe"
_COARSE = 8
# Of the range of a model's answers. Other kernels for other batch sizes round otherwise; a quantised model by a step.
_SAME, _NEARLY_SAME = 1e-3, 0.05
_SAME_HALF_PRECISION = 1e-2

Numbers = npt.NDArray[np.float64]


def made_up_images(contract: ModelContract) -> Pixels:
    """Images uint8 [IMAGES, H, W, C] of coloured blotches: what to probe with where there are no photos."""
    random = np.random.default_rng(0)
    height, width, channels = contract.input.pixel_shape
    blotches = random.integers(0, 256, (IMAGES, _COARSE, _COARSE, channels), np.uint8)
    rows, columns = np.arange(height) * _COARSE // height, np.arange(width) * _COARSE // width
    return blotches[:, rows[:, None], columns]


def probe(package: ModelPackage, runtime: TensorRuntime, pixels: Pixels) -> Iterator[Finding]:
    """What there is to say about the answers for these images, uint8 [N, H, W, C]."""
    contract = package.contract
    try:
        together = _run(runtime, contract, pixels, runtime.batch_size)
        alone = _run(runtime, contract, pixels, 1)
    except InvalidPrediction as error:
        yield wrong(_SECTION, str(error))
        return
    shape = ["N", *together.shape[1:]]
    if together.dtype.kind not in "biuf" or not together.size:
        yield wrong(_SECTION, f"the model answers {together.dtype} of shape {shape}; a prediction is made of numbers.")
        return
    problems = list(answer_mismatches(together.shape, contract, len(package.labels) or None))
    yield from (wrong(_SECTION, problem) for problem in problems)
    if not problems:
        yield ok(
            _SECTION, f"{len(pixels)} images give {contract.output.name!r} {_listed(shape)}, as {contract.task} needs."
        )
    finite = np.isfinite(together.reshape(len(together), -1)).all(axis=1)
    if not finite.all():
        yield wrong(
            _SECTION,
            f"the model answers NaN or infinity for {int((~finite).sum())} of {len(pixels)} images. Check the numbers"
            " (scale, mean, std) in the contract, and the model's precision.",
        )
        return
    yield _compare_batches(together.astype(np.float64), alone.astype(np.float64), contract, runtime.batch_size)
    if contract.task.is_ranked and not problems:
        yield _check_activation(together, contract)


def _run(runtime: TensorRuntime, contract: ModelContract, pixels: Pixels, size: int) -> npt.NDArray[np.generic]:
    tensors = TensorMaker(contract, size)
    return np.concatenate([runtime.run(tensors(pixels[at : at + size])) for at in range(0, len(pixels), size)])


def _compare_batches(together: Numbers, alone: Numbers, contract: ModelContract, size: int) -> Finding:
    span = float(np.ptp(together))
    difference = float(np.abs(together - alone).max()) / span if span else 0.0
    same = _SAME_HALF_PRECISION if contract.input.dtype == "float16" else _SAME
    if difference <= same:
        return ok(_SECTION, f"an image gets the same answer alone as among {size}.")
    if difference <= _NEARLY_SAME:
        return note(
            _SECTION,
            f"an image gets another answer alone than among {size}, by {difference:.1%} of the answers' range. Models"
            " that are quantised at run time do that; static quantisation does not.",
        )
    return wrong(
        _SECTION,
        f"an image gets another answer alone than among {size}, by {difference:.0%} of the answers' range: the model"
        " mixes the images of a batch. Export it in evaluation mode, or for a batch of exactly 1.",
    )


def _check_activation(outputs: npt.NDArray[np.generic], contract: ModelContract) -> Finding:
    """Whether the declared activation makes scores of these outputs [N, classes], or has been applied already."""
    values = np.asarray(outputs, np.float64)
    activation = contract.output.activation
    within = bool((values >= 0).all() and (values <= 1).all())
    probabilities = within and are_probabilities(values)
    if activation is Activation.NONE:
        if within:
            return ok(_SECTION, "the outputs are scores from 0 to 1, as activation none says.")
        fitting = Activation.SOFTMAX if contract.task is Task.CLASSIFICATION else Activation.SIGMOID
        return note(
            _SECTION,
            f"the outputs go from {values.min():.3g} to {values.max():.3g}: they are no scores, and activation none"
            f" leaves them so. Set output.activation to {fitting}.",
        )
    if probabilities or (within and activation is Activation.SIGMOID):
        what = "add up to 1 for each image" if probabilities else "lie between 0 and 1"
        return note(
            _SECTION,
            f"the outputs {what} already: the graph seems to end in {'softmax' if probabilities else activation}, and"
            " applying an activation again levels the scores. Set output.activation to none.",
        )
    return ok(_SECTION, f"the outputs are no scores yet, and {activation} makes scores of them.")


def _listed(shape: list[object]) -> str:
    return f"[{', '.join(map(str, shape))}]"
