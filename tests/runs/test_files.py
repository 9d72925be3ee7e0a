"""The files of a run are the same to whoever reads them, in S3 and in a folder, however much of them was copied."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.runs.files import CopiedFiles, RunFiles, StoredFiles

RESULTS, RUN = "example-results", "2026-11-20T0200-incoming-7f3a9c"
CONTENTS = {
    "results/summary.json": b"{}",
    "shards/b-0.safetensors": bytes(range(256)) * 1000,
    "previews/a.jsonl": b"a",
    "previews/b.jsonl": b"b",
}


def in_s3(s3: Any, folder: Path) -> RunFiles:
    for name, body in CONTENTS.items():
        s3.put_object(Bucket=RESULTS, Key=f"runs/{RUN}/{name}", Body=body)
    return StoredFiles(s3, RESULTS, RUN)


def as_in_s3(s3: Any, folder: Path) -> RunFiles:
    for name, body in CONTENTS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(body)
    return CopiedFiles(folder)


def by_its_results(s3: Any, folder: Path) -> RunFiles:
    as_in_s3(s3, folder)
    return CopiedFiles(folder / "results")


def as_a_run_on_this_machine_leaves_it(s3: Any, folder: Path) -> RunFiles:
    as_in_s3(s3, folder)
    (folder / "results" / "summary.json").rename(folder / "summary.json")
    (folder / "results").rmdir()
    return CopiedFiles(folder)


@pytest.fixture(params=[in_s3, as_in_s3, by_its_results, as_a_run_on_this_machine_leaves_it])
def files(request: pytest.FixtureRequest, s3: Any, tmp_path: Path) -> RunFiles:
    make: Callable[[Any, Path], RunFiles] = request.param
    return make(s3, tmp_path)


@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_is_what_was_written(files: RunFiles, name: str) -> None:
    with files.fetch(name) as fetched, files.open(name) as opened:
        assert fetched.read() == opened.read() == CONTENTS[name]


def test_a_part_of_a_file_is_read_where_it_lies(files: RunFiles) -> None:
    body = CONTENTS["shards/b-0.safetensors"]
    with files.open("shards/b-0.safetensors") as file:
        file.seek(-300, 2)
        assert file.read(10) == body[-300:-290]
    assert files.read("shards/b-0.safetensors", 70_000, 5) == body[70_000:70_005]


def test_the_files_of_a_folder_are_named_in_order(files: RunFiles) -> None:
    assert list(files.names("previews/")) == ["previews/a.jsonl", "previews/b.jsonl"]
    assert list(files.names("verdicts/")) == []


def test_what_is_not_there_is_missing(files: RunFiles) -> None:
    for ask in (files.open, files.fetch, lambda name: files.read(name, 0, 1)):
        with pytest.raises(FileNotFoundError):
            ask("results/predictions.parquet")


def test_what_may_not_be_read_is_not_called_missing(s3: Any) -> None:
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError, match="NoSuchBucket"):
        StoredFiles(s3, "no-such-bucket", RUN).fetch("results/summary.json")
