"""What a few images through the runtime show: answers that are no predictions, and activations that do not fit."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.contract import Activation, DataType, ModelContract, Task
from pipeline.contract.checking.findings import Finding, Outcome
from pipeline.contract.checking.probe import IMAGES, made_up_images, probe
from pipeline.contract.packages import ModelPackage
from pipeline.errors import InvalidPrediction

CLASSES = ("cat", "dog", "bird", "fish")


class Weighing:
    """A model whose outputs are sums of the input; `change` is done to each batch of them."""

    batch_size = 4

    def __init__(self, change: Callable[[Any], Any] = lambda outputs: outputs) -> None:
        self._change = change

    def run(self, tensor: Any) -> Any:
        weights = np.random.default_rng(0).normal(size=(tensor[0].size, 4)).astype(np.float32)
        return self._change(tensor.reshape(len(tensor), -1) @ weights)


@pytest.fixture
def package(contract: ModelContract, tmp_path: Path) -> ModelPackage:
    return ModelPackage(tmp_path, contract, CLASSES)


def found(package: ModelPackage, change: Callable[[Any], Any] = lambda outputs: outputs) -> list[Finding]:
    return list(probe(package, Weighing(change), made_up_images(package.contract)))


def problems(package: ModelPackage, change: Callable[[Any], Any]) -> str:
    return " ".join(each.sentence for each in found(package, change) if each.outcome is not Outcome.OK)


def activating(package: ModelPackage, activation: Activation, task: Task = Task.CLASSIFICATION) -> ModelPackage:
    output = replace(package.contract.output, activation=activation)
    return replace(package, contract=replace(package.contract, task=task, output=output))


def softmax(outputs: Any) -> Any:
    exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def sigmoid(outputs: Any) -> Any:
    return 1 / (1 + np.exp(-outputs / 10))


def test_a_model_that_fits_is_ok_in_every_way(package: ModelPackage) -> None:
    assert [each.outcome for each in found(package)] == [Outcome.OK] * 3


def test_images_are_made_up_for_more_than_one_batch(contract: ModelContract) -> None:
    images = made_up_images(contract)
    assert images.shape == (IMAGES, 8, 8, 3)
    assert len({image.tobytes() for image in images}) == IMAGES


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda outputs: outputs.reshape(-1, 2, 2), r"shape \[5, 2, 2\]; the task classification needs"),
        (lambda outputs: outputs[:, :3], "labels.txt has 4 labels; the model answers 3 classes"),
        (lambda outputs: np.where(outputs > 5, np.nan, outputs), "answers NaN or infinity for [1-5] of 5 images"),
        (lambda outputs: outputs.astype(str), r"answers <U32 of shape \['N', 4\]; a prediction is made of numbers"),
        (lambda outputs: outputs - outputs.mean(axis=0), r"mixes the images of a batch"),
        (lambda outputs: outputs + 0.2 * len(outputs), r"alone than among 4, by [0-4]\.\d%"),
    ],
    ids=["shape", "labels", "not finite", "text", "mixes", "quantised"],
)
def test_an_answer_that_is_no_prediction_is_told(package: ModelPackage, change: Any, words: str) -> None:
    assert re.search(words, problems(package, change))


def test_a_model_that_does_not_run_is_told_in_its_own_words(package: ModelPackage) -> None:
    def fail(outputs: Any) -> Any:
        raise InvalidPrediction("The model does not run on a batch of shape [4, 3, 8, 8]: no")

    (only,) = found(package, fail)
    assert (only.outcome, only.sentence) == (
        Outcome.WRONG,
        "The model does not run on a batch of shape [4, 3, 8, 8]: no",
    )


def test_half_precision_may_differ_by_its_rounding(package: ModelPackage) -> None:
    half = replace(
        package, contract=replace(package.contract, input=replace(package.contract.input, dtype=DataType.FLOAT16))
    )
    shift = lambda outputs: outputs + 0.02 * len(outputs)  # noqa: E731
    assert problems(half, shift) == ""


@pytest.mark.parametrize(
    ("activation", "task", "change", "words"),
    [
        (
            Activation.SOFTMAX,
            Task.CLASSIFICATION,
            softmax,
            "add up to 1 for each image already: the graph seems to end in softmax",
        ),
        (
            Activation.SIGMOID,
            Task.MULTILABEL,
            sigmoid,
            "lie between 0 and 1 already: the graph seems to end in sigmoid",
        ),
        (Activation.NONE, Task.CLASSIFICATION, lambda outputs: outputs, "Set output.activation to softmax."),
        (Activation.NONE, Task.MULTILABEL, lambda outputs: outputs, "Set output.activation to sigmoid."),
    ],
    ids=["softmax twice", "sigmoid twice", "logits", "logits of several"],
)
def test_an_activation_that_does_not_fit_the_outputs_is_noted(
    package: ModelPackage, activation: Activation, task: Task, change: Any, words: str
) -> None:
    assert words in problems(activating(package, activation, task), change)


@pytest.mark.parametrize("change", [softmax, sigmoid])
def test_scores_that_the_graph_makes_need_no_activation(package: ModelPackage, change: Any) -> None:
    assert problems(activating(package, Activation.NONE), change) == ""


def test_a_vector_has_no_scores_to_look_at(package: ModelPackage) -> None:
    assert (
        problems(activating(replace(package, labels=()), Activation.NONE, Task.EMBEDDING), lambda outputs: outputs)
        == ""
    )
