"""One image is found in the results of a run, whatever its key, and without reading all of them."""

import csv
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import objects
from pipeline.results import tables
from pipeline.results.finding import find_image
from pipeline.results.predicted import PREDICTIONS_SCHEMA
from pipeline.runs.files import CopiedFiles
from pipeline.runs.keys import FAILED, PREDICTIONS, REJECTED

HOSTILE = [
    "a'b\".jpg",
    "x/<img src=x onerror=alert(1)>",
    "../../etc/passwd",
    "e/\U0001f408 \u2028.jpg",
    "=1+1",
    "a,b\n",
]


def row(key: str, bucket: str = "b", **changes: Any) -> dict[str, Any]:
    return {
        "image_uri": f"s3://{bucket}/{key}",
        "bucket": bucket,
        "key": key,
        "etag": "e",
        "size": 10,
        "width": 4,
        "height": 3,
        "label": "cat",
        "score": 0.5,
        "labels": ["cat", "dog"],
        "scores": [0.5, 0.25],
        "model": "m",
        "contract": "c",
        "run_id": "run",
        "predicted_at": datetime(2026, 11, 20, 2, 30, tzinfo=UTC),
        "shard": "b1-0",
        "shard_row": 0,
        **changes,
    }


def write(
    folder: Path,
    predicted: Sequence[dict[str, Any]] = (),
    rejected: Sequence[Sequence[Any]] = (),
    failed: Sequence[Sequence[Any]] = (),
    groups_of: int = 1_000,
) -> CopiedFiles:
    """The results of a run, as far as finding an image reads them."""
    counts = {"predicted": len(predicted), "rejected": len(rejected), "failed": len(failed)}
    summary = {"run_id": "run", "model": "m", "contract": "c", "finished_at": "2026-11-20T02:30:00+00:00"}
    (folder / "summary.json").write_text(json.dumps(summary | {"counts": counts}))
    table = pa.Table.from_pylist(list(predicted), PREDICTIONS_SCHEMA)
    pq.write_table(table, folder / PREDICTIONS, row_group_size=groups_of)
    named = ((REJECTED, tables.REJECTED_COLUMNS, rejected), (FAILED, tables.FAILED_COLUMNS, failed))
    for name, columns, rows in named:
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([columns, *rows])
    return CopiedFiles(folder)


def test_a_prediction_is_found_with_its_answers(tmp_path: Path) -> None:
    (found,) = find_image(write(tmp_path, [row("a.jpg"), row("b.jpg", label="dog")]), "b", "b.jpg")
    assert (found.outcome, found.run_id, found.image_uri, found.etag) == ("predicted", "run", "s3://b/b.jpg", "e")
    assert (found.facts["label"], found.facts["labels"]) == ("dog", ["cat", "dog"])
    assert "values" not in found.facts


def test_a_rejected_image_is_found_with_its_reason(tmp_path: Path) -> None:
    files = write(tmp_path, rejected=[["b", "a.jpg", "e", 7, "corrupt", "the decoder's words", "", ""]])
    (found,) = find_image(files, "b", "a.jpg")
    assert (found.outcome, found.size) == ("rejected", 7)
    assert found.facts == {"reason": "corrupt", "detail": "the decoder's words"}


def test_a_failed_image_is_found_with_its_error(tmp_path: Path) -> None:
    files = write(tmp_path, failed=[["b", "a.jpg", "e", 7, "p0000", "JobStopped", "somebody stopped it"]])
    (found,) = find_image(files, "b", "a.jpg")
    assert found.outcome == "failed"
    assert found.facts == {"partition": "p0000", "error": "JobStopped", "detail": "somebody stopped it"}


def test_a_key_alone_is_found_in_every_bucket_and_an_address_in_its_own(tmp_path: Path) -> None:
    files = write(tmp_path, [row("a.jpg", "one"), row("a.jpg", "two")])
    assert [found.image_uri for found in find_image(files, None, "a.jpg")] == ["s3://one/a.jpg", "s3://two/a.jpg"]
    assert [found.image_uri for found in find_image(files, "two", "a.jpg")] == ["s3://two/a.jpg"]
    assert find_image(files, "three", "a.jpg") == []


KEYS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8), unique=True, max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(keys=KEYS, groups_of=st.integers(1, 10), asked=st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
def test_every_key_is_found_and_no_other(tmp_path: Path, keys: list[str], groups_of: int, asked: str) -> None:
    keys = [*HOSTILE, *(key for key in keys if key not in HOSTILE)]
    files = write(tmp_path, [row(key) for key in keys], groups_of=groups_of)
    for key in {*keys, asked}:
        assert [found.image_uri for found in find_image(files, "b", key)] == [f"s3://b/{key}"] * (key in keys)


class Counting(CopiedFiles):
    """Counts the bytes that are read of files in parts."""

    read_so_far = 0

    def open(self, name: str) -> IO[bytes]:
        outer, file = self, super().open(name)

        class Counted(BufferedReader):
            def read(self, size: int | None = -1, /) -> bytes:
                data = super().read(size)
                outer.read_so_far += len(data)
                return data

        return Counted(file.detach())  # type: ignore[attr-defined]


@pytest.mark.parametrize("asked", ["incoming/07/00450.jpg", "incoming/07/x.jpg", "zz.jpg"])
def test_little_is_read_of_many_predictions(tmp_path: Path, asked: str) -> None:
    keys = [f"incoming/{number // 1_000:02}/{number % 1_000:05}.jpg" for number in range(20_000)]
    chance = random.Random(0)
    write(tmp_path, [row(key, etag=f"{chance.getrandbits(256):064x}") for key in keys], groups_of=1_000)
    files = Counting(tmp_path)
    assert len(find_image(files, "b", asked)) == (asked in keys)
    assert files.read_so_far < (tmp_path / PREDICTIONS).stat().st_size / 8


@pytest.mark.parametrize("is_there", [True, False])
def test_conversions_are_of_the_verdict_where_it_is_still_there(tmp_path: Path, is_there: bool) -> None:
    files = write(tmp_path, [row("a.jpg")])
    verdict = {"format": "PNG", "conversions": ["palette to RGB"], "notes": []}
    if is_there:
        (tmp_path / "verdicts").mkdir()
        lines = [{"verdict": "accepted", **row(key, predicted_at=None), **verdict} for key in ("b.jpg", "a.jpg")]
        (tmp_path / "verdicts" / "b1.jsonl").write_bytes(objects.dump_lines(lines))
    (found,) = find_image(files, "b", "a.jpg")
    assert found.verdict == (verdict if is_there else None)


def test_a_folder_without_results_is_missing_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        find_image(CopiedFiles(tmp_path), None, "a.jpg")


def test_what_is_found_is_a_document_of_json(tmp_path: Path) -> None:
    (found,) = find_image(write(tmp_path, [row("a.jpg")]), None, "a.jpg")
    assert json.loads(json.dumps(found.to_json()))["facts"]["predicted_at"] == "2026-11-20T02:30:00+00:00"
