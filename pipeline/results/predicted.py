"""The predictions of a shard as columns: read from its lines, compared with verdicts, counted, written to Parquet.

A million lines take minutes as Python's objects. Labels and vectors, which nearly all runs have, are read by pyarrow,
whose threads do not wait for each other. What it does not take, another task's answer or a line out of the ordinary,
is read line by line (pipeline/inference/predictions.py), and that says what is wrong with it.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

from pipeline.inference import arrays
from pipeline.inference.predictions import Prediction, read_lines

_SIDES = ("x0", "y0", "x1", "y1")

# A nullable column says so by being null where the task has no such answer; nothing else in a row is ever null.
PREDICTIONS_SCHEMA = pa.schema(
    [
        pa.field("image_uri", pa.string(), nullable=False),
        pa.field("bucket", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("etag", pa.string(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("label", pa.string()),
        pa.field("score", pa.float32()),
        pa.field("labels", pa.list_(pa.string())),
        pa.field("scores", pa.list_(pa.float32())),
        # Not `values`, as the lines have it: that, as `array`, is a word of SQL, and would need quotes in every query.
        pa.field("embedding", pa.list_(pa.float32())),
        pa.field("model", pa.string(), nullable=False),
        pa.field("contract", pa.string(), nullable=False),
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("predicted_at", pa.timestamp("us", tz="UTC"), nullable=False),
        # Named sides, where a list of four could as well be a corner and a size: boxes[1].x0, in DuckDB and in Athena.
        pa.field("boxes", pa.list_(pa.struct([pa.field(side, pa.float32()) for side in _SIDES]))),
        pa.field("array_file", pa.string()),
        pa.field("array_row", pa.int32()),
        # Where the image's pixels are, for as long as the shard is kept: what shows images need not decode them again.
        pa.field("shard", pa.string()),
        pa.field("shard_row", pa.int32()),
    ]
)

_OF_THE_FILE = ("predicted_at", "shard_row")
"""Columns that no line holds."""
_COLUMNS = pa.schema([field for field in PREDICTIONS_SCHEMA if field.name not in _OF_THE_FILE])

_TOP = pa.struct([("label", pa.string()), ("index", pa.int64()), ("score", pa.float64())])
_TEXTS = ("bucket", "key", "etag", "model", "contract", "run_id", "shard")
_COUNTS = ("size", "width", "height")
_LINE = pa.schema(
    [
        ("image_uri", pa.string()),
        *((name, pa.string()) for name in _TEXTS),
        *((name, PREDICTIONS_SCHEMA.field(name).type) for name in _COUNTS),
        ("top", pa.list_(_TOP)),
        ("values", pa.list_(pa.float64())),
    ]
)
_PARSING = arrow_json.ParseOptions(explicit_schema=_LINE, unexpected_field_behavior="error")


class Predicted:
    """Predictions, in their order. `columns` are those of predictions.parquet that the lines of a shard hold."""

    __slots__ = ("columns",)

    def __init__(self, columns: pa.RecordBatch) -> None:
        self.columns = columns

    @classmethod
    def of(cls, predictions: Iterable[Prediction]) -> Self:
        return cls(pa.RecordBatch.from_pylist(list(map(_row, predictions)), schema=_COLUMNS))

    @classmethod
    def parse(cls, lines: bytes) -> Self:
        """The predictions in a file of lines. Raises CorruptPredictions where a line is none."""
        columns = _parse(lines)
        return cls.of(read_lines(lines.split(b"\n"))) if columns is None else cls(columns)

    def __len__(self) -> int:
        return int(self.columns.num_rows)

    @property
    def images(self) -> list[tuple[str, str]]:
        """Key and ETag of each image: the same key with other bytes is another image."""
        return self._pairs("key", "etag")

    def named(self, column: str) -> set[str]:
        """The values of a column of texts, each once."""
        return set(self.columns.column(column).unique().to_pylist())

    @property
    def array_rows(self) -> list[tuple[str | None, int | None]]:
        """Of each image, the file among the results that has its whole answer, and the row in it."""
        return self._pairs("array_file", "array_row")

    @property
    def answers(self) -> Iterator[list[tuple[str, float]]]:
        """Of each image, the best label and its score, or those of its boxes, or nothing where the task has none."""
        if self.columns.column("boxes").null_count < len(self):
            for labels, scores in self._pairs("labels", "scores"):
                yield list(zip(labels, scores, strict=True))
        else:
            for label, score in self._pairs("label", "score"):
                yield [] if label is None else [(label, score)]

    @property
    def without_boxes(self) -> int:
        """How many images a detector has found nothing in."""
        boxes = self.columns.column("boxes")
        if boxes.null_count == len(boxes):
            return 0
        return int(pc.sum(pc.equal(pc.list_value_length(boxes), 0)).as_py() or 0)

    @property
    def numbers(self) -> int:
        """How many values there are in lists: what makes a row long."""
        labels, vectors, boxes = (self.columns.column(name).flatten() for name in ("labels", "embedding", "boxes"))
        return len(labels) + len(vectors) + len(_SIDES) * len(boxes)

    def _pairs(self, first: str, second: str) -> list[tuple[Any, Any]]:
        columns = (self.columns.column(name).to_pylist() for name in (first, second))
        return list(zip(*columns, strict=True))


def _row(prediction: Prediction) -> dict[str, Any]:
    row, top, boxes = prediction.row, prediction.top, prediction.boxes
    is_labelled = bool(top) or boxes is not None
    return {
        "image_uri": row.image_uri,
        "bucket": row.bucket,
        "key": row.key,
        "etag": row.etag,
        "size": row.size,
        "width": row.width,
        "height": row.height,
        "label": top[0].label if top else None,
        "score": top[0].score if top else None,
        "labels": [ranked.label for ranked in top] if is_labelled else None,
        "scores": [ranked.score for ranked in top] if is_labelled else None,
        "embedding": prediction.values or None,
        "model": prediction.model,
        "contract": prediction.contract,
        "run_id": prediction.run_id,
        "boxes": None if boxes is None else [dict(zip(_SIDES, box, strict=True)) for box in boxes],
        "array_file": None if prediction.array is None else f"{arrays.FOLDER}{prediction.array}",
        "array_row": prediction.array_row,
        "shard": prediction.shard,
    }


def _parse(lines: bytes) -> pa.RecordBatch | None:
    """The columns of lines that hold labels, or vectors, and nothing that pyarrow would read otherwise than Python."""
    # pyarrow takes bytes in a text that are no UTF-8, and several documents on a line.
    count = lines.count(b"\n")
    if not count or not lines.endswith(b"\n") or not lines.isascii():
        return None
    reading = arrow_json.ReadOptions(use_threads=False, block_size=len(lines) + 1)
    try:
        table = arrow_json.read_json(pa.BufferReader(lines), read_options=reading, parse_options=_PARSING)
    except (pa.ArrowException, ValueError):
        return None
    (read,) = table.to_batches() or (None,)
    if read is None or read.num_rows != count:
        return None
    found = {name: read.column(name) for name in read.schema.names}
    if any(found[name].null_count for name in (*_TEXTS, *_COUNTS)):
        return None
    if any(pc.min(found[name]).as_py() < 0 for name in _COUNTS):
        return None
    answer = _labels(found["top"], found["values"]) or _vectors(found["top"], found["values"])
    if answer is None:
        return None
    uri = pc.binary_join_element_wise(pa.scalar("s3://"), found["bucket"], pa.scalar("/"), found["key"], pa.scalar(""))
    filled = {**found, **answer, "image_uri": uri}
    columns = [filled[field.name] if field.name in filled else pa.nulls(count, field.type) for field in _COLUMNS]
    return pa.record_batch(columns, schema=_COLUMNS)


def _labels(top: pa.ListArray, values: pa.ListArray) -> dict[str, pa.Array] | None:
    if top.null_count or values.null_count < len(values) or pc.min(pc.list_value_length(top)).as_py() < 1:
        return None
    ranked = top.flatten()
    labels, indices, scores = (ranked.field(name) for name in ("label", "index", "score"))
    if ranked.null_count or labels.null_count or indices.null_count or not _all_finite(scores):
        return None
    scores, first = scores.cast(pa.float32(), safe=False), top.offsets[:-1]
    return {
        "label": labels.take(first),
        "score": scores.take(first),
        "labels": pa.ListArray.from_arrays(top.offsets, labels),
        "scores": pa.ListArray.from_arrays(top.offsets, scores),
        "embedding": pa.nulls(len(values), _COLUMNS.field("embedding").type),
    }


def _vectors(top: pa.ListArray, values: pa.ListArray) -> dict[str, pa.Array] | None:
    if top.null_count < len(top) or values.null_count or pc.min(pc.list_value_length(values)).as_py() < 1:
        return None
    numbers = values.flatten()
    if not _all_finite(numbers):
        return None
    return {"embedding": pa.ListArray.from_arrays(values.offsets, numbers.cast(pa.float32(), safe=False))}


def _all_finite(numbers: pa.Array) -> bool:
    return not numbers.null_count and bool(pc.all(pc.is_finite(numbers)).as_py())
