"""The tables: the columns that the documentation promises, and every key byte for byte."""

import csv
import re
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.images.decode import Reason
from pipeline.inference.predictions import Prediction, Ranked
from pipeline.results import tables
from pipeline.results.predicted import PREDICTIONS_SCHEMA, Predicted
from pipeline.results.reconcile import Failed
from pipeline.shards import Row
from pipeline.validation.verdicts import Rejected

DOCUMENTATION = (Path(__file__).parents[2] / "docs" / "results.md").read_text()
NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
any_key = st.one_of(
    any_text.filter(bool),
    st.sampled_from(["../../etc/passwd", "a b+c%2F.jpg", '"', "line\nbreak\r\n", "\u202egpj.", "=1+1", "x" * 1024]),
)
any_rejected = st.builds(
    Rejected,
    bucket=st.just("images"),
    key=any_key,
    etag=st.just("e"),
    size=st.integers(0, 2**40),
    reason=st.sampled_from(Reason),
    detail=any_text,
    notes=st.lists(any_text, max_size=3).map(tuple),
    quarantined=any_text,
)


def prediction(key: str, top: tuple[Ranked, ...] = (Ranked("cat", 0, 0.75),), **fields: Any) -> Prediction:
    return Prediction(Row("images", key, "e", 10, 4, 3), "tiny", "digest", "run", "b-0", top, **fields)


def parquet(*predictions: Prediction) -> pa.Table:
    file = BytesIO()
    with tables.PredictionsTable(file) as table:
        table.add(Predicted.of(predictions), NOW)
    return pq.read_table(BytesIO(file.getvalue()))


def documented(title: str) -> list[str]:
    """The names in the first column of the table under a heading of docs/results.md."""
    section = DOCUMENTATION.split(f"## {title}\n")[1].split("\n## ")[0].strip().split("\n\n")
    table = next(part for part in section if part.startswith("| column"))
    return [name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])]


def test_a_row_says_all_about_a_prediction() -> None:
    (row,) = parquet(prediction("a.jpg", (Ranked("cat", 0, 0.75), Ranked("dog", 1, 0.25)))).to_pylist()

    assert row == {
        "image_uri": "s3://images/a.jpg",
        "bucket": "images",
        "key": "a.jpg",
        "etag": "e",
        "size": 10,
        "width": 4,
        "height": 3,
        "label": "cat",
        "score": 0.75,
        "labels": ["cat", "dog"],
        "scores": [0.75, 0.25],
        "embedding": None,
        "model": "tiny",
        "contract": "digest",
        "run_id": "run",
        "predicted_at": NOW,
        "boxes": None,
        "array_file": None,
        "array_row": None,
        "shard": "b-0",
        "shard_row": 0,
    }


def test_an_embedding_has_no_label() -> None:
    (row,) = parquet(prediction("a.jpg", top=(), values=(0.5, -1.0))).to_pylist()

    assert (row["embedding"], row["label"], row["scores"]) == ([0.5, -1.0], None, None)


def test_a_box_goes_with_each_label() -> None:
    top, boxes = (Ranked("cat", 0, 0.75), Ranked("dog", 1, 0.5)), ((0, 0.5, 2, 3), (1, 1, 4, 3))
    (row,) = parquet(prediction("a.jpg", top, boxes=boxes)).to_pylist()

    assert (row["label"], row["labels"]) == ("cat", ["cat", "dog"])
    assert row["boxes"] == [{"x0": 0, "y0": 0.5, "x1": 2, "y1": 3}, {"x0": 1, "y0": 1, "x1": 4, "y1": 3}]


def test_an_image_without_a_box_has_no_label_and_empty_lists() -> None:
    (row,) = parquet(prediction("a.jpg", top=(), boxes=())).to_pylist()

    assert (row["label"], row["score"]) == (None, None)
    assert (row["labels"], row["scores"], row["boxes"]) == ([], [], [])


def test_a_raw_answer_is_a_row_of_an_array_beside_the_table() -> None:
    (row,) = parquet(prediction("a.jpg", top=(), array_row=3)).to_pylist()

    assert (row["array_file"], row["array_row"]) == ("arrays/b-0.npy", 3)
    assert (row["embedding"], row["labels"], row["boxes"]) == (None, None, None)


def test_a_run_without_predictions_has_a_table_with_every_column() -> None:
    table = parquet()

    assert (table.num_rows, table.column_names) == (0, PREDICTIONS_SCHEMA.names)


def row_groups(file: BytesIO) -> list[pq.RowGroupMetaData]:
    metadata = pq.ParquetFile(BytesIO(file.getvalue())).metadata
    return [metadata.row_group(number) for number in range(metadata.num_row_groups)]


