"""How surely a model knows a photo again in crops of itself: evidence about a contract that needs no labels.

    photo ──► crops of it, some mirrored ──► model ──► for each crop: which of all the photos is it from?

A model that is fed as it was trained answers much the same for every crop of one photo, and something else for another
photo. Fed wrongly it does either worse: its answers wander with the crop, or become the same for everything. Confidence
alone does not show it: ImageNet's mean and std make the numbers larger, and a network that is fed larger numbers is
surer of what it says, right or wrong.

It says nothing about how photos should be brought to size: other crops are what it is made of.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]

CANVAS = 2
"""How much larger than the input, on each side, the picture is that crops are cut from."""

_SMALLEST_CROP = 0.5
# Of a cosine. Much lower, and only the likeliest other photo counts; much higher, and all others count alike.
_TEMPERATURE = 0.4


def cut(canvas: Pixels, count: int, size: tuple[int, int], seed: int) -> Pixels:
    """`count` views uint8 [count, H, W, C] of a picture: itself, then crops anywhere in it; every second is mirrored.

    `size` is (H, W). The same seed cuts the same views out of every picture of this size.
    """
    random = np.random.default_rng(seed)
    height, width = canvas.shape[:2]
    picture = Image.fromarray(canvas[..., 0] if canvas.shape[2] == 1 else canvas)
    views = np.empty((count, *size, canvas.shape[2]), np.uint8)
    for index in range(count):
        side = random.uniform(_SMALLEST_CROP, 1) if index else 1.0
        left, top = random.uniform(0, 1 - side, 2) * (width, height)
        box = (left, top, left + side * width, top + side * height)
        view = np.asarray(picture.resize(size[::-1], Image.Resampling.BICUBIC, box)).reshape(views.shape[1:])
        views[index] = view[:, ::-1] if index % 2 else view
    return views


def recognition(answers: Sequence[tuple[npt.NDArray[np.floating[Any]], float]]) -> Floats:
    """For each photo the mean log-probability, in nats, with which its views are told to be of it: float64 [N] <= 0.

    `answers` are ways to look at what the model answered, each float [N, views, values] and a weight. N photos, all
    different, of at least two views.
    """
    total: Floats = np.sum([weight * _identified(values.astype(np.float64)) for values, weight in answers], axis=0)
    return total


def _identified(values: Floats) -> Floats:
    photos = len(values)
    directions = _unit(values)
    totals = directions.sum(axis=1)
    # A view is compared with what the other views of each photo say together; with its own photo, without itself.
    likeness: Floats = np.einsum("nvk,mk->nvm", directions, _unit(totals))
    own = np.arange(photos)
    likeness[own, :, own] = np.einsum("nvk,nvk->nv", directions, _unit(totals[:, None] - directions))
    exponents = likeness / _TEMPERATURE
    exponents -= exponents.max(axis=2, keepdims=True)
    logs = exponents - np.log(np.exp(exponents).sum(axis=2, keepdims=True))
    identified: Floats = logs[own, :, own].mean(axis=1)
    return identified


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    directions: Floats = vectors / np.maximum(lengths, np.finfo(np.float64).tiny)
    return directions
