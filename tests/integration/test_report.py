"""report.html of a run in the deployed template, and made again from a terminal."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.report import earlier

PHOTO = (Path(__file__).resolve().parents[2] / "examples" / "photos" / "garden" / "daisy.jpg").read_bytes()


@pytest.fixture(scope="module")
def deployment(deployed: Callable[..., Any]) -> Any:
    deployment = deployed()
    half = PHOTO[: len(PHOTO) // 2]
    deployment.put({"incoming/daisy.jpg": PHOTO, "incoming/notes.jpg": b"no image", "incoming/half.jpg": half})
    return deployment


@pytest.fixture(scope="module")
def ended(deployment: Any) -> Any:
    return deployment.run()


@pytest.fixture
def command(deployment: Any, imagebatch: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: imagebatch("report", *arguments, **deployment.cloud.environment())


def page_of(deployment: Any, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body: bytes = deployment.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def test_the_message_says_where_the_report_is(deployment: Any, ended: Any) -> None:
    body = json.loads(ended.output["message"]["body"])["default"]
    uri = body.rpartition("A report to look through\n  ")[2].strip()
    page = page_of(deployment, uri)
    assert uri == ended.output["results"] + "report.html"
    assert b"incoming/daisy.jpg" in page
    assert page.count(b'class="thumbnails"') == 1
    assert b"AggregatePredictions" in page  # the graph of the machine


def test_a_report_is_made_again_beside_the_results(deployment: Any, ended: Any, command: Callable[..., Any]) -> None:
    uri = ended.output["results"] + "report.html"
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    deployment.s3.delete_object(Bucket=bucket, Key=key)

    made = command(ended.description["name"])

    assert (made.code, made.stdout) == (0, f"{uri}\n")
    assert b"incoming/daisy.jpg" in page_of(deployment, uri)


def test_a_report_is_written_to_a_file(ended: Any, command: Callable[..., Any], tmp_path: Path) -> None:
    made = command(ended.output["summary"]["run_id"], "--out", tmp_path / "night.html")

    assert made.code == 0, made.stderr
    assert b"incoming/daisy.jpg" in (tmp_path / "night.html").read_bytes()


def test_what_has_no_report_says_so(deployment: Any, command: Callable[..., Any]) -> None:
    failed = deployment.run(prefixs=[])

    told = command(failed.description["name"])

    assert told.code == 1
    assert "has no run, and so no report" in told.stderr


@pytest.fixture
def folder(deployment: Any, ended: Any, tmp_path: Path) -> Path:
    """All that the run has left, copied."""
    bucket, _, prefix = ended.output["results"].removesuffix("results/").removeprefix("s3://").partition("/")
    for item in deployment.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
        path = tmp_path / "copy" / item["Key"].removeprefix(prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        deployment.s3.download_file(bucket, item["Key"], str(path))
    return tmp_path / "copy"


def facts(page: Path) -> earlier.Earlier:
    return earlier.read(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("of", ["all that there was", "its results alone"])
def test_a_folder_has_a_report_like_that_of_its_run(folder: Path, imagebatch: Callable[..., Any], of: str) -> None:
    results = folder / "results"
    before = facts(results / "report.html")
    if of == "its results alone":
        shutil.rmtree(folder / "thumbnails")
        shutil.rmtree(folder / "previews")

    made = imagebatch("report", results)

    assert (made.code, made.stdout) == (0, f"{results / 'report.html'}\n"), made.stderr
    assert facts(results / "report.html") == before
    assert (len(before.places), len(before.rejected)) == (1, 1)
    assert {span.state for span in before.spans} >= {"StartRun", "AggregatePredictions"}


def test_a_report_of_a_folder_is_written_elsewhere(folder: Path, imagebatch: Callable[..., Any]) -> None:
    made = imagebatch("report", folder, "--out", folder / "night.html")

    assert made.code == 0, made.stderr
    assert facts(folder / "night.html").places


def test_a_folder_without_results_has_no_report(tmp_path: Path, imagebatch: Callable[..., Any]) -> None:
    told = imagebatch("report", tmp_path)

    assert told.code == 2
    assert "has no results of a run to report" in told.stderr
    assert "summary.json" in told.stderr


def test_a_folder_whose_results_are_broken_says_so(folder: Path, imagebatch: Callable[..., Any]) -> None:
    (folder / "results" / "predictions.parquet").write_bytes(b"PAR1")

    told = imagebatch("report", folder)

    assert told.code == 1
    assert "do not read" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_run_on_this_machine_that_fails_over_its_images_has_a_report(
    imagebatch: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "daisy.jpg").write_bytes(PHOTO)
    plan = tmp_path / "plan.json"
    killed = {"on": "processing_job", "fault": "killed", "seconds": 0, "probability": 1.0, "times": 9}
    plan.write_text(json.dumps({"faults": [killed]}))

    failed = imagebatch("run", tmp_path / "photos", "--out", tmp_path / "out", "--faults", plan)

    assert failed.code == 1
    (page,) = (tmp_path / "out").glob("*/report.html")
    failure = facts(page).failure
    assert failure is not None
    assert failure.error == "TooManyFailed"