@pytest.mark.parametrize(
    ("answer", "groups"),
    [({}, [2, 2, 1]), ({"values": (0.5,) * 8}, [1] * 5), ({"boxes": ((0.0, 0.0, 1.0, 1.0),) * 2}, [1] * 5)],
    ids=["labels", "embedding", "boxes"],
)
def test_rows_are_written_in_groups_of_bounded_size(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], groups: list[int]
) -> None:
    monkeypatch.setattr(tables, "_NUMBERS_PER_ROW_GROUP", 12)
    file = BytesIO()
    with tables.PredictionsTable(file) as table:
        for number in range(5):
            table.add(Predicted.of([replace(prediction(str(number)), **answer)]), NOW)

    assert [group.num_rows for group in row_groups(file)] == groups


def may_hold(group: pq.RowGroupMetaData, column: str, first: str, last: str) -> bool:
    """Whether a reader that knows a row group's statistics has to look into it for values from `first` to `last`."""
    statistics = group.column(PREDICTIONS_SCHEMA.names.index(column)).statistics
    return bool(statistics.min <= last and statistics.max >= first)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> list[pq.RowGroupMetaData]:
    """The sixty row groups of 600 images in 100 folders, of 40 labels that know nothing of folders."""
    monkeypatch.setattr(tables, "_NUMBERS_PER_ROW_GROUP", 60)
    file = BytesIO()
    with tables.PredictionsTable(file) as table:
        for folder in range(100):
            labels = [f"label {(folder * 7 + number * 11) % 40:02d}" for number in range(6)]
            found = [prediction(f"{folder:02d}/{n}.jpg", (Ranked(label, 0, 0.5),)) for n, label in enumerate(labels)]
            table.add(Predicted.of(found), NOW)
    return row_groups(file)


def test_a_query_by_label_passes_most_row_groups_over(large: list[pq.RowGroupMetaData]) -> None:
    assert len(large) == 60
    touched = [sum(may_hold(group, "label", f"label {n:02d}", f"label {n:02d}") for group in large) for n in range(40)]
    assert max(touched) <= 20
    assert min(touched) > 0


def test_a_query_by_folder_passes_most_row_groups_over(large: list[pq.RowGroupMetaData]) -> None:
    touched = [sum(may_hold(group, "key", f"{n:02d}/", f"{n:02d}0") for group in large) for n in range(100)]
    assert max(touched) <= 12
    assert min(touched) > 0


@settings(max_examples=50, deadline=None)
@given(keys=st.lists(any_key, min_size=1, max_size=5))
def test_keys_arrive_in_parquet_as_they_are_and_in_their_order(keys: list[str]) -> None:
    assert parquet(*map(prediction, keys)).column("key").to_pylist() == sorted(keys)


@given(rejected=st.lists(any_rejected, max_size=5))
def test_rejected_images_arrive_in_csv_as_they_are(rejected: list[Rejected]) -> None:
    file = BytesIO()
    table = tables.CsvTable(file, tables.REJECTED_COLUMNS)
    table.add_rejected(rejected)
    table.close()

    rows = csv.DictReader(StringIO(file.getvalue().decode(), newline=""), strict=True)
    assert list(rows) == [
        {
            "bucket": image.bucket,
            "key": image.key,
            "etag": image.etag,
            "size": str(image.size),
            "reason": image.reason,
            "detail": image.detail,
            "notes": "; ".join(image.notes),
            "quarantined": image.quarantined,
        }
        for image in rejected
    ]


def test_a_failed_image_says_which_partition_failed_it() -> None:
    file = BytesIO()
    table = tables.CsvTable(file, tables.FAILED_COLUMNS)
    table.add_failed([Failed(Row("images", "a.jpg", "e", 10, 4, 3), "p0001", "JobFailed", "no memory")])
    table.close()

    assert file.getvalue().decode().splitlines() == [
        "bucket,key,etag,size,partition,error,detail",
        "images,a.jpg,e,10,p0001,JobFailed,no memory",
    ]


@pytest.mark.parametrize(
    ("title", "columns"),
    [
        ("predictions.parquet", PREDICTIONS_SCHEMA.names),
        ("rejected.csv", list(tables.REJECTED_COLUMNS)),
        ("failed.csv", list(tables.FAILED_COLUMNS)),
    ],
)
def test_the_documentation_shows_every_column_in_its_order(title: str, columns: list[str]) -> None:
    assert documented(title) == columns


def test_the_documentation_shows_every_reason() -> None:
    assert {reason for reason in Reason if f"| `{reason}` |" not in DOCUMENTATION} == set()
