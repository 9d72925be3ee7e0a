"""Whole runs with a detector: its boxes, and the same model's whole answers as arrays."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from pipeline.contract.packages import load_package
from pipeline.inference.schemes import BoxUnit, YoloX

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = ROOT / "examples/photos"
DETECTOR = ROOT / "examples/models/yolox-nano"


@pytest.fixture(scope="module")
def detection_run(imagebatch: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("detection")
    return imagebatch("run", "examples/photos", "--model", DETECTOR, "--json", "--out", out)


@pytest.fixture(scope="module")
def raw_run(imagebatch: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    model = tmp_path_factory.mktemp("models") / "yolox-raw"
    model.mkdir()
    shutil.copy(DETECTOR / "model.onnx", model)
    contract = json.loads((DETECTOR / "contract.json").read_text())
    contract |= {"task": "raw", "output": {"name": "output", "activation": "none"}}
    (model / "contract.json").write_text(json.dumps(contract))
    return imagebatch("run", "examples/photos", "--model", model, "--json", "--out", tmp_path_factory.mktemp("raw"))


def test_a_detector_runs_end_to_end(detection_run: Any) -> None:
    assert (detection_run.code, detection_run.report["status"]) == (0, "SUCCEEDED"), detection_run.stderr
    assert detection_run.report["summary"]["task"] == "detection"


def test_what_is_to_be_seen_is_found(detection_run: Any) -> None:
    found = {key: row["label"] for key, row in detection_run.predictions.items()}
    assert (found["home/cat.png"], found["home/coffee.png"], found["cameraman.png"]) == ("cat", "cup", "person")


def test_labels_scores_and_boxes_of_an_image_are_as_many(detection_run: Any) -> None:
    for row in detection_run.predictions.values():
        assert len(row["labels"]) == len(row["scores"]) == len(row["boxes"])


def test_every_box_lies_within_its_image(detection_run: Any) -> None:
    for key, row in detection_run.predictions.items():
        with Image.open(PHOTOS / key) as image:
            width, height = ImageOps.exif_transpose(image).size
        assert all(0 <= box["x0"] < box["x1"] <= width and 0 <= box["y0"] < box["y1"] <= height for box in row["boxes"])


def test_the_summary_counts_boxes(detection_run: Any) -> None:
    rows, summary = detection_run.predictions.values(), detection_run.report["summary"]
    assert sum(row["boxes"] for row in summary["top_labels"]) == sum(len(row["boxes"]) for row in rows)
    assert summary["without_boxes"] == sum(not row["boxes"] for row in rows) > 0


def test_a_raw_run_keeps_the_models_whole_answers_beside_its_table(raw_run: Any) -> None:
    assert raw_run.code == 0, raw_run.stderr
    for row in raw_run.predictions.values():
        assert np.load(raw_run.results / row["array_file"], mmap_mode="r")[row["array_row"]].shape == (3549, 85)


def test_the_arrays_of_a_raw_run_are_what_the_boxes_of_a_detection_are_read_from(
    raw_run: Any, detection_run: Any
) -> None:
    labels = load_package(DETECTOR).labels
    scheme = YoloX(BoxUnit.GRID, (8, 16, 32))
    for key, row in raw_run.predictions.items():
        output = np.load(raw_run.results / row["array_file"])[row["array_row"]]
        candidates = scheme.decode(output, (416, 416), lambda scores: scores)
        best, detected = candidates.scores.argmax(), detection_run.predictions[key]
        assert (candidates.scores[best] > 0.3) == bool(detected["boxes"])
        if detected["boxes"]:
            assert detected["label"] == labels[candidates.classes[best]]
            assert detected["score"] == pytest.approx(candidates.scores[best], abs=1e-4)


def test_the_script_of_the_examples_draws_the_boxes(detection_run: Any, tmp_path: Path) -> None:
    script = [sys.executable, ROOT / "examples/draw_boxes.py", detection_run.results, PHOTOS, "--to", tmp_path]
    subprocess.run(list(map(str, script)), check=True, capture_output=True)
    with_boxes = {f"{key}.jpg" for key, row in detection_run.predictions.items() if row["boxes"]}
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jpg")} == with_boxes
    with Image.open(tmp_path / "travel/phone/geyser-turned-left.jpg.jpg") as drawn:
        assert drawn.height > drawn.width
