"""The example detector finds what its authors' own preprocessing and a plain loop over its output find.

The reference is YOLOX's demo in other words: OpenCV's bilinear resize, which does not antialias, into the upper left
corner of a canvas of 114; blue first, 0..255; a box for each cell of the grid; overlaps compared pair by pair.
Validation resizes with Pillow, so boxes may differ by a few pixels and scores by a few hundredths. Of Pillow's filters
bilinear comes closest: over the 37 photos that were tried, scores differ by 0.011 on average; by 0.022 with bicubic,
0.036 with lanczos, 0.046 with box, 0.055 with nearest.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from pipeline.contract.packages import ModelPackage, load_package
from pipeline.images.decode import Decoded, decode
from pipeline.inference.predictions import Prediction
from pipeline.inference.predictor import open_predictor
from pipeline.inference.runtimes.onnx import OnnxRuntime
from pipeline.shards import Row, Shard

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / "examples/photos"
SIDE = 416
SEEN = {
    "cameraman.png": "person",
    "home/cat.png": "cat",
    "home/coffee.png": "cup",
    "travel/geyser.jpg": "person",
    "travel/phone/geyser-turned-left.jpg": "person",
    "travel/phone/geyser-turned-right.jpg": "person",
}
NOTHING_TO_SEE = ["travel/alpine-landscape.jpg", "travel/palace.jpg"]

Box = list[float]
Found = tuple[str, float, Box]


@pytest.fixture(scope="module")
def package() -> ModelPackage:
    return load_package(ROOT / "examples/models/yolox-nano")


@pytest.fixture(scope="module")
def predictions(package: ModelPackage) -> dict[str, Prediction]:
    predictor = open_predictor(package, "run", 5)
    found = {}
    for photo in [*SEEN, *NOTHING_TO_SEE]:
        decoded = decode((PHOTOS / photo).read_bytes(), package.contract)
        assert isinstance(decoded, Decoded)
        row = Row("images", photo, "etag", 1, decoded.width, decoded.height)
        (found[photo],) = predictor.predict(Shard(decoded.pixels[np.newaxis], (row,), ""), "s-0")
    return found


def neighbours(target: int, size: int) -> tuple[Any, Any, Any]:
    """For each of `target` pixels the two of `size` that it lies between, and how far from the first."""
    place = ((np.arange(target) + 0.5) * size / target - 0.5).clip(0, size - 1)
    first = place.astype(int)
    return first, np.minimum(first + 1, size - 1), place - first


def resized(pixels: Any, width: int, height: int) -> Any:
    top, bottom, down = neighbours(height, pixels.shape[0])
    left, right, across = neighbours(width, pixels.shape[1])
    across, down = across[:, np.newaxis], down[:, np.newaxis, np.newaxis]
    upper = pixels[top][:, left] * (1 - across) + pixels[top][:, right] * across
    lower = pixels[bottom][:, left] * (1 - across) + pixels[bottom][:, right] * across
    return np.rint(upper * (1 - down) + lower * down)


def overlap(one: Box, other: Box) -> float:
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (areas - width * height)


def reference(package: ModelPackage, photo: str) -> list[Found]:
    with Image.open(PHOTOS / photo) as image:
        pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))[:, :, ::-1].astype(float)
    ratio = min(SIDE / pixels.shape[0], SIDE / pixels.shape[1])
    height, width = int(pixels.shape[0] * ratio), int(pixels.shape[1] * ratio)
    canvas = np.full((SIDE, SIDE, 3), 114, np.float32)
    canvas[:height, :width] = resized(pixels, width, height)
    tensor = np.ascontiguousarray(canvas.transpose(2, 0, 1)[np.newaxis])
    rows = iter(OnnxRuntime(package).run(tensor)[0].tolist())
    found: list[Found] = []
    for stride in (8, 16, 32):
        for cell in range((SIDE // stride) ** 2):
            x, y, log_width, log_height, objectness, *scores = next(rows)
            score = objectness * max(scores)
            if score > 0.3:
                x, y = (x + cell % (SIDE // stride)) * stride, (y + cell // (SIDE // stride)) * stride
                half = math.exp(log_width) * stride / 2, math.exp(log_height) * stride / 2
                box = [side / ratio for side in (x - half[0], y - half[1], x + half[0], y + half[1])]
                found.append((package.labels[scores.index(max(scores))], score, box))
    kept: list[Found] = []
    for label, score, box in sorted(found, key=lambda each: -each[1]):
        if all(label != other or overlap(box, better) <= 0.45 for other, _, better in kept):
            kept.append((label, score, box))
    limits = pixels.shape[1], pixels.shape[0]
    return [
        (label, score, [min(max(side, 0), limits[i % 2]) for i, side in enumerate(box)]) for label, score, box in kept
    ]


@pytest.mark.parametrize("photo", SEEN)
def test_a_photo_has_the_boxes_of_the_reference(
    photo: str, package: ModelPackage, predictions: dict[str, Prediction]
) -> None:
    expected = reference(package, photo)
    found = predictions[photo]
    assert [each.label for each in found.top] == [label for label, _, _ in expected]
    for answer, box, (_, score, expected_box) in zip(found.top, found.boxes or (), expected, strict=True):
        assert answer.score == pytest.approx(score, abs=0.05)
        assert overlap(list(box), expected_box) > 0.9


@pytest.mark.parametrize(("photo", "label"), SEEN.items())
def test_the_best_box_holds_what_is_to_be_seen(photo: str, label: str, predictions: dict[str, Prediction]) -> None:
    assert predictions[photo].top[0].label == label


@pytest.mark.parametrize("photo", NOTHING_TO_SEE)
def test_a_photo_with_nothing_that_the_model_knows_has_no_box(photo: str, predictions: dict[str, Prediction]) -> None:
    assert (predictions[photo].top, predictions[photo].boxes) == ((), ())


@pytest.mark.parametrize("photo", ["travel/phone/geyser-turned-left.jpg", "travel/phone/geyser-turned-right.jpg"])
def test_a_photo_stored_on_its_side_has_its_boxes_where_the_upright_one_has_them(
    photo: str, predictions: dict[str, Prediction]
) -> None:
    (upright,), (turned,) = predictions["travel/geyser.jpg"].boxes or (), predictions[photo].boxes or ()
    assert overlap(list(upright), list(turned)) > 0.95


def test_the_labels_are_those_of_coco(package: ModelPackage) -> None:
    assert len(package.labels) == 80
    assert (package.labels[0], package.labels[15], package.labels[79]) == ("person", "cat", "toothbrush")
