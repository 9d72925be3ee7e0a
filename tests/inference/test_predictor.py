"""From a shard to predictions: with a runtime of our own for the rules, with ONNX Runtime for the real thing."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.contract import Activation, Detection, ModelContract, Output, Task
from pipeline.contract.packages import ModelPackage, load_package
from pipeline.errors import ContractMismatch, InvalidPrediction
from pipeline.inference.predictions import Ranked
from pipeline.inference.predictor import Predictor, open_predictor
from pipeline.inference.schemes import BoxUnit, Xyxy
from pipeline.shards import Row, Shard

EXAMPLE = Path(__file__).parents[2] / "examples/models/efficientnet-lite0"
CLASSES = ("cat", "dog", "bird", "fish")


class Brightness:
    """A model whose four classes get the means of the image's quadrants: its answers can be told from its input."""

    def __init__(self, batch_size: int = 2, change: Callable[[Any], Any] = lambda outputs: outputs) -> None:
        self.batch_size = batch_size
        self.batches: list[int] = []
        self._change = change

    def predict(self, images: Any) -> Any:
        self.batches.append(len(images))
        grey = (images / np.float32(255)).mean(axis=3)
        halves = grey.reshape(len(images), 2, 4, 2, 4).mean(axis=(2, 4))
        return self._change(halves.reshape(len(images), 4))


def shard_of(count: int, contract: ModelContract) -> Shard:
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)
    rows = tuple(Row("bucket", f"{index}.jpg", "etag", 1, 2, 3) for index in range(count))
    return Shard(images, rows, contract.digest)


def quadrants(shard: Shard, index: int) -> list[float]:
    return (shard.images[index].mean(axis=2).reshape(2, 4, 2, 4).mean(axis=(1, 3)) / 255).ravel().tolist()


@pytest.fixture
def package(contract: ModelContract, tmp_path: Path) -> ModelPackage:
    return ModelPackage(tmp_path, contract, CLASSES)


def predict(package: ModelPackage, runtime: Brightness, count: int = 5, k: int = 3) -> list[Any]:
    return list(Predictor(package, runtime, "run", k).predict(shard_of(count, package.contract), "s-0"))


def test_every_row_gets_its_own_prediction_in_order(package: ModelPackage) -> None:
    shard = shard_of(5, package.contract)
    best = [max(range(4), key=lambda index: quadrants(shard, row)[index]) for row in range(5)]
    predictions = predict(package, Brightness())
    assert [(each.row, each.top[0].index) for each in predictions] == list(zip(shard.rows, best, strict=True))


def test_a_prediction_says_who_made_it(package: ModelPackage) -> None:
    first = predict(package, Brightness())[0]
    assert (first.model, first.contract, first.run_id, first.shard) == ("tiny", package.contract.digest, "run", "s-0")


def test_a_label_belongs_to_its_class(package: ModelPackage) -> None:
    assert all(each.label == CLASSES[each.index] for each in predict(package, Brightness())[0].top)


def test_scores_are_the_activated_output(package: ModelPackage) -> None:
    (only,) = predict(package, Brightness(), count=1, k=4)
    exponentials = np.exp(quadrants(shard_of(1, package.contract), 0))
    expected = sorted((exponentials / exponentials.sum()).tolist(), reverse=True)
    assert [each.score for each in only.top] == pytest.approx(expected, abs=1e-5)


def test_images_go_through_the_model_in_batches_of_its_size(package: ModelPackage) -> None:
    runtime = Brightness(batch_size=2)
    predict(package, runtime, count=5)
    assert runtime.batches == [2, 2, 1]


def test_the_batch_size_is_the_runtimes(package: ModelPackage) -> None:
    assert Predictor(package, Brightness(batch_size=3), "run", 3).batch_size == 3


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_the_batch_size_changes_no_prediction(package: ModelPackage, batch_size: int) -> None:
    assert predict(package, Brightness(batch_size)) == predict(package, Brightness(2))


def test_more_than_all_classes_are_all_classes(package: ModelPackage) -> None:
    assert len(predict(package, Brightness(), k=100)[0].top) == 4


def test_an_embedding_is_the_whole_output(package: ModelPackage) -> None:
    output = Output("logits", package.contract.output.activation.NONE, 5, None)
    embedder = replace(package, contract=replace(package.contract, task=Task.EMBEDDING, output=output), labels=())
    (only,) = predict(embedder, Brightness(), count=1)
    assert only.values == pytest.approx(quadrants(shard_of(1, package.contract), 0), abs=1e-6)
    assert only.top == ()


def for_task(package: ModelPackage, task: Task, **fields: Any) -> ModelPackage:
    output = Output("y", Activation.NONE, 5, None, **fields)
    return replace(package, contract=replace(package.contract, task=task, output=output))


@pytest.fixture
def detector(package: ModelPackage) -> ModelPackage:
    """Answers corners in pixels of its 8 x 8 input."""
    return for_task(package, Task.DETECTION, detection=Detection(Xyxy(BoxUnit.PIXELS), 0.3, 0.5, 10))


def answering(*rows: list[float]) -> Brightness:
    """A model that answers the same boxes for every image."""
    return Brightness(change=lambda outputs: np.tile(np.array(rows, np.float32), (len(outputs), 1, 1)))


def test_boxes_are_in_pixels_of_the_original_and_have_labels(detector: ModelPackage) -> None:
    (only,) = predict(detector, answering([0, 0, 8, 4, 0.5, 1], [4, 4, 8, 8, 0.75, 3]), count=1)
    assert (only.row.width, only.row.height) == (2, 3)
    assert only.top == (Ranked("fish", 3, 0.75), Ranked("dog", 1, 0.5))
    assert only.boxes == ((1.0, 1.5, 2.0, 3.0), (0.0, 0.0, 2.0, 1.5))


