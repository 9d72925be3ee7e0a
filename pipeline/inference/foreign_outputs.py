"""What a container that is not ours answers for one photo: the body of an `.out` file, read as scores.

    json_array     [0.1, 0.9]
    json_object    {"predictions": [{"scores": [0.1, 0.9]}]}, where the field is predictions.0.scores
    csv            0.1,0.9

A container of SageMaker's, or of the marketplace, takes the original photo, one a request, and knows nothing of shards;
Batch Transform stores its answer as it came, and by the photo's key (Developer Guide, "Batch transform for inference").
Which of the three it speaks, the container's own documentation says. A batch of one, [[0.1, 0.9]], is its one row.
"""

import csv
import json
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from pipeline.contract import Answer, AnswerFormat
from pipeline.errors import InvalidPrediction
from pipeline.inference.ranking import Scores

_EXCERPT = 120
_LARGEST = float(np.finfo(np.float32).max)


def read_scores(body: bytes, output: Answer, key: str) -> Scores:
    """The scores float32 [classes] in the answer for the photo at `key`, as they stand: no activation is applied.

    Raises InvalidPrediction, naming the key, where the answer is anything but finite numbers in the declared format.
    """
    answer = _Answer(body, output, key)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        answer.refuse("it is not UTF-8 text")
    return answer.numbers(answer.csv_row(text) if output.format is AnswerFormat.CSV else answer.json_row(text))


class _Answer:
    """One answer, while it is read."""

    def __init__(self, body: bytes, output: Answer, key: str) -> None:
        self._body = body
        self._output = output
        self._key = key

    def json_row(self, text: str) -> list[Any]:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            self.refuse(f"it is no JSON: {error}")
        if self._output.format is AnswerFormat.JSON_OBJECT:
            value = self._follow(value)
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
            value = value[0]
        if not isinstance(value, list):
            self.refuse(f"{self._place(self._output.path)} is no list of numbers")
        return value

    def csv_row(self, text: str) -> list[float]:
        try:
            rows = [[_number(cell) for cell in row] for row in csv.reader(text.splitlines(), strict=True) if row]
        except (csv.Error, ValueError) as error:
            self.refuse(f"it is no line of numbers: {error}")
        if len(rows) != 1:
            self.refuse(f"it has {len(rows)} lines; one photo has one")
        return rows[0]

    def numbers(self, row: list[Any]) -> Scores:
        """The row, where it holds numbers that a float32 can."""
        if not row:
            self.refuse("it holds no score at all")
        for index, value in enumerate(row):
            # A bool is an int in Python, and no score; NaN is not less than anything.
            if type(value) not in (int, float) or not abs(value) <= _LARGEST:
                self.refuse(f"score {index} is {value!r:.40}, which is no finite number")
        return np.array(row, np.float32)

    def refuse(self, why: str) -> NoReturn:
        excerpt = self._body[:_EXCERPT].decode(errors="replace")
        raise InvalidPrediction(
            f"{self._key}: the container's answer does not read as {self._output.format}: {why}. It begins {excerpt!r}."
        )

    def _follow(self, value: Any) -> Any:
        if not isinstance(value, dict):
            self.refuse("it is no object")
        for depth, step in enumerate(self._output.path):
            place = self._place(self._output.path[:depth])
            if isinstance(value, Mapping):
                if step not in value:
                    self.refuse(f"{place} has no {step!r}; it has {', '.join(map(repr, value)) or 'nothing':.200}")
                value = value[step]
            elif isinstance(value, list):
                if not (step.isascii() and step.isdecimal() and int(step) < len(value)):
                    self.refuse(f"{place} has {len(value)} elements, and no {step!r}")
                value = value[int(step)]
            else:
                self.refuse(f"{place} is neither an object nor a list: there is no {step!r} in it")
        return value

    def _place(self, path: tuple[str, ...]) -> str:
        return ".".join(path) if path else "the answer"


def _number(cell: str) -> float:
    """A cell of CSV as a number. Python's own reading takes more: `1_0` as ten, and digits of any script."""
    if "_" in cell or not cell.isascii():
        raise ValueError(f"{cell[:40]!r} is no number")
    return float(cell)
