"""The tables that people use: predictions.parquet, rejected.csv and failed.csv. Their columns: docs/results.md.

Each is written to a file as its rows come, so that memory does not grow with the run. What was rejected is written as
Parquet, too, for who asks about many runs at once (pipeline/results/publishing.py).
"""

import csv
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime
from io import TextIOWrapper
from types import TracebackType
from typing import BinaryIO, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.objects import s3_uri
from pipeline.results.predicted import PREDICTIONS_SCHEMA, Predicted
from pipeline.results.reconcile import Failed
from pipeline.validation.verdicts import Rejected

REJECTED_COLUMNS = ("bucket", "key", "etag", "size", "reason", "detail", "notes", "quarantined")
FAILED_COLUMNS = ("bucket", "key", "etag", "size", "partition", "error", "detail")

REJECTED_SCHEMA = pa.schema(
    [
        pa.field(name, pa.int64() if name == "size" else pa.string(), nullable=False)
        for name in ("image_uri", *REJECTED_COLUMNS, "run_id")
    ]
)
"""Of the published table of rejected images: the columns of rejected.csv, and those by which it is joined."""

# A row group is what a reader holds at once: some 20,000 images with five labels each, or fewer whose answers are long.
_NUMBERS_PER_ROW_GROUP = 200_000
_NUMBERS_BESIDE_LISTS = 5
# Predictions come in the order of their keys. Whole, that order would leave every label in every row group, and sorted
# by label, every folder. Stretches of a few groups, each sorted by label, let both kinds of query pass most groups
# over. Of the fifty of a million images, a folder is in 6 to 12, and a label in 9 to 18: docs/performance.md.
_GROUPS_SORTED_TOGETHER = 6
_REJECTED_PER_ROW_GROUP = 20_000
_TIME = PREDICTIONS_SCHEMA.field("predicted_at").type


class _ParquetTable(ABC):
    """A Parquet file while it is being written to `file`. Use as a context manager."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(file, schema, compression="zstd")
        self._batches: list[pa.RecordBatch] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._batches:
            self._flush()
        self._writer.close()

    @abstractmethod
    def _flush(self) -> None:
        """Write what has gathered."""

    def _taken(self) -> pa.Table:
        """What was not written yet, which then counts as written."""
        table = pa.Table.from_batches(self._batches, self._schema)
        self._batches = []
        return table


class PredictionsTable(_ParquetTable):
    """predictions.parquet, in row groups of bounded size. Rows come by key, and are sorted by label in stretches."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, PREDICTIONS_SCHEMA)
        self._numbers = 0

    def add(self, predicted: Predicted, predicted_at: datetime) -> None:
        """Take the predictions of one shard, in the order of its rows."""
        count = len(predicted)
        rows = pa.array(range(count), pa.int32())
        time = pa.repeat(pa.scalar(predicted_at, _TIME), count)
        self._add(predicted, time, predicted.columns.column("shard"), rows)

    def add_unpacked(self, predicted: Predicted, predicted_at: Sequence[datetime]) -> None:
        """Take predictions of photos whose pixels are in no shard, each with its time."""
        nowhere = pa.nulls(len(predicted))
        self._add(predicted, pa.array(predicted_at, _TIME), nowhere, nowhere)

    def _add(self, predicted: Predicted, predicted_at: pa.Array, shard: pa.Array, row: pa.Array) -> None:
        if not len(predicted):
            return
        named = dict(zip(predicted.columns.schema.names, predicted.columns.columns, strict=True))
        named |= {"predicted_at": predicted_at, "shard": shard, "shard_row": row}
        columns = [
            column if column.type == field.type else column.cast(field.type)
            for field, column in ((field, named[field.name]) for field in PREDICTIONS_SCHEMA)
        ]
        self._batches.append(pa.record_batch(columns, schema=PREDICTIONS_SCHEMA))
        self._numbers += _NUMBERS_BESIDE_LISTS * len(predicted) + predicted.numbers
        if self._numbers >= _GROUPS_SORTED_TOGETHER * _NUMBERS_PER_ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        table, groups = self._taken(), math.ceil(self._numbers / _NUMBERS_PER_ROW_GROUP)
        self._numbers = 0
        order = pc.sort_indices(table, [("label", "ascending"), ("key", "ascending")])
        rows = math.ceil(table.num_rows / groups)
        for start in range(0, table.num_rows, rows):
            self._writer.write_table(table.take(order.slice(start, rows)))


class RejectedTable(_ParquetTable):
    """What a run rejected, as Parquet."""

    def __init__(self, file: BinaryIO, run_id: str) -> None:
        super().__init__(file, REJECTED_SCHEMA)
        self._run_id = run_id
        self._rows = 0

    def add(self, rejected: Iterable[Rejected]) -> None:
        rows = [(s3_uri(image.bucket, image.key), *_rejected_row(image), self._run_id) for image in rejected]
        if not rows:
            return
        columns = [
            pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), REJECTED_SCHEMA, strict=True)
        ]
        self._batches.append(pa.record_batch(columns, schema=REJECTED_SCHEMA))
        self._rows += len(rows)
        if self._rows >= _REJECTED_PER_ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(self._taken())
        self._rows = 0


class CsvTable:
    """A CSV file (RFC 4180, UTF-8, with a header) while it is being written to `file`."""

    def __init__(self, file: BinaryIO, columns: Iterable[str]) -> None:
        self._text = TextIOWrapper(file, encoding="utf-8", newline="")
        self._writer = csv.writer(self._text)
        self._writer.writerow(columns)

    def add_rejected(self, rejected: Iterable[Rejected]) -> None:
        self._writer.writerows(map(_rejected_row, rejected))

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


def _rejected_row(image: Rejected) -> tuple[str | int, ...]:
    notes = "; ".join(image.notes)
    return image.bucket, image.key, image.etag, image.size, image.reason, image.detail, notes, image.quarantined
