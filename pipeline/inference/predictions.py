"""A prediction as it lies in S3: one line of JSON for one image, written by jobs and read by AggregatePredictions.

    predictions/<partition>/<shard>.jsonl           one `Prediction` a line, in the order of the shard's rows
    predictions/<partition>/<shard>.safetensors.out the same, as Batch Transform names what serve.py answers
    predictions/<partition>/<shard>.npy             for the task raw, the model's answers: pipeline/inference/arrays.py
    predictions/<partition>/<shard>.failed.json     a `ShardFailure`, where the shard could not be predicted

A shard ends as predictions or as a failure, unless its job died: what a transform job fails at leaves nothing. Where
both lie there (a retry succeeded), the predictions count.
Lines are ASCII, so that no character of a key (U+2028, say) can end a line early.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from pipeline import shards
from pipeline.errors import CorruptPredictions
from pipeline.inference import arrays
from pipeline.shards import Row

PREDICTIONS_SUFFIX = ".jsonl"
TRANSFORM_SUFFIX = f"{shards.SUFFIX}.out"
FAILURE_SUFFIX = ".failed.json"


# Made once: a GPU has 20,000 lines in a second, and json.dumps would make it for each of them.
_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Ranked:
    """One of the top-k answers for an image, or what one of its boxes holds."""

    label: str
    index: int
    score: float


Box = tuple[float, float, float, float]
"""x0, y0, x1, y1, in pixels of the original image, upright: the edges of what the box frames."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says about one image: the fields that its task fills, while the others stay empty.

    classification, multilabel    `top`: the top-k answers, the best first
    detection                     `top` and `boxes`: an answer for each box, the best first; both empty without any box
    embedding                     `values`: the model's flattened output
    raw                           `array_row`: which row of the shard's array the output is
    """

    row: Row
    model: str
    contract: str
    run_id: str
    shard: str
    top: tuple[Ranked, ...] = ()
    values: tuple[float, ...] = ()
    boxes: tuple[Box, ...] | None = None
    array_row: int | None = None

    @property
    def array(self) -> str | None:
        """The file that has row `array_row`, beside the line or in the folder of the results' arrays."""
        return None if self.array_row is None else arrays.file_name(self.shard)

    def to_line(self) -> str:
        """One line of JSON, with its newline."""
        document = {
            "image_uri": self.row.image_uri,
            **{name: getattr(self.row, name) for name in Row.__slots__},
            "model": self.model,
            "contract": self.contract,
            "run_id": self.run_id,
            "shard": self.shard,
            **self.answer,
        }
        return _encode(document) + "\n"

    @property
    def answer(self) -> dict[str, Any]:
        """What the line says of the image, without saying which it is."""
        if self.array_row is not None:
            return {"array": self.array, "array_row": self.array_row}
        if self.values:
            return {"values": self.values}
        top = [{"label": each.label, "index": each.index, "score": each.score} for each in self.top]
        if self.boxes is None:
            return {"top": top}
        return {"boxes": [{**each, "box": box} for each, box in zip(top, self.boxes, strict=True)]}

    @classmethod
    def from_line(cls, line: str | bytes) -> Self:
        """The prediction in a line. Raises CorruptPredictions where the line is none."""
        try:
            document = json.loads(line)
            found = document.get("boxes")
            prediction = cls(
                row=Row.from_json(document),
                model=str(document["model"]),
                contract=str(document["contract"]),
                run_id=str(document["run_id"]),
                shard=str(document["shard"]),
                top=tuple(map(_ranked, document.get("top", ()) if found is None else found)),
                values=tuple(float(value) for value in document.get("values", ())),
                boxes=None if found is None else tuple(_box(each["box"]) for each in found),
                array_row=_array_row(document.get("array_row")),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CorruptPredictions(f"{_excerpt(line)} is no prediction: {error!r}") from error
        prediction._check(line)
        return prediction

    def _check(self, line: str | bytes) -> None:
        if not self.top and not self.values and self.boxes is None and self.array_row is None:
            raise CorruptPredictions(
                f"{_excerpt(line)} predicts nothing: it has neither top, nor boxes, nor values, nor a row of an array"
            )
        numbers = (
            *self.values,
            *(each.score for each in self.top),
            *(side for box in self.boxes or () for side in box),
        )
        if not all(map(math.isfinite, numbers)):
            raise CorruptPredictions(f"{_excerpt(line)} holds a number that is not finite")


def _ranked(document: Mapping[str, Any]) -> Ranked:
    return Ranked(str(document["label"]), int(document["index"]), float(document["score"]))


def _array_row(value: Any) -> int | None:
    if value is not None and (type(value) is not int or value < 0):
        raise TypeError(f"array_row should be a whole number from 0: {value!r}")
    return value


def _box(sides: Sequence[Any]) -> Box:
    x0, y0, x1, y1 = map(float, sides)
    return x0, y0, x1, y1


@dataclass(frozen=True, slots=True)
class ShardFailure:
    """Why a shard has no predictions, in the words of the error that stopped it."""

    shard: str
    error: str
    cause: str

    @classmethod
    def of(cls, shard: str, error: Exception) -> Self:
        """The failure of a shard that this error stopped."""
        return cls(shard, type(error).__name__, str(error))

    def to_json(self) -> str:
        """A JSON document."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The failure in a document. Raises CorruptPredictions where it is none."""
        try:
            document: Mapping[str, Any] = json.loads(text)
            return cls(str(document["shard"]), str(document["error"]), str(document["cause"]))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CorruptPredictions(f"{_excerpt(text)} is no record of a failed shard: {error!r}") from error


def read_lines(lines: Iterable[bytes | str]) -> Iterator[Prediction]:
    """The predictions in the lines of a file; empty lines are passed over."""
    return (Prediction.from_line(line) for line in lines if line.strip())


def _excerpt(line: str | bytes | Sequence[Any]) -> str:
    text = repr(line)
    return text if len(text) <= 200 else f"{text[:200]}..."
