"""Each scheme against a plain loop over its anchors, written from the models' own descriptions."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract import Activation
from pipeline.inference.ranking import activate
from pipeline.inference.schemes import SCHEMES, BoxUnit, Candidates, Scheme, Xyxy, YoloV8, YoloX

DOCUMENTATION = (Path(__file__).parents[2] / "docs/contract.md").read_text()
SIZE = (32, 16)
STRIDES = (8, 16)
ANCHORS = 4 * 2 + 2 * 1
CLASSES = 3
seeds = st.integers(0, 2**32 - 1)

Found = tuple[list[float], float, int]


def as_they_are(scores: Any) -> Any:
    return scores


def sigmoid(scores: Any) -> Any:
    return activate(scores, Activation.SIGMOID)


def random_output(seed: int, *shape: int) -> Any:
    """As models answer: logarithms of sizes stay far from where exp has to be bounded."""
    return np.random.default_rng(seed).normal(0, 2, shape).clip(-6, 6).astype(np.float32)


def listed(candidates: Candidates) -> list[Found]:
    return list(zip(candidates.boxes.tolist(), candidates.scores.tolist(), candidates.classes.tolist(), strict=True))


def assert_alike(candidates: Candidates, expected: list[Found]) -> None:
    found = listed(candidates)
    assert [cls for _, _, cls in found] == [cls for _, _, cls in expected]
    for (box, score, _), (expected_box, expected_score, _) in zip(found, expected, strict=True):
        assert box == pytest.approx(expected_box, rel=1e-5, abs=1e-5)
        assert score == pytest.approx(expected_score, rel=1e-5, abs=1e-6)


def corners(x: float, y: float, width: float, height: float) -> list[float]:
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]


@given(seeds)
def test_yolox_is_what_a_loop_over_the_cells_of_its_grids_gives(seed: int) -> None:
    output = random_output(seed, ANCHORS, 5 + CLASSES)
    expected: list[Found] = []
    for stride in STRIDES:
        for row in range(SIZE[1] // stride):
            for column in range(SIZE[0] // stride):
                x, y, width, height, objectness, *scores = output[len(expected)].tolist()
                box = corners(
                    (x + column) * stride, (y + row) * stride, math.exp(width) * stride, math.exp(height) * stride
                )
                expected.append((box, objectness * max(scores), scores.index(max(scores))))
    assert_alike(YoloX(BoxUnit.GRID, STRIDES).decode(output, SIZE, as_they_are), expected)


@given(seeds)
def test_yolox_that_was_decoded_by_its_graph_has_boxes_in_pixels(seed: int) -> None:
    output = random_output(seed, 7, 5 + CLASSES)
    rows = output.tolist()
    expected = [(corners(*row[:4]), row[4] * max(row[5:]), row[5:].index(max(row[5:]))) for row in rows]
    assert_alike(YoloX(BoxUnit.PIXELS, None).decode(output, SIZE, as_they_are), expected)


@pytest.mark.parametrize(("unit", "sides"), [(BoxUnit.PIXELS, (1, 1)), (BoxUnit.FRACTIONS, SIZE)])
@given(seed=seeds)
def test_yolov8_has_an_anchor_in_each_column(unit: BoxUnit, sides: tuple[int, int], seed: int) -> None:
    output = random_output(seed, 4 + CLASSES, 7)
    expected: list[Found] = []
    for anchor in range(7):
        x, y, width, height, *scores = output[:, anchor].tolist()
        box = corners(x * sides[0], y * sides[1], width * sides[0], height * sides[1])
        expected.append((box, max(scores), scores.index(max(scores))))
    assert_alike(YoloV8(unit).decode(output, SIZE, as_they_are), expected)


@pytest.mark.parametrize(("unit", "sides"), [(BoxUnit.PIXELS, (1, 1, 1, 1)), (BoxUnit.FRACTIONS, (*SIZE, *SIZE))])
def test_xyxy_has_corners_a_score_and_a_class(unit: BoxUnit, sides: tuple[int, ...]) -> None:
    output = np.array([[0.25, 0.5, 0.75, 1, 0.9, 2], [0, 0, 0, 0, 0, 0]], np.float32)
    expected = [[0.25 * sides[0], 0.5 * sides[1], 0.75 * sides[2], 1 * sides[3]], [0, 0, 0, 0]]
    assert_alike(
        Xyxy(unit).decode(output, SIZE, as_they_are), [(expected[0], 0.9, 2), ([float(s) for s in expected[1]], 0, 0)]
    )


def test_what_cannot_be_the_index_of_a_class_is_none() -> None:
    output = np.array([[0, 0, 1, 1, 0.9, cls] for cls in (-1, 1e30, 7)], np.float32)
    assert Xyxy(BoxUnit.PIXELS).decode(output, SIZE, as_they_are).classes.tolist() == [-1, -1, 7]


def test_an_index_that_arithmetic_has_blurred_is_the_nearest() -> None:
    output = np.array([[0, 0, 1, 1, 0.9, cls] for cls in (6.9999, 7.0001)], np.float32)
    assert Xyxy(BoxUnit.PIXELS).decode(output, SIZE, as_they_are).classes.tolist() == [7, 7]


@given(seeds)
def test_an_activation_is_for_scores_and_leaves_boxes_alone(seed: int) -> None:
    output = random_output(seed, ANCHORS, 5 + CLASSES)
    scheme = YoloX(BoxUnit.GRID, STRIDES)
    plain, activated = scheme.decode(output, SIZE, as_they_are), scheme.decode(output, SIZE, sigmoid)
    assert np.array_equal(plain.boxes, activated.boxes)
    assert ((activated.scores > 0) & (activated.scores < 1)).all()


@pytest.mark.parametrize(
    ("scheme", "shape"),
    [
        (YoloX(BoxUnit.GRID, STRIDES), (ANCHORS, 5 + CLASSES)),
        (YoloX(BoxUnit.PIXELS, None), (7, 5 + CLASSES)),
        (YoloV8(BoxUnit.FRACTIONS), (4 + CLASSES, 7)),
        (Xyxy(BoxUnit.FRACTIONS), (7, 6)),
    ],
    ids=["yolox grid", "yolox pixels", "yolov8", "xyxy"],
)
@pytest.mark.parametrize("number", [3e38, -3e38, 100.0, 0.0])
def test_the_largest_numbers_that_a_model_can_answer_overflow_nothing(
    scheme: Scheme, shape: tuple[int, int], number: float
) -> None:
    decoded = scheme.decode(np.full(shape, number, np.float32), SIZE, sigmoid)
    assert np.isfinite(decoded.boxes).all()


@pytest.mark.parametrize(
    ("scheme", "shape", "classes"),
    [
        (YoloX(BoxUnit.GRID, STRIDES), (2, ANCHORS, 8), 3),
        (YoloX(BoxUnit.GRID, STRIDES), ("batch", None, None), None),
        (YoloX(BoxUnit.PIXELS, None), (2, 25200, 85), 80),
        (YoloV8(BoxUnit.PIXELS), (2, 84, 8400), 80),
        (YoloV8(BoxUnit.PIXELS), ("batch", "values", "anchors"), None),
        (Xyxy(BoxUnit.PIXELS), (2, 300, 6), None),
    ],
)
def test_a_shape_that_a_scheme_reads_says_how_many_classes_there_are(scheme: Scheme, shape: Any, classes: Any) -> None:
    assert (scheme.mismatch(shape, SIZE), scheme.classes(shape)) == (None, classes)


@pytest.mark.parametrize(
    ("scheme", "shape", "expected"),
    [
        (YoloX(BoxUnit.GRID, STRIDES), (2, 11, 8), r"\[N, 10, 5 \+ classes\].* strides \[8, 16\] over 32 x 16 pixels"),
        (YoloX(BoxUnit.GRID, STRIDES), (2, ANCHORS, 5), r"\[N, anchors, 5 \+ classes\]"),
        (YoloX(BoxUnit.PIXELS, None), (2, 8), r"\[N, anchors, 5 \+ classes\]"),
        (YoloV8(BoxUnit.PIXELS), (2, 4, 8400), r"\[N, 4 \+ classes, anchors\]"),
        (YoloV8(BoxUnit.PIXELS), (2, 2, 84, 8400), r"\[N, 4 \+ classes, anchors\]"),
        (Xyxy(BoxUnit.PIXELS), (2, 300, 7), r"\[N, boxes, 6\]"),
    ],
)
def test_a_shape_that_a_scheme_cannot_read_is_told_what_is_expected(scheme: Scheme, shape: Any, expected: str) -> None:
    assert re.match(expected, scheme.mismatch(shape, SIZE) or "")


@pytest.mark.parametrize("name", SCHEMES)
def test_a_scheme_stands_in_the_documentation(name: str) -> None:
    assert f"| `{name}` |" in DOCUMENTATION


@pytest.mark.parametrize(("name", "kind"), SCHEMES.items())
def test_a_scheme_is_registered_by_its_own_name(name: str, kind: Any) -> None:
    assert kind.__dataclass_fields__["scheme"].default == name
