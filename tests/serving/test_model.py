"""The model behind the server: loaded, warmed up, and its work spread over the cores."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.contract import ModelContract
from pipeline.contract.packages import load_package
from pipeline.errors import ContractMismatch, InvalidPrediction, InvalidSetting
from pipeline.inference.predictor import open_predictor
from pipeline.serving import model as serving
from pipeline.serving.model import ServedModel, unpacked


@pytest.fixture
def spread(package: Any, contract: ModelContract) -> ServedModel:
    """Three workers, whatever cores there are."""
    return ServedModel(contract, open_predictor(load_package(package), "", 1), workers=3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(images=st.integers(1, 40))
def test_predictions_come_in_the_order_of_the_images_however_they_are_spread(
    spread: ServedModel, contract: ModelContract, images: int
) -> None:
    shard = unpacked(np.random.default_rng(images).integers(0, 256, (images, 8, 8, 3), np.uint8), contract)
    assert spread.predict(shard) == list(spread._predictor.predict(shard, shard.id))


def test_an_error_of_one_piece_is_raised_when_all_have_ended(spread: ServedModel) -> None:
    ended = []

    def work(item: int) -> int:
        ended.append(item)
        if item == 0:
            raise InvalidPrediction("the first")
        return item

    with pytest.raises(InvalidPrediction, match="the first"):
        spread.map(work, [0, 1, 2])
    assert sorted(ended) == [0, 1, 2]


def test_nothing_is_made_of_nothing(spread: ServedModel) -> None:
    assert spread.map(str, []) == []


def test_a_model_of_another_contract_than_the_runs_is_not_served(load: Callable[..., ServedModel]) -> None:
    with pytest.raises(ContractMismatch, match="the run was started with 0123456789abcdef"):
        load(contract="0123456789abcdef")


def test_a_model_whose_answers_are_arrays_is_not_served(
    load: Callable[..., ServedModel], package: Any, contract: ModelContract
) -> None:
    document = (package / "contract.json").read_text().replace('"classification"', '"raw"')
    (package / "contract.json").write_text(document.replace(', "top_k": 3', "").replace(', "labels": "labels.txt"', ""))
    with pytest.raises(InvalidSetting, match="the task raw"):
        load()


def test_a_model_that_answers_nan_for_black_images_is_served_all_the_same(
    load: Callable[..., ServedModel], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: Any) -> Any:
        raise InvalidPrediction("NaN for a black image")

    monkeypatch.setattr(serving.ServedModel, "predict", fail)
    load()
    assert "NaN for a black image" in caplog.text
