"""A contract that cannot be its model's ends the run in its first state, in the words that the job would have used."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "models" / "efficientnet-lite0"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("layout", "NHWC", "the contract says [N, 224, 224, 3] (NHWC). Set input.layout to NCHW."),
        (
            "dtype",
            "float16",
            "model.onnx takes 'input' as float32; the contract says float16. Set input.dtype to float32.",
        ),
    ],
)
def test_a_run_with_a_contract_that_does_not_fit_lists_nothing(
    imagebatch: Callable[..., Any], tmp_path: Path, field: str, value: str, sentence: str
) -> None:
    model = tmp_path / "model"
    shutil.copytree(EXAMPLE, model)
    contract = json.loads((model / "contract.json").read_text(encoding="utf-8"))
    contract["input"][field] = value
    (model / "contract.json").write_text(json.dumps(contract), encoding="utf-8")
    finished = imagebatch("run", "examples/photos", "--model", model, "--out", tmp_path / "out", "--json")
    assert finished.code == 1
    assert finished.report["error"] == "ContractMismatch"
    assert sentence in finished.report["cause"]
    # A run that is not claimed has no id, and what has no id was never listed.
    assert (finished.report["run_id"], finished.report["summary"]) == (None, {})
