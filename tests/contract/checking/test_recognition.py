"""Views of a photo, and how surely they are told to be of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract.checking.recognition import cut, recognition

RANDOM = np.random.default_rng(0)
CANVAS = RANDOM.integers(0, 256, (32, 48, 3), np.uint8)


def test_views_have_the_size_of_the_input() -> None:
    assert cut(CANVAS, 5, (16, 24), seed=0).shape == (5, 16, 24, 3)


def test_grey_pictures_stay_grey() -> None:
    assert cut(CANVAS[..., :1], 2, (16, 24), seed=0).shape == (2, 16, 24, 1)


def test_the_first_view_is_the_whole_picture() -> None:
    assert np.array_equal(cut(CANVAS, 1, (32, 48), seed=0)[0], CANVAS)


def test_every_second_view_is_mirrored() -> None:
    ramp = np.broadcast_to(np.arange(48, dtype=np.uint8)[None, :, None] * 5, (32, 48, 3))
    views = cut(np.ascontiguousarray(ramp), 6, (16, 24), seed=3).astype(int)
    rises = views[:, 8, -1, 0] > views[:, 8, 0, 0]
    assert rises.tolist() == [True, False] * 3


def test_one_seed_cuts_the_same_views() -> None:
    assert np.array_equal(cut(CANVAS, 4, (16, 24), seed=1), cut(CANVAS, 4, (16, 24), seed=1))
    assert not np.array_equal(cut(CANVAS, 4, (16, 24), seed=1), cut(CANVAS, 4, (16, 24), seed=2))


def answers(noise: float, photos: int = 8, views: int = 6) -> np.ndarray:
    random = np.random.default_rng(1)
    return random.normal(size=(photos, 1, 50)) + noise * random.normal(size=(photos, views, 50))


def test_answers_that_wander_with_the_crop_are_recognised_less() -> None:
    scores = [recognition([(answers(noise), 1.0)]).mean() for noise in (0.0, 0.5, 2.0)]
    assert scores == sorted(scores, reverse=True)


def test_answers_that_are_the_same_for_all_photos_recognise_nothing() -> None:
    same = np.broadcast_to(RANDOM.normal(size=50), (8, 6, 50))
    assert recognition([(same, 1.0)]) == pytest.approx(-np.log(8))


@given(st.floats(0.01, 100))
def test_larger_numbers_are_no_better(factor: float) -> None:
    values = answers(0.5)
    assert recognition([(factor * values, 1.0)]) == pytest.approx(recognition([(values, 1.0)]))


def test_ways_to_look_at_answers_add_up_by_their_weights() -> None:
    one, other = answers(0.5), answers(1.0)
    both = recognition([(one, 1.0), (other, 0.5)])
    assert both == pytest.approx(recognition([(one, 1.0)]) + 0.5 * recognition([(other, 1.0)]))


def test_answers_of_nothing_but_zeros_are_survived() -> None:
    assert np.isfinite(recognition([(np.zeros((5, 4, 3)), 1.0)])).all()
