"""Images that come with a request instead of lying in a bucket, and the lines that answer for them.

    {"image": 0, "name": "cat.jpg", "width": 640, "height": 480, "model": ..., "contract": ..., "top": [...]}
    {"image": 1, "name": "notes.txt", "reason": "not_an_image", "detail": "..."}

`image` counts from 0 in the order of the request; `name` is there where the client gave one. The answer itself is the
one of a run's predictions: `top`, `boxes` or `values` (pipeline/inference/predictions.py). One bad image costs only its
own line.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.errors import InvalidPrediction
from pipeline.images.decode import Decoded, decode
from pipeline.inference.predictions import Prediction
from pipeline.serving.model import ServedModel, unpacked
from pipeline.shards import Row, Shard, rows_per_shard


@dataclass(frozen=True, slots=True)
class Refused:
    """Why there is no prediction for an image: a reason for rejecting it, or the name of an error."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a request; or why it is none, where that is known before it is decoded."""

    data: bytes | memoryview
    name: str = ""
    refused: Refused | None = None


Answer = Prediction | Refused


def predict(model: ServedModel, uploads: Sequence[Upload]) -> list[Answer]:
    """An answer for each upload, in order. No more of them are pixels at a time than a shard has."""
    size = rows_per_shard(model.contract)
    parts = (uploads[start : start + size] for start in range(0, len(uploads), size))
    return [answer for part in parts for answer in _predict_part(model, part)]


def line(place: int, name: str, answer: Answer) -> str:
    """One line of JSON for the image at a place of the request."""
    named = {"image": place, **({"name": name} if name else {})}
    if isinstance(answer, Refused):
        return json.dumps({**named, "reason": answer.reason, "detail": answer.detail}) + "\n"
    size = {"width": answer.row.width, "height": answer.row.height}
    model = {"model": answer.model, "contract": answer.contract}
    return json.dumps({**named, **size, **model, **answer.answer}, allow_nan=False) + "\n"


def _predict_part(model: ServedModel, uploads: Sequence[Upload]) -> list[Answer]:
    """Each file is decoded into a place of its own, then those that were accepted are moved together."""
    images = np.empty((len(uploads), *model.contract.input.pixel_shape), np.uint8)

    def decoded(place: int) -> Row | Refused:
        upload = uploads[place]
        if upload.refused:
            return upload.refused
        found = decode(bytes(upload.data), model.contract, out=images[place])
        if isinstance(found, Decoded):
            return Row("", upload.name, "", len(upload.data), found.width, found.height)
        return Refused(found.reason, found.detail)

    found = model.map(decoded, range(len(uploads)))
    accepted = [place for place, each in enumerate(found) if isinstance(each, Row)]
    rows = tuple(each for each in found if isinstance(each, Row))
    if len(accepted) < len(uploads):
        images = images[accepted]
    answers = iter(_predict_rows(model, replace(unpacked(images, model.contract), rows=rows)))
    return [next(answers) if isinstance(each, Row) else each for each in found]


def _predict_rows(model: ServedModel, shard: Shard) -> list[Answer]:
    try:
        return list(model.predict(shard))
    except InvalidPrediction as error:
        if len(shard.rows) == 1:
            return [Refused(type(error).__name__, str(error))]
    # The model has no answer for one of them: each by itself, so that the others have theirs.
    return [
        answer
        for place, row in enumerate(shard.rows)
        for answer in _predict_rows(model, replace(shard, images=shard.images[place : place + 1], rows=(row,)))
    ]
