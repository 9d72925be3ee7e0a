"""What a run made of one image, found in its results without reading all of them.

predictions.parquet     row groups whose keys cannot be the image's are passed over by their statistics, and of the
                        others the keys are read first
rejected.csv, failed.csv
verdicts/<batch>.jsonl  what was done to the image's pixels: the shard of its row names the batch
"""

import csv
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import objects
from pipeline.runs import keys
from pipeline.runs.files import RunFiles, lines, load_summary


@dataclass(frozen=True, slots=True)
class Finding:
    """What one run made of one image."""

    run_id: str
    outcome: str
    """predicted, rejected or failed."""
    image_uri: str
    etag: str
    size: int
    model: str
    contract: str
    """Its digest."""
    finished_at: str
    """When the run had its results, ISO 8601."""
    results: str
    """Where these lie."""
    facts: Mapping[str, Any]
    """Columns of the table that has the image, docs/results.md; without those that say what stands above."""
    verdict: Mapping[str, Any] | None = None
    """Of a predicted image what validation noted: `format`, `conversions`, `notes`. None where that is gone."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def find_image(files: RunFiles, bucket: str | None, key: str) -> list[Finding]:
    """What a run made of the image at `key`: in any bucket, where `bucket` is None.

    Raises FileNotFoundError where the run has no results, and ValueError, KeyError or TypeError for what no run wrote.
    """
    summary = load_summary(files)
    found = [_predicted(row, files, summary) for row in _prediction_rows(files, bucket, key)]
    for outcome, table in (("rejected", keys.REJECTED), ("failed", keys.FAILED)):
        if summary["counts"][outcome]:
            found += [_finding(outcome, row, files, summary) for row in _table_rows(files, table, bucket, key)]
    return found


_ABOVE = frozenset({"image_uri", "bucket", "key", "etag", "size", "model", "contract", "run_id"})


def _finding(
    outcome: str,
    row: Mapping[str, Any],
    files: RunFiles,
    summary: Mapping[str, Any],
    verdict: Mapping[str, Any] | None = None,
) -> Finding:
    facts = {name: value for name, value in row.items() if name not in _ABOVE and value not in (None, "")}
    return Finding(
        run_id=summary["run_id"],
        outcome=outcome,
        image_uri=objects.s3_uri(row["bucket"], row["key"]),
        etag=row["etag"],
        size=int(row["size"]),
        model=summary["model"],
        contract=summary["contract"],
        finished_at=summary["finished_at"],
        results=files.where,
        facts=facts,
        verdict=verdict,
    )


def _predicted(row: Mapping[str, Any], files: RunFiles, summary: Mapping[str, Any]) -> Finding:
    stored = {**row, "predicted_at": row["predicted_at"].isoformat()}
    return _finding("predicted", stored, files, summary, _verdict(files, row))


def _prediction_rows(files: RunFiles, bucket: str | None, key: str) -> Iterator[Mapping[str, Any]]:
    with files.open(f"results/{keys.PREDICTIONS}") as file:
        parquet = pq.ParquetFile(file)
        for group in range(parquet.num_row_groups):
            if not _may_hold(parquet.metadata.row_group(group), key):
                continue
            if not pc.any(pc.equal(parquet.read_row_group(group, ["key"])["key"], key)).as_py():
                continue
            rows: pa.Table = parquet.read_row_group(group)
            for row in rows.filter(pc.equal(rows["key"], key)).to_pylist():
                if bucket in (None, row["bucket"]):
                    yield row


def _may_hold(group: "pq.RowGroupMetaData", key: str) -> bool:
    """Whether a row group's statistics leave it open that it has the key. Both are compared as UTF-8 is, by bytes."""
    columns = (group.column(number) for number in range(group.num_columns))
    statistics = next(column.statistics for column in columns if column.path_in_schema == "key")
    if statistics is None or not statistics.has_min_max:
        return True
    return bool(statistics.min <= key <= statistics.max)


def _table_rows(files: RunFiles, name: str, bucket: str | None, key: str) -> Iterator[Mapping[str, Any]]:
    with lines(files.fetch(f"results/{name}")) as text:
        for row in csv.DictReader(text):
            if row["key"] == key and bucket in (None, row["bucket"]):
                yield row


def _verdict(files: RunFiles, row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    batch, _, _ = (row["shard"] or "").rpartition("-")
    if batch:
        with suppress(FileNotFoundError, ValueError), files.fetch(f"verdicts/{batch}.jsonl") as file:
            for line in objects.parse_lines(file.read()):
                if (line["bucket"], line["key"], line["etag"]) == (row["bucket"], row["key"], row["etag"]):
                    return {name: line[name] for name in ("format", "conversions", "notes")}
    return None
