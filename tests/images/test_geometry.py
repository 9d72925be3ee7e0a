"""Boxes and sizes, for images and inputs of any shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract import Anchor, CentreCrop, Interpolation, Letterbox, Squash
from pipeline.images.geometry import centre_box, inner_size, letterbox_offset, placement, resized_size, source_box

sides = st.integers(1, 5000)
targets = st.tuples(st.integers(1, 512), st.integers(1, 512))


@given(size=st.tuples(sides, sides), target=targets, fraction=st.floats(0.01, 1))
def test_the_crop_lies_inside_the_image(size: tuple[int, int], target: tuple[int, int], fraction: float) -> None:
    left, top, right, bottom = centre_box(size, target, fraction)
    assert 0 <= left < right <= size[0]
    assert 0 <= top < bottom <= size[1]


@given(size=st.tuples(sides, sides), target=targets, fraction=st.floats(0.01, 1))
def test_the_crop_has_the_aspect_ratio_of_the_input(
    size: tuple[int, int], target: tuple[int, int], fraction: float
) -> None:
    left, top, right, bottom = centre_box(size, target, fraction)
    assert (right - left) * target[1] == pytest.approx((bottom - top) * target[0], rel=1e-6)


@given(size=st.tuples(sides, sides), side=st.integers(1, 512), fraction=st.floats(0.01, 1))
def test_the_crop_for_a_square_input_is_a_fraction_of_the_shorter_side(
    size: tuple[int, int], side: int, fraction: float
) -> None:
    left, _, right, _ = centre_box(size, (side, side), fraction)
    assert right - left == pytest.approx(fraction * min(size))


@given(
    size=st.tuples(sides, sides),
    target=targets,
    resize=st.one_of(
        st.builds(CentreCrop, st.floats(0.01, 1), st.just(Interpolation.BOX)),
        st.just(Squash(Interpolation.BOX)),
        st.builds(Letterbox, st.just((0, 0, 0)), st.sampled_from(Anchor), st.just(Interpolation.BOX)),
    ),
)
def test_what_the_resize_reads_is_placed_where_the_resize_puts_it(
    size: tuple[int, int], target: tuple[int, int], resize: CentreCrop | Squash | Letterbox
) -> None:
    placed = placement(size, target, resize)
    box = source_box(size, target, resize)
    inner = resized_size(size, target, resize)
    corner = letterbox_offset(inner, target, resize.anchor) if isinstance(resize, Letterbox) else (0, 0)
    for axis in (0, 1):
        first, last = (box[axis + side] * placed.scale[axis] + placed.offset[axis] for side in (0, 2))
        assert (first, last) == pytest.approx((corner[axis], corner[axis] + inner[axis]), abs=1e-6)


@given(size=st.tuples(sides, sides), target=targets)
def test_a_letterboxed_image_touches_two_sides_of_its_canvas(size: tuple[int, int], target: tuple[int, int]) -> None:
    width, height = inner_size(size, target)
    assert 1 <= width <= target[0]
    assert 1 <= height <= target[1]
    assert width == target[0] or height == target[1]


@given(size=st.tuples(sides, sides), target=targets, anchor=st.sampled_from(Anchor))
def test_a_letterboxed_image_lies_on_its_canvas(size: tuple[int, int], target: tuple[int, int], anchor: Anchor) -> None:
    inner = inner_size(size, target)
    x, y = letterbox_offset(inner, target, anchor)
    assert 0 <= x <= target[0] - inner[0]
    assert 0 <= y <= target[1] - inner[1]
