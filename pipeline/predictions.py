"""A prediction as it lies in S3: one line of JSON for one image, written by infer.py and read by AggregatePredictions.

    predictions/<partition>/<shard>.jsonl           one `Prediction` a line, in the order of the shard's rows
    predictions/<partition>/<shard>.failed.json     a `ShardFailure`, where the shard could not be predicted

A shard ends in one of the two, unless its job died. Where both lie there (a retry succeeded), the predictions count.
Lines are ASCII, so that no character of a key (U+2028, say) can end a line early.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from pipeline.errors import CorruptPredictions
from pipeline.shards import Row

PREDICTIONS_SUFFIX = ".jsonl"
FAILURE_SUFFIX = ".failed.json"


@dataclass(frozen=True, slots=True)
class Ranked:
    """One of the top-k answers for an image."""

    label: str
    index: int
    score: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says about one image.

    `top` holds the top-k answers, the best first, for the tasks classification and multilabel; `values` holds the
    model's flattened output for the tasks embedding and raw. The other one is empty.
    """

    row: Row
    model: str
    contract: str
    run_id: str
    shard: str
    top: tuple[Ranked, ...] = ()
    values: tuple[float, ...] = ()

    def to_line(self) -> str:
        """One line of JSON, with its newline."""
        document: dict[str, Any] = {
            "image_uri": self.row.image_uri,
            **asdict(self.row),
            "model": self.model,
            "contract": self.contract,
            "run_id": self.run_id,
            "shard": self.shard,
        }
        if self.values:
            document["values"] = self.values
        else:
            document["top"] = [{"label": t.label, "index": t.index, "score": t.score} for t in self.top]
        return json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":")) + "\n"

    @classmethod
    def from_line(cls, line: str | bytes) -> Self:
        """The prediction in a line. Raises CorruptPredictions where the line is none."""
        try:
            document = json.loads(line)
            top = tuple(
                Ranked(str(each["label"]), int(each["index"]), float(each["score"])) for each in document.get("top", ())
            )
            values = tuple(float(value) for value in document.get("values", ()))
            prediction = cls(
                row=Row.from_json(document),
                model=str(document["model"]),
                contract=str(document["contract"]),
                run_id=str(document["run_id"]),
                shard=str(document["shard"]),
                top=top,
                values=values,
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CorruptPredictions(f"{_excerpt(line)} is no prediction: {error!r}") from error
        if not top and not values:
            raise CorruptPredictions(f"{_excerpt(line)} predicts nothing: it has neither top nor values")
        if not all(math.isfinite(number) for number in (*values, *(each.score for each in top))):
            raise CorruptPredictions(f"{_excerpt(line)} holds a number that is not finite")
        return prediction


@dataclass(frozen=True, slots=True)
class ShardFailure:
    """Why a shard has no predictions, in the words of the error that stopped it."""

    shard: str
    error: str
    cause: str

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
