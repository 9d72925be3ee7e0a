"""The job of one image: a process over the folders that SageMaker gives it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = {"image_uri": "s3://images/single/a\n.jpg", "etag": "e"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A container's root with the example model and an image still to come."""
    folder = tmp_path / "opt/ml/processing/input"
    shutil.copytree(ROOT / "examples/models/efficientnet-lite0", folder / "model")
    (folder / "image").mkdir()
    (folder / "image/source.json").write_text(json.dumps(SOURCE), encoding="utf-8")
    return tmp_path


def run(root: Path) -> int:
    command = [sys.executable, "-m", "processing_scripts.predict"]
    environment = {**os.environ, "IMAGEBATCH_ROOT": str(root)}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, timeout=100).returncode


def test_the_image_is_predicted_and_its_source_told(root: Path) -> None:
    shutil.copy(ROOT / "examples/photos/garden/daisy.jpg", root / "opt/ml/processing/input/image/image.jpg")
    assert run(root) == 0
    text = (root / "opt/ml/processing/output/prediction/prediction.jsonl").read_text(encoding="ascii")
    (line,) = map(json.loads, text.splitlines())
    assert line["top"][0]["label"] == "daisy"
    assert (line["image_uri"], line["etag"]) == (SOURCE["image_uri"], "e")


def test_a_bad_image_fails_the_job_with_the_reason(root: Path) -> None:
    shutil.copy(
        ROOT / "examples/photos/travel/phone/upload-broke-off.jpg", root / "opt/ml/processing/input/image/image"
    )
    assert run(root) == 1
    message = (root / "opt/ml/output/message").read_text(encoding="utf-8")
    assert "'s3://images/single/a\\n.jpg' is rejected: truncated" in message


def test_a_model_that_is_missing_fails_the_job_with_its_folder(root: Path) -> None:
    shutil.copy(ROOT / "examples/photos/garden/daisy.jpg", root / "opt/ml/processing/input/image/image.jpg")
    (root / "opt/ml/processing/input/model/model.onnx").unlink()
    assert run(root) == 1
    assert "has no model.onnx" in (root / "opt/ml/output/message").read_text(encoding="utf-8")
