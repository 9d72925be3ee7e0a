"""Boxes from a detector's output: overlaps against ONNX's own operator, places against Pillow's own pixels."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from PIL import Image

from pipeline.contract import (
    Anchor,
    CentreCrop,
    Detection,
    Interpolation,
    Letterbox,
    ModelContract,
    Squash,
    Task,
    parse_contract,
)
from pipeline.images.decode import Decoded, decode
from pipeline.images.geometry import source_box
from pipeline.inference.detection import detect, suppress
from pipeline.inference.schemes import BoxUnit, Candidates, Xyxy

RESIZES = [
    Squash(Interpolation.BILINEAR),
    CentreCrop(0.875, Interpolation.BILINEAR),
    CentreCrop(1.0, Interpolation.BILINEAR),
    Letterbox((0, 0, 0), Anchor.CENTRE, Interpolation.BILINEAR),
    Letterbox((0, 0, 0), Anchor.TOP_LEFT, Interpolation.BILINEAR),
]
# How a camera stores an upright picture, for each EXIF orientation.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def detector(
    width: int = 8, height: int = 8, resize: Any = RESIZES[0], iou_threshold: float = 0.5, max_boxes: int = 100
) -> ModelContract:
    """A contract whose model answers corners, in pixels of its input."""
    contract = parse_contract(
        {
            "version": 1,
            "name": "detector",
            "task": "detection",
            "input": {
                "name": "x",
                "dtype": "float32",
                "layout": "NCHW",
                "height": height,
                "width": width,
                "colour": "RGB",
            },
            "pixels": {"resize": {"method": "squash", "interpolation": "bilinear"}},
            "numbers": {"mean": 0, "std": 1},
            "output": {
                "name": "y",
                "activation": "none",
                "decode": {"scheme": "xyxy", "boxes": "pixels"},
                "score_threshold": 0.3,
                "iou_threshold": iou_threshold,
                "max_boxes": max_boxes,
            },
        }
    )
    return replace(contract, pixels=replace(contract.pixels, resize=resize))


def answer(*boxes: tuple[float, ...]) -> Any:
    """An output for one image: x0, y0, x1, y1, score, class."""
    return np.array(boxes, np.float32).reshape(-1, 6)


def non_max_suppression() -> onnxruntime.InferenceSession:
    """ONNX's NonMaxSuppression as a model of its own."""
    inputs = {
        "boxes": (TensorProto.FLOAT, [1, "n", 4]),
        "scores": (TensorProto.FLOAT, [1, "classes", "n"]),
        "most": (TensorProto.INT64, [1]),
        "iou": (TensorProto.FLOAT, [1]),
        "score": (TensorProto.FLOAT, [1]),
    }
    graph = helper.make_graph(
        [helper.make_node("NonMaxSuppression", list(inputs), ["selected"])],
        "graph",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info("selected", TensorProto.INT64, ["m", 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


ORACLE = non_max_suppression()


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 80), iou_threshold=st.sampled_from([0.1, 0.45, 0.7, 1.0]))
def test_overlaps_are_suppressed_as_onnx_does_it(seed: int, count: int, iou_threshold: float) -> None:
    random = np.random.default_rng(seed)
    centres, sizes = random.uniform(0, 20, (count, 2)), random.uniform(2, 12, (count, 2))
    boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
    scores, classes = random.uniform(0.01, 1, count), random.integers(0, 3, count)
    one_class_each = np.where(classes == np.arange(3)[:, np.newaxis], scores, 0).astype(np.float32)
    asked = {
        "boxes": boxes.astype(np.float32)[np.newaxis],
        "scores": one_class_each[np.newaxis],
        "most": np.array([count]),
        "iou": np.array([iou_threshold], np.float32),
        "score": np.array([0.001], np.float32),
    }
    expected = sorted(ORACLE.run(None, asked)[0][:, 2].tolist())
    kept = suppress(Candidates(boxes, scores, classes), Detection(Xyxy(BoxUnit.PIXELS), 0.001, iou_threshold, 1000))
    assert sorted(kept.tolist()) == expected
    assert scores[kept].tolist() == sorted(scores[kept].tolist(), reverse=True)


def test_no_more_than_max_boxes_are_kept_and_they_are_the_best() -> None:
    rows = [(index, 0, index + 0.5, 1, 0.4 + index / 20, 0) for index in range(8)]
    found = detect(answer(*rows), detector(max_boxes=2), (8, 8))
    assert found.scores.tolist() == pytest.approx([0.75, 0.7])


def test_boxes_of_two_classes_do_not_suppress_each_other() -> None:
    found = detect(answer((0, 0, 4, 4, 0.9, 0), (0, 0, 4, 4, 0.8, 1), (0, 0, 4, 4, 0.7, 1)), detector(), (8, 8))
    assert found.classes.tolist() == [0, 1]


def test_an_iou_threshold_of_one_keeps_what_a_graph_has_already_chosen() -> None:
    rows = [(0, 0, 4, 4, 0.9, 0), (0, 0, 4, 4, 0.8, 0)]
    assert len(detect(answer(*rows), detector(iou_threshold=1), (8, 8)).scores) == 2


def test_a_box_at_the_threshold_is_left_out() -> None:
    found = detect(answer((0, 0, 4, 4, 0.3, 0), (4, 4, 8, 8, 0.31, 0)), detector(), (8, 8))
    assert found.scores.tolist() == pytest.approx([0.31])


def test_nothing_found_is_no_box() -> None:
    assert detect(answer(), detector(), (8, 8)).boxes.shape == (0, 4)


def test_a_box_ends_where_the_image_does() -> None:
    found = detect(answer((-5, -5, 4, 100, 0.9, 0)), detector(), (80, 16))
    assert found.boxes.tolist() == [[0, 0, 40, 16]]


def test_boxes_overlap_where_the_image_has_ended_too() -> None:
    """As in the models' own code: of these two, 22 of 24 columns are shared, and half of what the image shows."""
    found = detect(answer((-20, 0, 4, 4, 0.9, 0), (-20, 0, 2, 4, 0.8, 0)), detector(), (8, 8))
    assert found.boxes.tolist() == [[0, 0, 4, 4]]


def test_a_box_beside_the_image_is_none() -> None:
    letterboxed = detector(resize=Letterbox((0, 0, 0), Anchor.TOP_LEFT, Interpolation.BOX))
    found = detect(answer((0, 5, 8, 8, 0.9, 0), (0, 0, 8, 4, 0.8, 1)), letterboxed, (16, 8))
    assert found.classes.tolist() == [1]


def test_corners_that_are_swapped_frame_nothing() -> None:
    assert detect(answer((4, 4, 0, 0, 0.9, 0)), detector(), (8, 8)).boxes.size == 0


def test_a_contract_of_another_task_says_nothing_of_boxes(contract: ModelContract) -> None:
    assert contract.task is Task.CLASSIFICATION
    with pytest.raises(ValueError, match="says nothing of boxes"):
        detect(answer(), contract, (8, 8))


def stored(picture: Image.Image, orientation: int) -> bytes:
    transpose = STORED[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    (picture if transpose is None else picture.transpose(transpose)).save(file, "PNG", exif=exif)
    return file.getvalue()


def edges(profile: Any) -> tuple[float, float]:
    """Where a bright bar begins and ends, to a fraction of a pixel: by its centre of mass, and by its mass."""
    width = profile.sum() / profile.max()
    centre = (profile * (np.arange(len(profile)) + 0.5)).sum() / profile.sum()
    return centre - width / 2, centre + width / 2


def mapped_back(file: bytes, contract: ModelContract) -> list[float]:
    """The box of a bright bar: seen on the model's input, and then in pixels of the original."""
    decoded = decode(file, contract)
    assert isinstance(decoded, Decoded)
    bright = np.where(decoded.pixels[..., 0] > 8, decoded.pixels[..., 0], 0).astype(float)
    (x0, x1), (y0, y1) = edges(bright.sum(axis=0)), edges(bright.sum(axis=1))
    found = detect(answer((x0, y0, x1, y1, 0.9, 0)), contract, (decoded.width, decoded.height))
    box: list[float] = found.boxes[0].tolist()
    return box


@settings(deadline=None)
@given(
    size=st.tuples(st.integers(40, 160), st.integers(40, 160)),
    target=st.tuples(st.integers(40, 96), st.integers(40, 96)),
    corner=st.tuples(st.floats(0.2, 0.45), st.floats(0.2, 0.45)),
    opposite=st.tuples(st.floats(0.6, 0.8), st.floats(0.6, 0.8)),
    resize=st.sampled_from(RESIZES),
    orientation=st.sampled_from(list(STORED)),
)
def test_a_box_that_was_seen_on_the_models_input_lies_on_the_original_within_a_pixel(
    size: tuple[int, int],
    target: tuple[int, int],
    corner: tuple[float, float],
    opposite: tuple[float, float],
    resize: Any,
    orientation: int,
) -> None:
    left, top, right, bottom = source_box(size, target, resize)
    x0, x1 = (round(left + part * (right - left)) for part in (corner[0], opposite[0]))
    y0, y1 = (round(top + part * (bottom - top)) for part in (corner[1], opposite[1]))
    picture = Image.new("RGB", size)
    picture.paste((255, 255, 255), (x0, y0, x1, y1))

    box = mapped_back(stored(picture, orientation), detector(*target, resize))

    assert box == pytest.approx([x0, y0, x1, y1], abs=1)


@pytest.mark.parametrize("resize", RESIZES, ids=lambda resize: resize.method)
def test_a_photo_that_was_decoded_smaller_has_its_boxes_where_they_are(resize: Any) -> None:
    """A JPEG may be decoded at an eighth of its size: the original's pixels are those of the file."""
    picture = Image.new("RGB", (1003, 801))
    picture.paste((255, 255, 255), (400, 300, 555, 511))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95)

    assert mapped_back(file.getvalue(), detector(48, 48, resize)) == pytest.approx([400, 300, 555, 511], abs=1)
