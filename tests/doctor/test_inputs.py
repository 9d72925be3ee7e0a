"""Where failures are read from: logs of any size, JSON within JSON, the folder of a run."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.doctor import Line, lines_in_stream, lines_in_text, lines_of
from pipeline.results.reconcile import Failed
from pipeline.results.tables import FAILED_COLUMNS, CsvTable
from pipeline.shards import Row


def texts(lines: Any) -> list[str]:
    return [line.text for line in lines]


def test_lines_of_a_file_know_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    path.write_bytes(b"one\r\ntwo\n\xff\xfe\n")
    assert [(line.text, line.place) for line in lines_of(path)] == [
        ("one", f"{path} line 1"),
        ("two", f"{path} line 2"),
        ("\ufffd\ufffd", f"{path} line 3"),
    ]


def test_a_gzipped_log_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "job.log.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n"))
    assert texts(lines_of(path)) == ["one", "two"]


def test_a_gzipped_log_that_broke_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "job.log.gz"
    whole = gzip.compress("\n".join(str(number) for number in range(100_000)).encode())
    path.write_bytes(whole[: len(whole) // 2])
    assert texts(lines_of(path))[:2] == ["0", "1"]


def test_a_line_without_end_is_cut_into_several(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    path.write_bytes(b"x" * 200_000 + b"\nMemoryError\n")
    lines = list(lines_of(path))
    assert max(len(line.text) for line in lines) <= 64 * 1024
    assert (lines[-1].text, lines[-1].number) == ("MemoryError", 2)


def test_the_texts_of_a_json_document_are_found_within_its_texts() -> None:
    cause = json.dumps({"FailureReason": "AlgorithmError: , exit code: 137", "Attempts": 2})
    assert texts(lines_in_text(json.dumps({"Error": "States.TaskFailed", "Cause": cause}))) == [
        "Error: States.TaskFailed",
        "FailureReason: AlgorithmError: , exit code: 137",
        "Attempts: 2",
    ]


def test_a_log_of_json_lines_is_a_log(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    path.write_text('{"message": "one"}\n{"message": "MemoryError"}\n', encoding="utf-8")
    assert len(texts(lines_of(path))) == 2


def test_a_text_that_only_begins_like_json_is_a_text() -> None:
    assert texts(lines_in_text("[ONNXRuntimeError] : 2\nmore")) == ["[ONNXRuntimeError] : 2", "more"]


def test_json_that_is_too_large_to_parse_is_read_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.doctor.inputs._LONGEST_DOCUMENT", 20)
    path = tmp_path / "events.json"
    path.write_text('{"first": "one",\n"second": "MemoryError"}\n', encoding="utf-8")
    assert "".join(texts(lines_of(path))) == '{"first": "one","second": "MemoryError"}'


def test_a_deep_document_is_no_trouble() -> None:
    assert texts(lines_in_text("[" * 5_000 + '"MemoryError"' + "]" * 5_000)) is not None


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=9),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    )
)
def test_any_json_document_is_read(document: Any) -> None:
    list(lines_in_text(json.dumps(document)))


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """What a run leaves that failed for one image: tables as the product writes them, a summary, a log."""
    with (tmp_path / "failed.csv").open("wb") as file:
        table = CsvTable(file, FAILED_COLUMNS)
        row = Row("photos", 'a "quoted"\nkey.jpg', "etag", 1, 2, 3)
        table.add_failed([Failed(row, "p0000", "WorkerDied", "The process was killed.")])
        table.close()
    summary = {
        "adds_up": False,
        "problems": ["one image more than listed"],
        "partitions": [{"id": "p0000", "error": "Job", "cause": "AlgorithmError: , exit code: 1"}],
        "failed_examples": [{"detail": "told in failed.csv already"}],
    }
    (tmp_path / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "job.log").write_text("MemoryError\n", encoding="utf-8")
    return tmp_path


def test_a_row_of_failed_csv_is_about_its_image(run_folder: Path) -> None:
    first = next(iter(lines_of(run_folder)))
    assert first == Line(
        "WorkerDied: The process was killed.",
        str(run_folder / "failed.csv"),
        2,
        's3://photos/a "quoted"\nkey.jpg',
    )


def test_of_a_run_its_jobs_its_sums_and_its_logs_are_read(run_folder: Path) -> None:
    read = texts(lines_of(run_folder))
    assert "cause: AlgorithmError: , exit code: 1" in read
    assert "RunDoesNotAddUp: one image more than listed" in read
    assert read[-1] == "MemoryError"


def test_what_failed_csv_says_is_not_read_twice(run_folder: Path) -> None:
    assert not [text for text in texts(lines_of(run_folder)) if "already" in text]


def test_a_run_without_failures_has_no_lines(tmp_path: Path) -> None:
    assert list(lines_of(tmp_path)) == []


def test_a_csv_of_that_name_with_other_columns_is_a_log() -> None:
    file = io.StringIO()
    csv.writer(file).writerow(["when", "what"])
    assert texts(lines_in_stream(io.BytesIO(file.getvalue().encode()), "failed.csv")) is not None


def test_standard_input_may_be_a_pipe() -> None:
    stream = io.BufferedReader(io.BytesIO(b'{"Error": "CapacityError"}'))  # type: ignore[arg-type]
    assert texts(lines_in_stream(stream, "standard input")) == ["Error: CapacityError"]


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"nothing\.log"):
        list(lines_of(tmp_path / "nothing.log"))


def test_a_line_of_our_own_log_is_read_as_its_message_and_its_traceback(tmp_path: Path) -> None:
    line = {
        "timestamp": "2026-11-21T16:00:00.500+00:00",
        "level": "ERROR",
        "message": 'it failed over "a"',
        "exception": "Traceback (most recent call last):\nValueError: no",
    }
    path = tmp_path / "imagebatch-validate-images.log"
    path.write_text(f"START RequestId: 5e1f\n{json.dumps(line)}\nEND RequestId: 5e1f\n")
    assert [(each.text, each.number) for each in lines_of(path)] == [
        ("START RequestId: 5e1f", 1),
        ('2026-11-21 16:00:00.500 ERROR it failed over "a"', 2),
        ("Traceback (most recent call last):", 2),
        ("ValueError: no", 2),
        ("END RequestId: 5e1f", 3),
    ]
