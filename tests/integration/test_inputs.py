"""Folders and prefixes as people really have them."""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

ROOT = Path(__file__).resolve().parents[2]
BAD = ROOT / "tests" / "data" / "bad"
PHOTO = ROOT / "examples" / "photos" / "garden" / "daisy.jpg"

HOSTILE_NAMES = [
    "with space.jpg",
    "plus+and%2Fpercent.jpg",
    "quote'\"quote.jpg",
    "new\nline.jpg",
    "emoji 🐈.jpg",
    "right‮to‬left.jpg",
    "<img src=x onerror=alert(1)>.jpg",
    "..jpg",
    "case.JPG",
    "CASE.jpg",
    "no-suffix",
    "деревня/日本/سلام.jpg",
]


def test_hostile_names_arrive_byte_for_byte(imagebatch: Callable[..., Any], tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name in HOSTILE_NAMES:
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PHOTO, photos / name)
    finished = imagebatch("run", photos, "--out", tmp_path / "out", "--json")
    assert finished.code == 0, finished.stderr
    # Asked of the disk: case.JPG and CASE.jpg are one file on a Mac.
    there = {path.relative_to(photos).as_posix() for path in photos.rglob("*") if path.is_file()}
    assert set(finished.predictions) == {name for name in there if not name.startswith(".")}


def test_each_bad_file_ends_as_its_public_test_suite_says(imagebatch: Callable[..., Any], tmp_path: Path) -> None:
    with (BAD / "manifest.csv").open(newline="") as file:
        expected = {row["file"]: row["expected_verdict"] for row in csv.DictReader(file)}
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in expected:
        shutil.copy(BAD / name, photos / name)
    finished = imagebatch("run", photos, "--out", tmp_path / "out", "--json")
    assert finished.code == 0, finished.stderr
    predicted = set(finished.predictions)
    wrongly_accepted = {name for name in predicted if expected[name].startswith("reject")}
    wrongly_rejected = {name for name in expected if expected[name] in ("accept", "normalise")} - predicted
    assert (wrongly_accepted, wrongly_rejected) == (set(), set())


def test_results_inside_the_photo_folder_are_not_taken_for_photos(
    imagebatch: Callable[..., Any], tmp_path: Path
) -> None:
    shutil.copy(PHOTO, tmp_path / "photo.jpg")
    first = imagebatch("run", tmp_path, "--out", tmp_path / "out", "--json")
    second = imagebatch("run", tmp_path, "--out", tmp_path / "out", "--json")
    assert [first.code, second.code] == [0, 0]
    assert set(second.predictions) == {"photo.jpg"}
    assert second.report["summary"]["counts"]["listed"] == 1


def test_the_photos_are_left_as_they_were(imagebatch: Callable[..., Any], tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(PHOTO, photos / "photo.jpg")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in photos.rglob("*")}
    imagebatch("run", photos, "--out", tmp_path / "out", "--json")
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in photos.rglob("*")} == before


def test_a_folder_in_which_nothing_is_an_image_is_a_success_with_everything_rejected(
    imagebatch: Callable[..., Any], tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "notes.txt").write_text("no image")
    finished = imagebatch("run", photos, "--out", tmp_path / "out", "--json")
    assert finished.code == 0, finished.stderr
    counts = finished.report["summary"]["counts"]
    assert (counts["listed"], counts["rejected"], counts["predicted"]) == (1, 1, 0)


@pytest.fixture
def other_s3() -> Iterator[str]:
    """An S3 that is not the run's own local cloud: a server in another process, reached by the user's settings."""
    program = (
        "from moto.server import ThreadedMotoServer\n"
        "server = ThreadedMotoServer(ip_address='127.0.0.1', port=0)\n"
        "server.start()\n"
        "print(server.get_host_and_port()[1], flush=True)\n"
        "server._thread.join()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        # Flask announces itself first.
        port = next(int(line) for line in server.stdout if line.strip().isdigit())
        yield f"http://127.0.0.1:{port}"
        server.kill()


def test_an_s3_prefix_is_read_with_the_credentials_of_the_user(
    imagebatch: Callable[..., Any], other_s3: str, tmp_path: Path
) -> None:
    user = {"AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "eu-central-1"}
    s3 = boto3.client(
        "s3",
        endpoint_url=other_s3,
        region_name="eu-central-1",
        aws_access_key_id="user",
        aws_secret_access_key="secret",
    )
    s3.create_bucket(Bucket="holiday", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    for key in ("2026/a.jpg", "2026/b+c.jpg", "2025/old.jpg"):
        s3.put_object(Bucket="holiday", Key=key, Body=PHOTO.read_bytes())
    finished = imagebatch("run", "s3://holiday/2026/", "--out", tmp_path, "--json", **user, AWS_ENDPOINT_URL=other_s3)
    assert finished.code == 0, finished.stderr
    assert set(finished.predictions) == {"2026/a.jpg", "2026/b+c.jpg"}


def test_file_names_that_s3_could_not_hold_are_told_and_left_out(
    imagebatch: Callable[..., Any], tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(PHOTO, photos / "photo.jpg")
    try:
        shutil.copy(PHOTO, os.fsdecode(os.fsencode(photos) + b"/latin-\xe9.jpg"))
    except OSError:
        pytest.skip("this file system admits UTF-8 names only")
    finished = imagebatch("run", photos, "--out", tmp_path / "out", "--json")
    assert set(finished.predictions) == {"photo.jpg"}
    assert any("left out" in note for note in finished.report["notes"])