def test_an_image_in_which_nothing_is_found_is_predicted_without_boxes(detector: ModelPackage) -> None:
    (only,) = predict(detector, answering([0, 0, 8, 4, 0.1, 1]), count=1)
    assert (only.top, only.boxes, only.values) == ((), (), ())


def test_a_detector_may_answer_no_rows_at_all(detector: ModelPackage) -> None:
    runtime = Brightness(change=lambda outputs: np.zeros((len(outputs), 0, 6), np.float32))
    assert [each.boxes for each in predict(detector, runtime, count=3)] == [(), (), ()]


@pytest.mark.parametrize(("answered", "words"), [(4, "class 4"), (-1, "no index")])
def test_a_class_without_a_label_is_refused(detector: ModelPackage, answered: int, words: str) -> None:
    with pytest.raises(ContractMismatch, match=f"answers {words} where s3://bucket/0.jpg has a class, and 4 labels"):
        predict(detector, answering([0, 0, 8, 4, 0.5, answered]))


def test_an_output_that_the_scheme_does_not_read_is_refused(detector: ModelPackage) -> None:
    with pytest.raises(ContractMismatch, match=r"has shape \[2, 4\]; the scheme xyxy needs \[N, boxes, 6\]"):
        predict(detector, Brightness())


def test_raw_answers_are_handed_over_as_they_come_and_predictions_name_their_rows(package: ModelPackage) -> None:
    raw, shard, batches = for_task(package, Task.RAW), shard_of(5, package.contract), []
    runtime = Brightness(batch_size=2, change=lambda outputs: outputs.reshape(-1, 2, 2))
    predictions = list(Predictor(raw, runtime, "run", 3).predict(shard, "s-0", batches.append))
    assert [(each.array, each.array_row) for each in predictions] == [("s-0.npy", row) for row in range(5)]
    assert [batch.shape for batch in batches] == [(2, 2, 2), (2, 2, 2), (1, 2, 2)]
    means = [quadrants(shard, row) for row in range(5)]
    assert np.concatenate(batches).reshape(5, 4).tolist() == [pytest.approx(each, abs=1e-6) for each in means]
    assert not any(each.top or each.values or each.boxes is not None for each in predictions)


def nan_in_second(outputs: Any) -> Any:
    outputs = outputs.copy()
    outputs[-1, 2] = np.nan
    return outputs


def test_nan_is_no_prediction_and_the_image_is_named(package: ModelPackage) -> None:
    with pytest.raises(InvalidPrediction, match=r"shard s-0: .* NaN or infinity for s3://bucket/1\.jpg"):
        predict(package, Brightness(change=nan_in_second))


@pytest.mark.parametrize(
    ("change", "shape"),
    [(lambda outputs: outputs[:1], "[1, 4]"), (lambda outputs: outputs.ravel(), "[8]"), (np.sum, "[]")],
    ids=["fewer", "more", "one number"],
)
def test_an_output_without_one_row_for_each_image_is_no_prediction(
    package: ModelPackage, change: Callable[[Any], Any], shape: str
) -> None:
    with pytest.raises(
        InvalidPrediction, match=re.escape(f"2 images went into the model, and an output of shape {shape}")
    ):
        predict(package, Brightness(change=change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda outputs: outputs.astype(str), "answers <U32 of shape"),
        (lambda outputs: outputs.astype(object), "answers object of shape"),
        (lambda outputs: outputs[:, :0], r"answers float32 of shape \[2, 0\]"),
        (lambda outputs: np.full(outputs.shape, 1e300), "NaN or infinity"),
    ],
    ids=["text", "objects", "nothing", "too large for float32"],
)
def test_an_output_that_is_not_finite_numbers_is_no_prediction(
    package: ModelPackage, change: Callable[[Any], Any], words: str
) -> None:
    with pytest.raises(InvalidPrediction, match=words):
        predict(package, Brightness(change=change))


def test_batches_of_different_classes_are_no_prediction(package: ModelPackage) -> None:
    unlabelled = replace(package, labels=())
    with pytest.raises(
        InvalidPrediction, match=r"shard s-0: the model answers \[1\] for one image and \[2\] for another"
    ):
        predict(unlabelled, Brightness(change=lambda outputs: outputs[:, : len(outputs)]))


def test_an_output_that_is_no_list_of_classes_does_not_fit_the_task(package: ModelPackage) -> None:
    with pytest.raises(ContractMismatch, match=r"shape \[2, 2, 2\]; the task classification needs"):
        predict(package, Brightness(change=lambda outputs: outputs.reshape(-1, 2, 2)))


def test_another_number_of_labels_than_classes_is_refused(package: ModelPackage) -> None:
    with pytest.raises(ContractMismatch, match="3 labels; the model answers 4 classes"):
        predict(replace(package, labels=CLASSES[:3]), Brightness())


@pytest.fixture(scope="module")
def example() -> ModelPackage:
    return load_package(EXAMPLE)


def test_a_shorter_last_batch_of_the_real_model_changes_no_prediction(example: ModelPackage) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 224, 224, 3), np.uint8)
    rows = tuple(Row("bucket", f"{index}.jpg", "etag", 1, 2, 3) for index in range(6))
    predictor = open_predictor(example, "run", 5)
    together = list(predictor.predict(Shard(images, rows, ""), "s"))
    alone = list(predictor.predict(Shard(images[4:5], rows[4:5], ""), "s"))
    assert together[4].top[0].index == alone[0].top[0].index
    assert together[4].top[0].score == pytest.approx(alone[0].top[0].score, abs=1e-4)
