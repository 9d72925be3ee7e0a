"""Reports of made-up runs."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.images.thumbnails import reduced
from pipeline.report.content import Answer, Content, RejectedImage, ShownImage, Span
from pipeline.report.thumbnails import MOST_AS_THEY_ARE, SheetMaker

HOSTILE = [
    "single/<img src=x onerror=alert(1)>.jpg",
    "a/</script><script>alert(1)</script>.png",
    "b/\u202egpj.exe",
    "c/line\nbreak \u2028 and \u2029.jpg",
    "d/'\"&amp;{{ 7*7 }}{% raw %}.jpg",
    "e/\U0001f408 caf\u00e9.webp",
]


def summary(**changes: Any) -> dict[str, Any]:
    counts = {"listed": 6, "folders": 0, "predicted": 6, "rejected": 0, "failed": 0, "skipped": 0}
    return {
        "run_id": "2026-11-20T0200-incoming-7f3a9c",
        "model": "efficientnet-lite0",
        "contract": "f68eedeacb226843",
        "engine": "processing",
        "sources": ["s3://images/incoming/"],
        "started_at": "2026-11-20T02:00:00+00:00",
        "seconds": 12.5,
        "counts": counts | changes.pop("counts", {}),
        "adds_up": True,
        "problem_count": 0,
        "problems": [],
        "rejected_by_reason": {},
        "partitions": [],
        "results": "s3://results/runs/2026-11-20T0200-incoming-7f3a9c/results/",
        **changes,
    }


@pytest.fixture(scope="session")
def summarised() -> Callable[..., dict[str, Any]]:
    return summary


@pytest.fixture
def images() -> Callable[..., list[ShownImage]]:
    """So many images with hostile keys among them; with thumbnails where a maker is given."""

    def make(count: int, maker: SheetMaker | None = None) -> list[ShownImage]:
        chance = random.Random(count)
        noise = np.random.default_rng(count)
        grain = noise.integers(0, 96, (224, 224, 3), np.uint8)
        found = []
        for number in range(count):
            key = HOSTILE[number] if number < len(HOSTILE) else f"incoming/2026/11/20/photo-{number:06}.jpg"
            score = round(chance.random(), 4)
            answers = (Answer(f"label <b>{number % 40}</b>", score), Answer("other", round(score / 2, 4)))
            place = None
            if maker is not None:
                # As hard to compress as a photo: some shapes, and some noise.
                pixels = np.full((224, 224, 3), noise.integers(0, 160, 3), np.uint8)
                pixels[40:180, 20 : 20 + number % 180] = noise.integers(0, 160, 3)
                pixels += np.roll(grain, number, axis=(0, 1))
                thumbnail = reduced(Image.fromarray(pixels))
                place = maker.add(thumbnail if count <= MOST_AS_THEY_ARE else thumbnail.reduce(2))
            found.append(ShownImage(key, f"s3://images/{key}", 500, 375, answers, place))
        if maker is not None:
            maker.finish()
        return found

    return make


@pytest.fixture
def content(images: Callable[..., list[ShownImage]]) -> Content:
    """A small report with something in every part of it."""
    maker = SheetMaker(1_000_000)
    shown = images(6, maker)
    began = datetime(2026, 11, 20, 2, tzinfo=UTC)
    return Content(
        summary=summary(counts={"listed": 8, "rejected": 2}, rejected_by_reason={"truncated": 2}),
        images=shown,
        labels={"<i>cat</i>": 4, "dog": 2},
        scores=[0, 1, 2, 3],
        threshold=0.5,
        rejected=[
            RejectedImage(key, f"s3://images/{key}", "truncated", "the file <ends> early", picture)
            for key, picture in zip(HOSTILE[:2], (maker.sheets[0].data, None), strict=True)
        ],
        sheets=maker.sheets,
        spans=[
            Span("First", began, began + timedelta(seconds=2)),
            Span("Second", began + timedelta(seconds=2), began + timedelta(seconds=9), status="failed"),
        ],
        definition={
            "StartAt": "First",
            "States": {
                "First": {"Type": "Pass", "Next": "Second"},
                "Second": {"Type": "Pass", "Next": "Never"},
                "Never": {"Type": "Succeed"},
            },
        },
    )
