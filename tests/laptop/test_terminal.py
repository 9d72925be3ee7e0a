"""What a person reads at the end of a run."""

import io
from typing import Any

import pytest
from rich.console import Console

from pipeline.laptop.run_local import RunReport
from pipeline.laptop.terminal import show_report

CAT = {"label": "tabby cat", "images": 1000, "mean_score": 0.816}


def shown(**changes: Any) -> list[str]:
    """The lines for a run whose summary is as usual, but for `changes`; runs of blanks count as one."""
    counts = {"listed": 1234, "passed_over": 0, "predicted": 1234, "rejected": 0, "failed": 0, "skipped": 0}
    summary = {
        "task": "classification",
        "counts": counts,
        "top_labels": [CAT],
        "without_boxes": None,
        "rejected_examples": [],
    } | changes
    console = Console(file=io.StringIO(), width=100)
    show_report(console, RunReport("SUCCEEDED", "run", None, summary, None, None, None, {}))
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.replace("│", " ").replace("┃", " ").split()) for line in console.file.getvalue().splitlines()]


def test_labels_are_shown_with_their_images_and_scores() -> None:
    lines = shown()
    assert lines[0] == "1,234 images predicted"
    assert {"label images mean score", "tabby cat 1,000 0.82"} <= set(lines)


def test_a_detectors_labels_are_shown_with_their_boxes_too() -> None:
    lines = shown(task="detection", top_labels=[CAT | {"boxes": 2345}], without_boxes=17)
    assert {"label images boxes mean score", "tabby cat 1,000 2,345 0.82", "17 images without a box"} <= set(lines)


@pytest.mark.parametrize("task", ["detection", "embedding"])
def test_without_labels_the_images_are_counted(task: str) -> None:
    without_boxes = 1234 if task == "detection" else None
    lines = shown(task=task, top_labels=[], without_boxes=without_boxes)
    assert lines == ["1,234 images predicted", *(["1,234 images without a box"] if without_boxes else [])]


def test_one_image_is_one() -> None:
    counts = {"listed": 2, "passed_over": 0, "predicted": 1, "rejected": 1, "failed": 0, "skipped": 0}
    lines = shown(counts=counts, task="detection", top_labels=[], without_boxes=1)
    assert {"1 image predicted", "1 image without a box", "1 image rejected"} <= set(lines)


def test_a_label_is_not_markup() -> None:
    assert "[red]cat[/red] 1,000 0.82" in shown(top_labels=[CAT | {"label": "[red]cat[/red]"}])
