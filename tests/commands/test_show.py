"""`imagebatch show`: what is told of an image, and of one that nobody knows."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import cli, objects
from pipeline.deployed import stack
from pipeline.deployed.stack import Deployment
from pipeline.laptop.run_request import RunRequest
from pipeline.results.predicted import PREDICTIONS_SCHEMA

Told = pytest.CaptureFixture[str]
RESULTS = "example-results"
OLD, NEW = "2026-11-19T0200-photos-aaaaaa", "2026-11-20T0200-photos-bbbbbb"


def prediction(run_id: str, key: str, **changes: Any) -> dict[str, Any]:
    found = {
        "image_uri": f"s3://photos/{key}", "bucket": "photos", "key": key, "etag": "9b2c", "size": 142987,
        "width": 640, "height": 427, "label": "daisy", "score": 0.93, "labels": ["daisy", "bee"],
        "scores": [0.93, 0.05], "model": "flowers", "contract": "c1", "run_id": run_id,
        "predicted_at": datetime(2026, 11, 20, 2, 13, tzinfo=UTC), "shard": "b1-0", "shard_row": 0,
    }  # fmt: skip
    return found | changes


def summary(run_id: str, **counts: int) -> dict[str, Any]:
    return {
        "run_id": run_id, "model": "flowers", "contract": "c1", "finished_at": f"{run_id[:10]}T02:30:00+00:00",
        "counts": {"rejected": 0, "failed": 0} | counts,
    }  # fmt: skip


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The results of two runs over a folder: of the later one `b/bad.jpg` was rejected."""
    monkeypatch.delenv("IMAGEBATCH_STACK", raising=False)
    photos = tmp_path / "photos"
    (photos / "a").mkdir(parents=True)
    (photos / "a" / "daisy.jpg").write_bytes(b"photo")
    for run_id in (OLD, NEW):
        folder = tmp_path / "out" / run_id
        (folder / "verdicts").mkdir(parents=True)
        rows = [prediction(run_id, key) for key in ("a/daisy.jpg", "x/<b>\u202e.jpg")]
        pq.write_table(pa.Table.from_pylist(rows, PREDICTIONS_SCHEMA), folder / "predictions.parquet")
        (folder / "summary.json").write_text(json.dumps(summary(run_id, rejected=int(run_id == NEW))))
        verdict = {"bucket": "photos", "key": "a/daisy.jpg", "etag": "9b2c", "format": "JPEG", "notes": []}
        line = verdict | {"conversions": ["CMYK to RGB"]}
        (folder / "verdicts" / "b1.jsonl").write_bytes(objects.dump_lines([line]))
        RunRequest(source=str(photos)).save(folder)
    (tmp_path / "out" / NEW / "rejected.csv").write_text(
        "bucket,key,etag,size,reason,detail,notes,quarantined\nphotos,b/bad.jpg,77,9,truncated,it ends,,tagged\n"
    )
    return tmp_path / "out"


@pytest.fixture
def show(out: Path, capsys: Told) -> Callable[..., tuple[int, list[str]]]:
    def run(*arguments: str) -> tuple[int, list[str]]:
        code = cli.main(["show", *arguments, "--out", str(out)])
        return code, capsys.readouterr().out.splitlines()

    return run


@pytest.mark.parametrize("asked", ["a/daisy.jpg", "s3://photos/a/daisy.jpg"])
def test_everything_about_an_image_is_told_the_latest_run_first(
    show: Callable[..., tuple[int, list[str]]], out: Path, asked: str
) -> None:
    code, lines = show(asked)
    assert code == 0
    assert lines[:11] == [
        asked,
        f"  {NEW}  predicted, 2026-11-20 02:30Z",
        "    labels       0.930  daisy",
        "                 0.050  bee",
        "    object       s3://photos/a/daisy.jpg",
        "                 JPEG, 640 x 427 pixels, 142,987 bytes, ETag 9b2c",
        "    conversions  CMYK to RGB",
        "    model        flowers, contract c1",
        f"    results      {out / NEW}",
        f"  {OLD}  predicted, 2026-11-19 02:30Z",
        "    labels       0.930  daisy",
    ]
    assert lines[-1] == f"  Looked through 2 runs in the folder {out}."


def test_a_file_is_the_image_that_a_run_over_its_folder_had(
    show: Callable[..., tuple[int, list[str]]], out: Path
) -> None:
    code, lines = show(str(out.parent / "photos" / "a" / "daisy.jpg"))
    assert code == 0
    assert "    object       s3://photos/a/daisy.jpg" in lines


