"""The tables that people use: predictions.parquet, rejected.csv and failed.csv. Their columns: docs/results.md.

Each is written to a file as its rows come, so that memory does not grow with the run.
"""

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from io import TextIOWrapper
from types import TracebackType
from typing import BinaryIO, Self

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.results.predicted import PREDICTIONS_SCHEMA, Predicted
from pipeline.results.reconcile import Failed
from pipeline.validation.verdicts import Rejected

PREDICTIONS = "predictions.parquet"
REJECTED = "rejected.csv"
FAILED = "failed.csv"

REJECTED_COLUMNS = ("bucket", "key", "etag", "size", "reason", "detail", "notes", "quarantined")
FAILED_COLUMNS = ("bucket", "key", "etag", "size", "partition", "error", "detail")

# A row group is what a reader holds at once: some 20,000 images with five labels each, or fewer whose answers are long.
_NUMBERS_PER_ROW_GROUP = 200_000
_NUMBERS_BESIDE_LISTS = 5
_TIME = PREDICTIONS_SCHEMA.field("predicted_at").type


class PredictionsTable:
    """predictions.parquet, while it is being written to `file`. Use as a context manager."""

    def __init__(self, file: BinaryIO) -> None:
        self._writer = pq.ParquetWriter(file, PREDICTIONS_SCHEMA, compression="zstd")
        self._batches: list[pa.RecordBatch] = []
        self._numbers = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(self, predicted: Predicted, predicted_at: datetime) -> None:
        """Take the predictions of one shard, in the order of its rows."""
        count = len(predicted)
        rows = pa.array(range(count), pa.int32())
        self._add(predicted, [predicted_at] * count, predicted.columns.column("shard"), rows)

    def add_unpacked(self, predicted: Predicted, predicted_at: Sequence[datetime]) -> None:
        """Take predictions of photos whose pixels are in no shard, each with its time."""
        nowhere = pa.nulls(len(predicted))
        self._add(predicted, predicted_at, nowhere, nowhere)

    def _add(self, predicted: Predicted, predicted_at: Sequence[datetime], shard: pa.Array, row: pa.Array) -> None:
        if not len(predicted):
            return
        named = dict(zip(predicted.columns.schema.names, predicted.columns.columns, strict=True))
        named |= {"predicted_at": pa.array(predicted_at, _TIME), "shard": shard, "shard_row": row}
        columns = [named[field.name].cast(field.type) for field in PREDICTIONS_SCHEMA]
        self._batches.append(pa.record_batch(columns, schema=PREDICTIONS_SCHEMA))
        self._numbers += _NUMBERS_BESIDE_LISTS * len(predicted) + predicted.numbers
        if self._numbers >= _NUMBERS_PER_ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._batches:
            self._writer.write_table(pa.Table.from_batches(self._batches, PREDICTIONS_SCHEMA))
        self._batches, self._numbers = [], 0


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
