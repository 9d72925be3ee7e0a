"""`imagebatch run examples/photos`: what a stranger sees first."""

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
REFERENCE = Path(__file__).resolve().parents[1] / "data" / "efficientnet-lite0" / "reference_top5.csv"


def photos() -> set[str]:
    folder = EXAMPLES / "photos"
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def confident_references() -> dict[str, str]:
    """Key of an example photo -> label, where the reference's first is more than 0.1 ahead of its second."""
    with (EXAMPLES / "ATTRIBUTION.csv").open(newline="") as file:
        photos = {row["original"]: row["photo"] for row in csv.DictReader(file)}
    rows: dict[str, dict[str, Any]] = {}
    with REFERENCE.open(newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["file"], {})[row["rank"]] = row
    return {
        photos[name]: ranks["1"]["label"]
        for name, ranks in rows.items()
        if name in photos and float(ranks["1"]["probability"]) - float(ranks["2"]["probability"]) > 0.1
    }


def test_it_succeeds(example_run: Any) -> None:
    assert (example_run.code, example_run.report["status"]) == (0, "SUCCEEDED")


def test_every_file_is_predicted_or_rejected(example_run: Any) -> None:
    with (example_run.results / "rejected.csv").open(newline="", encoding="utf-8") as file:
        rejected = [row["key"] for row in csv.DictReader(file)]
    assert Counter([*example_run.predictions, *rejected]) == Counter(photos())


def test_the_broken_examples_are_rejected_with_a_reason(example_run: Any) -> None:
    with (example_run.results / "rejected.csv").open(newline="", encoding="utf-8") as file:
        reasons = {row["key"]: row["reason"] for row in csv.DictReader(file)}
    assert len(reasons) >= 2
    assert all(reasons.values())


def test_the_summary_adds_up(example_run: Any) -> None:
    counts = example_run.report["summary"]["counts"]
    assert counts["listed"] == sum(counts[kind] for kind in ("predicted", "rejected", "failed", "skipped"))


def test_predictions_agree_with_the_reference_where_it_is_confident(example_run: Any) -> None:
    expected = confident_references()
    ours = {key: example_run.predictions[key]["label"] for key in expected}
    assert len(expected) >= 5
    assert ours == expected


def test_photos_that_differ_only_in_their_exif_orientation_get_the_same_label(example_run: Any) -> None:
    orientations = ["travel/geyser.jpg", "travel/phone/geyser-turned-left.jpg", "travel/phone/geyser-turned-right.jpg"]
    assert len({example_run.predictions[key]["label"] for key in orientations}) == 1


def test_the_message_that_a_subscriber_gets_names_the_run(example_run: Any) -> None:
    message = example_run.report["message"]
    assert example_run.report["run_id"] in message["subject"] + message["body"]


def test_standard_output_is_one_json_document_and_standard_error_is_free_of_tracebacks(example_run: Any) -> None:
    assert example_run.report["run_id"]
    assert "Traceback" not in example_run.stderr


def test_without_json_a_person_reads_labels_rejections_and_where_the_results_are(
    imagebatch: Callable[..., Any], tmp_path: Path
) -> None:
    finished = imagebatch("run", "examples/photos", "--out", tmp_path, "--top-k", 2)
    assert finished.code == 0, finished.stderr
    for expected in ("label", "rejected", str(tmp_path)[:20], "The message that would have been sent"):
        assert expected in finished.stdout


@pytest.mark.parametrize("kept", [1, 3])
def test_top_k_is_what_was_asked_for(imagebatch: Callable[..., Any], tmp_path: Path, kept: int) -> None:
    finished = imagebatch("run", "examples/photos", "--out", tmp_path, "--top-k", kept, "--json")
    assert {len(row["labels"]) for row in finished.predictions.values()} == {kept}
