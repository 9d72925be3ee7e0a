"""What a run predicted, into the ledger: exactly the rows of the predictions.parquet that was uploaded."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow.parquet as pq

from pipeline.ledger import Entry, remember
from pipeline.runs.run import Run

_COLUMNS = ("image_uri", "etag", "predicted_at", "label", "score")
_ROWS_AT_ONCE = 10_000


def remember_run(run: Run, table: str, parquet: BinaryIO, dynamodb: Any) -> dict[str, Any]:
    """Write the rows of a run's predictions to the ledger `table`, and answer with summary.json's `ledger`.

    `left_out` are images that a throttled table did not take in time. Nothing is lost by it but time: they will be
    predicted again. So that alone does not fail a run that has its results.
    """
    done = remember(dynamodb, table, _entries(run, parquet))
    return {"table": table, "written": done.written, "kept": done.kept, "left_out": done.left_out}


def _entries(run: Run, parquet: BinaryIO) -> Iterator[Entry]:
    parquet.seek(0)
    for rows in pq.ParquetFile(parquet).iter_batches(_ROWS_AT_ONCE, columns=list(_COLUMNS)):
        for row in rows.to_pylist():
            yield Entry(
                image=row["image_uri"],
                model=run.model,
                etag=row["etag"],
                contract=run.contract.digest,
                model_digest=run.model_digest,
                run_id=run.run_id,
                predicted_at=row["predicted_at"],
                label=row["label"],
                score=row["score"],
            )
