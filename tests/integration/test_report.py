"""report.html of a run in the deployed template, and made again from a terminal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PHOTO = (Path(__file__).resolve().parents[2] / "examples" / "photos" / "garden" / "daisy.jpg").read_bytes()


@pytest.fixture(scope="module")
def deployment(deployed: Callable[..., Any]) -> Any:
    deployment = deployed()
    deployment.put({"incoming/daisy.jpg": PHOTO, "incoming/notes.jpg": b"no image"})
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
    body = ended.output["message"]["body"]
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