def test_a_rejected_image_is_told_with_its_reason(show: Callable[..., tuple[int, list[str]]]) -> None:
    code, lines = show("b/bad.jpg")
    assert code == 0
    assert {"    reason       truncated: it ends", "    quarantined  tagged"} <= set(lines)


def test_of_an_image_that_nobody_knows_it_is_told_where_was_looked(
    show: Callable[..., tuple[int, list[str]]], out: Path
) -> None:
    assert show("a/rose.jpg") == (
        1,
        ["a/rose.jpg", "  Not known.", f"  Looked through 2 runs in the folder {out}: {NEW}, {OLD}."],
    )


def test_runs_that_were_not_looked_through_are_told(show: Callable[..., tuple[int, list[str]]]) -> None:
    _, lines = show("a/rose.jpg", "--runs", "1")
    assert lines[-1] == "  1 run more is older: --runs 2 looks through it, too."


def test_a_key_that_does_not_print_is_escaped(show: Callable[..., tuple[int, list[str]]]) -> None:
    code, lines = show("x/<b>\u202e.jpg")
    assert (code, lines[0]) == (0, "x/<b>\\u202e.jpg")
    assert "    object       s3://photos/x/<b>\\u202e.jpg" in lines


def test_results_that_do_not_read_hide_no_others(out: Path, capsys: Told) -> None:
    (out / NEW / "predictions.parquet").write_bytes(b"PAR1")
    assert cli.main(["show", "a/daisy.jpg", "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert f"  {OLD}  predicted, 2026-11-19 02:30Z" in told.out
    assert f"imagebatch: The results of {NEW} do not read: " in told.err


def test_a_program_gets_one_document(show: Callable[..., tuple[int, list[str]]]) -> None:
    code, lines = show("a/daisy.jpg", "--json")
    document = json.loads("\n".join(lines))
    assert code == 0
    assert [each["run_id"] for each in document["runs"]] == document["looked_through"] == [NEW, OLD]
    assert document["runs"][0]["verdict"]["conversions"] == ["CMYK to RGB"]


@pytest.mark.parametrize("asked", ["s3://photos", "s3://photos/", "a\udc80.jpg"])
def test_what_names_no_image_is_wrong_usage(out: Path, asked: str, capsys: Told) -> None:
    assert cli.main(["show", asked, "--out", str(out)]) == 2
    assert capsys.readouterr().err.startswith("imagebatch: ")


def test_a_machine_without_results_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Told) -> None:
    monkeypatch.delenv("IMAGEBATCH_STACK", raising=False)
    assert cli.main(["show", "a.jpg", "--out", str(tmp_path)]) == 1
    assert f"There are no results of runs in the folder {tmp_path}." in capsys.readouterr().out


def test_in_a_stack_the_runs_are_those_of_its_bucket(
    out: Path, s3: Any, monkeypatch: pytest.MonkeyPatch, capsys: Told
) -> None:
    monkeypatch.setattr(stack, "find_deployment", lambda *_: Deployment("arn:machine", RESULTS))
    for path in (out / NEW).rglob("*.*"):
        name = path.relative_to(out / NEW).as_posix()
        name = name if "/" in name else f"results/{name}"
        s3.put_object(Bucket=RESULTS, Key=f"runs/{NEW}/{name}", Body=path.read_bytes())
    s3.put_object(Bucket=RESULTS, Key=f"runs/{OLD}/run.json", Body=b"{}")

    assert cli.main(["show", "s3://photos/a/daisy.jpg", "--stack", "imagebatch"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert "    conversions  CMYK to RGB" in lines
    assert f"    results      s3://{RESULTS}/runs/{NEW}/results/" in lines
    assert lines[-2:] == [
        "  Looked through 1 run in the stack imagebatch.",
        f"  Without results, and so not looked through: {OLD}.",
    ]


def test_a_run_whose_results_do_not_read_is_named_and_not_looked_through(out: Path, capsys: Told) -> None:
    (out / OLD / "summary.json").unlink()
    (out / NEW / "summary.json").write_text("[]")
    assert cli.main(["show", "a/daisy.jpg", "--out", str(out)]) == 1
    told = capsys.readouterr()
    assert "No run was looked through" in told.out
    assert f"The results of {NEW} do not read: summary.json is no summary of a run" in told.err
