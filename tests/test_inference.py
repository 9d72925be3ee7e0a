"""From a shard to predictions: with a runtime of our own for the rules, with ONNX Runtime for the real thing."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.contract import DataType, Layout, ModelContract, Output, Task
from pipeline.errors import ContractMismatch, InvalidModelPackage, InvalidPrediction
from pipeline.inference import OnnxRuntime, Predictor, open_predictor
from pipeline.packages import ModelPackage, load_package
from pipeline.shards import Row, Shard

EXAMPLE = Path(__file__).parents[1] / "examples/models/efficientnet-lite0"
CLASSES = ("cat", "dog", "bird", "fish")


class Brightness:
    """A model whose four classes get the means of the image's quadrants: its answers can be told from its input."""

    def __init__(self, batch_size: int = 2, change: Callable[[Any], Any] = lambda outputs: outputs) -> None:
        self.batch_size = batch_size
        self.batches: list[int] = []
        self._change = change

    def run(self, tensor: Any) -> Any:
        self.batches.append(len(tensor))
        halves = tensor.mean(axis=1).reshape(len(tensor), 2, 4, 2, 4).mean(axis=(2, 4))
        return self._change(halves.reshape(len(tensor), 4))


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


def nan_in_second(outputs: Any) -> Any:
    outputs = outputs.copy()
    outputs[-1, 2] = np.nan
    return outputs


def test_nan_is_no_prediction_and_the_image_is_named(package: ModelPackage) -> None:
    with pytest.raises(InvalidPrediction, match=r"shard s-0: .* NaN or infinity for s3://bucket/1\.jpg"):
        predict(package, Brightness(change=nan_in_second))


def test_fewer_outputs_than_images_are_no_predictions(package: ModelPackage) -> None:
    with pytest.raises(InvalidPrediction, match="2 images went in, 1 outputs came out"):
        predict(package, Brightness(change=lambda outputs: outputs[:1]))


def test_an_output_that_is_no_list_of_classes_does_not_fit_the_task(package: ModelPackage) -> None:
    with pytest.raises(ContractMismatch, match=r"shape \[2, 2, 2\]; the task classification needs"):
        predict(package, Brightness(change=lambda outputs: outputs.reshape(-1, 2, 2)))


def test_another_number_of_labels_than_classes_is_refused(package: ModelPackage) -> None:
    with pytest.raises(ContractMismatch, match="3 labels; the model answers 4 classes"):
        predict(replace(package, labels=CLASSES[:3]), Brightness())


@pytest.fixture(scope="module")
def example() -> ModelPackage:
    return load_package(EXAMPLE)


def changed(example: ModelPackage, **fields: Any) -> ModelContract:
    return replace(example.contract, input=replace(example.contract.input, **fields))


def test_the_example_model_fits_its_contract(example: ModelPackage) -> None:
    OnnxRuntime(example.model_path, example.contract)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "image"}, "takes 'input'; the contract says one input, 'image'. Set input.name"),
        ({"dtype": DataType.FLOAT16}, r"as tensor\(float\); the contract says float16. Set input.dtype"),
        ({"layout": Layout.NHWC}, r"\['N', 224, 224, 3\] \(NHWC\). Set input.layout"),
        ({"height": 299}, r"shape \['batch', 3, 224, 224\]; the contract says \['N', 3, 299, 224\]"),
    ],
)
def test_a_model_that_does_not_fit_its_contract_is_refused_in_a_sentence(
    example: ModelPackage, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ContractMismatch, match=message):
        OnnxRuntime(example.model_path, changed(example, **fields))


def test_an_output_that_the_model_does_not_have_is_refused(example: ModelPackage) -> None:
    output = replace(example.contract.output, name="scores")
    with pytest.raises(ContractMismatch, match=r"answers 'logits'; the contract says 'scores'. Set output.name"):
        OnnxRuntime(example.model_path, replace(example.contract, output=output))


def test_a_file_that_is_no_model_is_refused(example: ModelPackage, tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "labels.txt", tmp_path / "model.onnx")
    with pytest.raises(InvalidModelPackage, match="does not load in ONNX Runtime"):
        OnnxRuntime(tmp_path / "model.onnx", example.contract)


def test_a_shorter_last_batch_of_the_real_model_changes_no_prediction(example: ModelPackage) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 224, 224, 3), np.uint8)
    rows = tuple(Row("bucket", f"{index}.jpg", "etag", 1, 2, 3) for index in range(6))
    predictor = open_predictor(example, "run", 5)
    together = list(predictor.predict(Shard(images, rows, ""), "s"))
    alone = list(predictor.predict(Shard(images[4:5], rows[4:5], ""), "s"))
    assert together[4].top[0].index == alone[0].top[0].index
    assert together[4].top[0].score == pytest.approx(alone[0].top[0].score, abs=1e-4)
