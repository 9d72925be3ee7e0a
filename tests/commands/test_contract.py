"""`imagebatch contract import` and `show`, as somebody types them."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline import cli
from pipeline.contract import parse_contract

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/models/efficientnet-lite0"
VIT = {"image_processor_type": "ViTImageProcessor", "size": {"height": 224, "width": 224}, "new_field": 1}
RESNET = {
    "image_processor_type": "ConvNextImageProcessor",
    "do_resize": True,
    "size": {"shortest_edge": 224},
    "crop_pct": 0.875,
    "resample": 3,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "use_fast": True,
}
CONFIG = {"architectures": ["ViTForImageClassification"], "id2label": {"0": "cat", "1": "dog"}}


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """A preprocessor_config.json with a config.json beside it."""
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps(VIT), encoding="utf-8")
    return path


def imagebatch(*arguments: Any) -> int:
    return cli.main([str(argument) for argument in arguments])


def test_an_import_prints_a_contract_and_tells_the_rest_on_standard_error(
    configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert imagebatch("contract", "import", "--from-hf", configuration) == 0
    printed = capsys.readouterr()
    assert parse_contract(printed.out).input.height == 224
    assert "new_field (1) is not known here" in printed.err
    assert "names 2 classes" in printed.err


def test_an_import_into_a_package_writes_its_labels_too(configuration: Path, tmp_path: Path) -> None:
    out = tmp_path / "package" / "contract.json"
    assert imagebatch("contract", "import", "--from-hf", configuration, "--out", out) == 0
    contract = parse_contract(out.read_bytes())
    assert contract.output.labels == "labels.txt"
    assert (out.parent / "labels.txt").read_text(encoding="utf-8") == "cat\ndog\n"


def test_an_import_overwrites_no_contract(configuration: Path, tmp_path: Path) -> None:
    out = tmp_path / "contract.json"
    out.write_text("mine", encoding="utf-8")
    assert imagebatch("contract", "import", "--from-hf", configuration, "--out", out) == 2
    assert out.read_text(encoding="utf-8") == "mine"


def test_an_import_overwrites_no_labels(
    configuration: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels.txt").write_text("mine\n", encoding="utf-8")
    assert imagebatch("contract", "import", "--from-hf", configuration, "--out", tmp_path / "contract.json") == 0
    assert (tmp_path / "labels.txt").read_text(encoding="utf-8") == "mine\n"
    assert "kept:" in capsys.readouterr().err


def test_an_import_takes_the_tensors_of_the_model(configuration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert imagebatch("contract", "import", "--from-hf", configuration, "--model", EXAMPLE / "model.onnx") == 0
    contract = parse_contract(capsys.readouterr().out)
    assert (contract.input.name, contract.output.name) == ("input", "logits")


def test_a_timm_configuration_is_imported_under_the_name_that_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"architecture": "resnet18", "num_classes": 7}), encoding="utf-8")
    assert imagebatch("contract", "import", "--from-timm", path, "--name", "mine") == 0
    assert parse_contract(capsys.readouterr().out).name == "mine"


@pytest.mark.parametrize("text", ['{"do_resize": false}', "[]", "no JSON", '{"size": NaN}'])
def test_a_configuration_that_cannot_be_imported_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "preprocessor_config.json"
    path.write_text(text, encoding="utf-8")
    assert imagebatch("contract", "import", "--from-hf", path) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"imagebatch: {path}")
    assert error.count("\n") == 1


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert imagebatch("contract", "import", "--from-timm", tmp_path / "nothing.json") == 1
    assert "nothing.json" in capsys.readouterr().err


@pytest.mark.parametrize("path", [EXAMPLE, EXAMPLE / "contract.json"], ids=["package", "file"])
def test_show_tells_a_contract_by_its_package_or_its_file(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert imagebatch("contract", "show", path) == 0
    contract = parse_contract((EXAMPLE / "contract.json").read_bytes())
    assert contract.digest in capsys.readouterr().out


def test_show_prints_json_with_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    assert imagebatch("contract", "show", EXAMPLE, "--json") == 0
    contract = parse_contract((EXAMPLE / "contract.json").read_bytes())
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(contract.to_json()))


def test_show_says_what_is_wrong_with_a_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "contract.json").write_text("{}", encoding="utf-8")
    assert imagebatch("contract", "show", tmp_path) == 1
    assert "version is missing" in capsys.readouterr().err


def test_the_documentation_shows_what_an_import_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(RESNET), encoding="utf-8")
    assert imagebatch("contract", "import", "--from-hf", tmp_path / "preprocessor_config.json") == 0
    assert capsys.readouterr().err in (ROOT / "docs/contract.md").read_text(encoding="utf-8")
