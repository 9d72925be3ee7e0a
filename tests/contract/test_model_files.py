"""Which of a package's files is its model."""

import pytest

from pipeline.contract.model_files import ModelFile, find_model
from pipeline.errors import InvalidModelPackage


@pytest.mark.parametrize("file", ModelFile)
def test_the_one_model_among_other_files_is_found(file: ModelFile) -> None:
    assert find_model(["contract.json", file, "labels.txt", "model.onnx_data"], "folder") is file


def test_a_package_without_a_model_is_told_the_three_names() -> None:
    with pytest.raises(InvalidModelPackage, match=r"^folder has no model\.onnx, no model\.pt2 and no model\.pt:"):
        find_model(["contract.json", "model.pth"], "folder")


def test_a_package_with_two_models_is_refused() -> None:
    with pytest.raises(InvalidModelPackage, match=r"folder has model\.onnx and model\.pt; a package has one model"):
        find_model(["model.pt", "model.onnx"], "folder")
