"""How a model does under a contract: its scores, and the evidence that photos and labels give."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.contract import Activation, ModelContract, Output, Task, parse_contract
from pipeline.contract.checking.photo_set import PhotoSet, load_photos
from pipeline.contract.checking.trials import Trial, Trials
from pipeline.errors import InvalidPrediction


class Model:
    """Answers means of quarters, changed."""

    batch_size = 4

    def __init__(self, change: Callable[[Any], Any] = lambda outputs: outputs) -> None:
        self._change = change
        self.images = 0

    def run(self, tensor: Any) -> Any:
        self.images += len(tensor)
        return self._change(tensor.reshape(len(tensor), 3, 2, 4, 2, 4).mean(axis=(1, 3, 5)).reshape(len(tensor), 4))


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    random = np.random.default_rng(0)
    for number in range(6):
        blotches = Image.fromarray(random.integers(0, 256, (4, 4, 3), np.uint8))
        blotches.resize((64, 64), Image.Resampling.NEAREST).save(tmp_path / f"{number}.png")
    return sorted(tmp_path.iterdir())


def loaded(paths: list[Path], contract: ModelContract, *labels: int) -> PhotoSet:
    return load_photos(paths, contract, dict(zip(paths, labels, strict=False)))


def ran(model: Model, photos: PhotoSet, contract: ModelContract, with_views: bool = False) -> Trial:
    return Trials(model, photos, contract).run(contract, with_views)


def softmax(outputs: Any) -> Any:
    exponentials = np.exp(outputs)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def test_a_classifiers_answers_are_probabilities(paths: list[Path], contract: ModelContract) -> None:
    answers = ran(Model(), loaded(paths, contract), contract).answers
    assert answers.shape == (6, 4)
    assert answers.sum(axis=1) == pytest.approx(1)


def test_probabilities_that_the_graph_makes_stay_what_they_are(paths: list[Path], contract: ModelContract) -> None:
    photos = loaded(paths, contract)
    inside, outside = ran(Model(softmax), photos, contract), ran(Model(), photos, contract)
    assert inside.answers == pytest.approx(outside.answers, abs=1e-6)


def test_labels_are_judged_by_probability_and_rank(paths: list[Path], contract: ModelContract) -> None:
    scores = np.log([0.1, 0.2, 0.3, 0.4])
    trial = ran(Model(lambda outputs: np.tile(scores, (len(outputs), 1))), loaded(paths, contract, 3, 0), contract)
    assert trial.likelihood == pytest.approx(np.log([0.4, 0.1]))
    assert trial.rank == pytest.approx(-np.log([1, 4]))
    assert trial.correct == pytest.approx([1, 0])


def test_a_model_that_finds_everything_alike_ranks_nothing_first(paths: list[Path], contract: ModelContract) -> None:
    trial = ran(Model(np.zeros_like), loaded(paths, contract, 0), contract)
    assert trial.rank == pytest.approx([-np.log(2.5)])


def test_a_label_beyond_the_classes_is_never_right(paths: list[Path], contract: ModelContract) -> None:
    trial = ran(Model(), loaded(paths, contract, 10**12), contract)
    assert (trial.correct, trial.likelihood) == (pytest.approx([0]), pytest.approx(np.log([1e-3])))


def test_without_labels_there_is_no_such_evidence(paths: list[Path], contract: ModelContract) -> None:
    trial = ran(Model(), loaded(paths, contract), contract)
    assert (trial.likelihood, trial.rank, trial.correct, trial.recognised) == (None, None, None, None)


def test_recognition_is_for_each_different_photo(paths: list[Path], contract: ModelContract) -> None:
    recognised = ran(Model(), loaded([*paths, paths[0]], contract), contract, with_views=True).recognised
    assert recognised is not None
    assert recognised.shape == (6,)


def test_a_raw_answer_is_not_recognised(paths: list[Path], contract: ModelContract) -> None:
    raw = replace(contract, task=Task.RAW, output=Output("logits", Activation.NONE, 5, None))
    assert ran(Model(), loaded(paths, raw), raw, with_views=True).recognised is None


def test_an_answer_that_is_not_finite_is_no_trial(paths: list[Path], contract: ModelContract) -> None:
    with pytest.raises(InvalidPrediction, match="NaN or infinity for some of the photos"):
        ran(Model(lambda outputs: outputs * np.nan), loaded(paths, contract), contract)


def test_many_contracts_do_not_hold_many_copies_of_the_photos(paths: list[Path], contract: ModelContract) -> None:
    trials = Trials(Model(), loaded(paths, contract), contract)
    declared = trials.pixels(contract)
    for level in range(4):
        trials.pixels(replace(contract, pixels=replace(contract.pixels, background=(level, 0, 0))))
    assert trials.pixels(contract) is declared


def test_a_detectors_answer_is_the_best_box_of_each_class(paths: list[Path], contract: ModelContract) -> None:
    document = contract.to_json()
    document["task"] = "detection"
    document["output"] = {
        "name": "boxes",
        "activation": "none",
        "decode": {"scheme": "xyxy", "boxes": "pixels"},
        "score_threshold": 0.1,
        "iou_threshold": 0.5,
        "max_boxes": 10,
    }
    detector = parse_contract(document)
    boxes = np.array([[0, 0, 4, 4, 0.3, 2], [0, 0, 5, 5, 0.9, 2], [1, 1, 4, 4, 0.5, 0]], np.float32)
    trial = ran(Model(lambda outputs: np.tile(boxes, (len(outputs), 1, 1))), loaded(paths, detector), detector)
    assert trial.answers == pytest.approx(np.tile([0.5, 0, 0.9], (6, 1)))
