"""The tables that people use: predictions.parquet, rejected.csv and failed.csv. Their columns: docs/results.md.

Each is written row by row to a file, so that memory does not grow with the run.
"""

import csv
from collections.abc import Iterable
from datetime import datetime
from io import TextIOWrapper
from types import TracebackType
from typing import Any, BinaryIO, Self

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.inference import arrays
from pipeline.inference.predictions import Prediction
from pipeline.results.reconcile import Failed
from pipeline.validation.verdicts import Rejected

PREDICTIONS = "predictions.parquet"
REJECTED = "rejected.csv"
FAILED = "failed.csv"

REJECTED_COLUMNS = ("bucket", "key", "etag", "size", "reason", "detail", "notes", "quarantined")
FAILED_COLUMNS = ("bucket", "key", "etag", "size", "partition", "error", "detail")

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
        pa.field("values", pa.list_(pa.float32())),
        pa.field("model", pa.string(), nullable=False),
        pa.field("contract", pa.string(), nullable=False),
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("predicted_at", pa.timestamp("us", tz="UTC"), nullable=False),
        # Named sides, where a list of four could as well be a corner and a size: boxes[1].x0, in DuckDB and in Athena.
        pa.field("boxes", pa.list_(pa.struct([pa.field(side, pa.float32()) for side in _SIDES]))),
        pa.field("array", pa.string()),
        pa.field("array_row", pa.int32()),
        # Where the image's pixels are, for as long as the shard is kept: what shows images need not decode them again.
        pa.field("shard", pa.string()),
        pa.field("shard_row", pa.int32()),
    ]
)

# A row group is what a reader holds at once: some 20,000 images with five labels each, or fewer whose answers are long.
_NUMBERS_PER_ROW_GROUP = 200_000


class PredictionsTable:
    """predictions.parquet, while it is being written to `file`. Use as a context manager."""

    def __init__(self, file: BinaryIO) -> None:
        self._writer = pq.ParquetWriter(file, PREDICTIONS_SCHEMA, compression="zstd")
        self._rows: list[dict[str, Any]] = []
        self._numbers = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(self, predictions: Iterable[Prediction], predicted_at: datetime) -> None:
        """Take the predictions of one shard, in the order of its rows."""
        for row, prediction in enumerate(predictions):
            self._add(prediction, predicted_at, prediction.shard, row)
        self._flush_what_is_enough()

    def add_unpacked(self, predictions: Iterable[tuple[Prediction, datetime]]) -> None:
        """Take predictions of photos whose pixels are in no shard, each with its time."""
        for prediction, predicted_at in predictions:
            self._add(prediction, predicted_at, None, None)
        self._flush_what_is_enough()

    def _add(self, prediction: Prediction, predicted_at: datetime, shard: str | None, row: int | None) -> None:
        self._rows.append(_columns(prediction, predicted_at) | {"shard": shard, "shard_row": row})
        self._numbers += 5 + len(prediction.top) + len(prediction.values) + 4 * len(prediction.boxes or ())

    def _flush_what_is_enough(self) -> None:
        if self._numbers >= _NUMBERS_PER_ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_batch(pa.RecordBatch.from_pylist(self._rows, schema=PREDICTIONS_SCHEMA))
        self._rows, self._numbers = [], 0


def _columns(prediction: Prediction, predicted_at: datetime) -> dict[str, Any]:
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
        "values": prediction.values or None,
        "model": prediction.model,
        "contract": prediction.contract,
        "run_id": prediction.run_id,
        "predicted_at": predicted_at,
        "boxes": None if boxes is None else [dict(zip(_SIDES, box, strict=True)) for box in boxes],
        "array": None if prediction.array is None else f"{arrays.FOLDER}{prediction.array}",
        "array_row": prediction.array_row,
    }


class CsvTable:
    """A CSV file (RFC 4180, UTF-8, with a header) while it is being written to `file`."""

    def __init__(self, file: BinaryIO, columns: Iterable[str]) -> None:
        self._text = TextIOWrapper(file, encoding="utf-8", newline="")
        self._writer = csv.writer(self._text)
        self._writer.writerow(columns)

    def add_rejected(self, rejected: Iterable[Rejected]) -> None:
        self._writer.writerows(
            (
                image.bucket,
                image.key,
                image.etag,
                image.size,
                image.reason,
                image.detail,
                "; ".join(image.notes),
                image.quarantined,
            )
            for image in rejected
        )

    def add_failed(self, failed: Iterable[Failed]) -> None:
        self._writer.writerows(
            (
                image.row.bucket,
                image.row.key,
                image.row.etag,
                image.row.size,
                image.partition,
                image.error,
                image.detail,
            )
            for image in failed
        )

    def close(self) -> None:
        """Write what is buffered and let go of the file, which stays open."""
        self._text.detach()
