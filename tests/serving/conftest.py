"""A served model that is small enough to be quick."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.contract import ModelContract
from pipeline.serving.model import ServedModel
from pipeline.serving.settings import ServingSettings


@pytest.fixture
def package(tmp_path: Path, contract: ModelContract, classifier: Callable[..., bytes]) -> Path:
    """A model package of five classes for `contract`."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "contract.json").write_text(json.dumps(contract.to_json()))
    (folder / "labels.txt").write_text("".join(f"label {index}\n" for index in range(5)))
    (folder / "model.onnx").write_bytes(classifier(5))
    return folder


@pytest.fixture
def load(package: Path) -> Callable[..., ServedModel]:
    """Loads the package: `load(top_k=2)`."""

    def make(**settings: Any) -> ServedModel:
        return ServedModel.load(ServingSettings(package, "127.0.0.1", **settings))

    return make


@pytest.fixture
def model(load: Callable[..., ServedModel]) -> ServedModel:
    return load(top_k=1)
