"""Scores and the top-k, against the plain formulas and Python's own sort."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pipeline.contract import Activation
from pipeline.inference.ranking import activate, top_k

logits = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.floats(-1e4, 1e4, width=32))
tied = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.sampled_from([0.0, 0.5, 1.0]))


@given(logits)
def test_softmax_is_softmax(values: np.ndarray) -> None:
    exact = np.exp(values.astype(np.float64) - values.max(axis=1, keepdims=True))
    exact /= exact.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(activate(values, Activation.SOFTMAX), exact, atol=1e-5)


@given(logits)
def test_sigmoid_is_sigmoid(values: np.ndarray) -> None:
    with np.errstate(over="ignore"):
        exact = 1 / (1 + np.exp(-values.astype(np.float64)))
    np.testing.assert_allclose(activate(values, Activation.SIGMOID), exact, atol=1e-6)


@given(logits)
def test_no_activation_leaves_the_output_alone(values: np.ndarray) -> None:
    assert np.array_equal(activate(values, Activation.NONE), values)


@pytest.mark.parametrize("activation", list(Activation))
def test_scores_of_half_precision_are_computed_in_float32(activation: Activation) -> None:
    scores = activate(np.array([[60000, 1]], np.float16), activation)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


@given(scores=st.one_of(logits, tied), k=st.integers(1, 25))
def test_the_top_k_are_the_first_of_a_stable_sort(scores: np.ndarray, k: int) -> None:
    expected = [sorted(range(len(row)), key=lambda index: -row[index])[:k] for row in scores]
    assert top_k(scores, k).tolist() == expected
