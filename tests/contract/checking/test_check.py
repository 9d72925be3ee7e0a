"""A package is checked as far as it can be: what is wrong first does not hide what is wrong second."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest

from pipeline.contract import DataType, ModelContract
from pipeline.contract.checking.check import Check, Report
from pipeline.contract.checking.findings import Outcome
from pipeline.errors import UnusablePhotos

Make = Callable[..., Path]


@pytest.fixture
def package(tmp_path: Path, contract: ModelContract, classifier: Callable[..., bytes]) -> Make:
    """Writes a package whose files fit, but for what is given; None leaves a file out."""

    def make(**files: bytes | None) -> Path:
        fitting = {
            "contract.json": json.dumps(contract.to_json()).encode(),
            "labels.txt": b"cat\ndog\n",
            "model.onnx": classifier(),
        }
        folder = tmp_path / "model"
        folder.mkdir()
        for name, data in {**fitting, **{name.replace("_", "."): data for name, data in files.items()}}.items():
            if data is not None:
                (folder / name).write_bytes(data)
        return folder

    return make


def problems(report: Report) -> dict[str, str]:
    return {each.section: each.sentence for each in report.findings if each.outcome is Outcome.WRONG}


def outcomes(report: Report) -> list[tuple[str, str]]:
    return [(each.section, str(each.outcome)) for each in report.findings]


def test_a_package_that_fits_passes_every_check(package: Make) -> None:
    report = Check(package()).run()
    assert report.passed
    assert outcomes(report) == [
        ("schema", "ok"),
        ("labels", "ok"),
        ("model", "ok"),
        ("signature", "ok"),
        *[("probe", "ok")] * 3,
    ]


def test_of_a_container_that_is_not_ours_contract_and_labels_are_checked_and_no_model_is_asked_for(
    package: Make, foreign_contract: ModelContract
) -> None:
    report = Check(package(contract_json=json.dumps(foreign_contract.to_json()).encode(), model_onnx=None)).run()
    assert report.passed
    assert outcomes(report) == [("schema", "ok"), ("labels", "ok"), ("model", "note")]


def test_each_finding_is_told_as_soon_as_it_is_made(package: Make) -> None:
    told: list[Any] = []
    assert Check(package(), told.append).run().findings == told


@pytest.mark.parametrize(
    ("files", "section", "words"),
    [
        ({"contract_json": None}, "schema", "contract.json cannot be read: No such file"),
        ({"contract_json": b'{"version": 1}'}, "schema", "contract.json: task"),
        ({"labels_txt": None}, "labels", "labels.txt cannot be read"),
        ({"labels_txt": b"cat\n\ndog\n"}, "labels", "line 2 is empty"),
        ({"labels_txt": b"cat\n"}, "signature", "labels.txt has 1 labels; the model answers 2 classes"),
        ({"model_onnx": None}, "model", "has no model.onnx, no model.pt2 and no model.pt"),
        ({"model_onnx": b"version https://git-lfs.github.com/spec/v1\n"}, "model", "is a Git LFS pointer"),
    ],
    ids=["no contract", "contract", "no labels", "labels", "fewer labels", "no model", "model"],
)
def test_a_file_that_is_wrong_fails_the_check(package: Make, files: dict[str, Any], section: str, words: str) -> None:
    report = Check(package(**files)).run()
    assert not report.passed
    assert words in problems(report)[section]


def test_everything_that_is_wrong_is_told_at_once(package: Make, classifier: Callable[..., bytes]) -> None:
    report = Check(package(contract_json=b"{}", model_onnx=b"<html>")).run()
    assert set(problems(report)) == {"schema", "model"}


def test_every_mismatch_is_told(package: Make, classifier: Callable[..., bytes]) -> None:
    report = Check(package(model_onnx=classifier(3, input="image", dtype="float16", output="scores"))).run()
    assert [each.section for each in report.findings if each.outcome is Outcome.WRONG] == ["signature"] * 3


def test_weights_that_are_not_beside_the_model_are_missed(package: Make, tmp_path: Path) -> None:
    folder = package()
    onnx.save(
        onnx.load(folder / "model.onnx"),
        folder / "model.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    assert Check(folder).run().passed
    (folder / "weights.bin").unlink()
    assert "has no 'weights.bin', which holds weights of model.onnx" in problems(Check(folder).run())["model"]


def test_a_model_that_does_not_load_is_told_by_the_runtime(package: Make, classifier: Callable[..., bytes]) -> None:
    model = onnx.load_from_string(classifier())
    model.graph.node[0].op_type = "NoSuchOperator"
    report = Check(package(model_onnx=model.SerializeToString())).run()
    assert "does not load in ONNX Runtime" in problems(report)["probe"]


def test_a_contract_without_labels_is_noted(package: Make, contract: ModelContract) -> None:
    nameless = replace(contract, output=replace(contract.output, labels=None))
    report = Check(package(contract_json=json.dumps(nameless.to_json()).encode())).run()
    assert report.passed
    assert ("labels", "note") in outcomes(report)


def test_photos_bring_a_table_of_neighbours(package: Make, tmp_path: Path, photo: Callable[..., bytes]) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(3):
        (photos / f"{seed}.jpg").write_bytes(photo(seed=seed))
    (photos / "broken.jpg").write_bytes(photo()[:200])
    (tmp_path / "labels.csv").write_text("file,label\n0.jpg,cat\ngone.jpg,dog\n")
    report = Check(package()).run(photos, tmp_path / "labels.csv")
    told = " ".join(each.sentence for each in report.findings)
    assert report.survey is not None
    assert "broken.jpg (truncated): left out" in told
    assert "names 1 that are not in" in told


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        ({"dtype": "uint8"}, {"dtype": DataType.UINT8}),
        ({"dtype": "float16"}, {"dtype": DataType.FLOAT16}),
        ({"shape": (2, 3, 8, 8)}, {}),
        ({"shape": (None, None, None, None)}, {}),
    ],
    ids=["uint8", "float16", "batches of 2", "any layout"],
)
def test_models_of_every_kind_are_tried_on_photos(
    package: Make,
    contract: ModelContract,
    classifier: Callable[..., bytes],
    photo: Callable[..., bytes],
    tmp_path: Path,
    model: dict[str, Any],
    changes: dict[str, Any],
) -> None:
    numbers = None if changes.get("dtype") is DataType.UINT8 else contract.numbers
    declared = replace(contract, input=replace(contract.input, **changes), numbers=numbers)
    (tmp_path / "photos").mkdir()
    for seed in range(3):
        (tmp_path / f"photos/{seed}.jpg").write_bytes(photo(seed=seed))
    files = {"contract_json": json.dumps(declared.to_json()).encode(), "model_onnx": classifier(**model)}
    report = Check(package(**files)).run(tmp_path / "photos")
    assert report.passed, report.findings
    assert report.survey is not None
    assert {"BGR", "letterbox"} <= {row.name for row in report.survey.rows}


def test_a_folder_without_a_photo_is_survived(package: Make, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/notes.txt").write_text("no photo")
    report = Check(package()).run(tmp_path / "photos")
    assert report.survey is None
    assert "notes.txt (not_an_image)" in " ".join(each.sentence for each in report.findings)


def test_photos_that_cannot_be_used_are_no_fault_of_the_package(package: Make, tmp_path: Path) -> None:
    with pytest.raises(UnusablePhotos):
        Check(package()).run(tmp_path / "nowhere")
