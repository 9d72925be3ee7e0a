"""The example model predicts what its authors' preprocessing predicts; the photos are what their attributions say."""

import csv
import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest

from pipeline.contract.packages import load_package
from pipeline.images.decode import Decoded, Reason, Rejection, decode
from pipeline.inference.predictor import open_predictor
from pipeline.shards import Row, Shard

ROOT = Path(__file__).parents[1]
PHOTOS = ROOT / "examples/photos"
REFERENCE = Path(__file__).parent / "data/efficientnet-lite0/reference_top5.csv"
CLEAR_MARGIN = 0.1
BROKEN = {
    "garden/scan.png": Reason.CORRUPT,
    "home/banner.gif": Reason.TOO_MANY_PIXELS,
    "travel/phone/upload-broke-off.jpg": Reason.TRUNCATED,
}

with (ROOT / "examples/ATTRIBUTION.csv").open(newline="") as file:
    ATTRIBUTION = {row["photo"]: row for row in csv.DictReader(file)}
with REFERENCE.open(newline="") as file:
    ANSWERS: dict[str, list[tuple[int, float]]] = {}
    for answer in csv.DictReader(file):
        ANSWERS.setdefault(answer["file"], []).append((int(answer["index"]), float(answer["probability"])))


def has_clear_answer(photo: str) -> bool:
    (_, first), (_, second), *_ = ANSWERS[ATTRIBUTION[photo]["original"]]
    return first - second > CLEAR_MARGIN


@pytest.fixture(scope="module")
def best() -> dict[str, int]:
    """The index of the best class of each photo, from its bytes through the whole of validation and inference."""
    package = load_package(ROOT / "examples/models/efficientnet-lite0")
    photos = [photo for photo in ATTRIBUTION if photo not in BROKEN]
    outcomes = [decode((PHOTOS / photo).read_bytes(), package.contract) for photo in photos]
    images = np.stack([outcome.pixels for outcome in outcomes if isinstance(outcome, Decoded)])
    rows = tuple(Row("images", photo, "etag", 1, 1, 1) for photo in photos)
    predictions = open_predictor(package, "run", 5).predict(Shard(images, rows, package.contract.digest), "shard")
    return {prediction.row.key: prediction.top[0].index for prediction in predictions}


@pytest.mark.parametrize("photo", [photo for photo in ATTRIBUTION if photo not in BROKEN and has_clear_answer(photo)])
def test_a_photo_with_a_clear_answer_gets_that_answer(photo: str, best: dict[str, int]) -> None:
    assert best[photo] == ANSWERS[ATTRIBUTION[photo]["original"]][0][0]


@pytest.mark.parametrize("photo", ["travel/phone/geyser-turned-left.jpg", "travel/phone/geyser-turned-right.jpg"])
def test_a_photo_stored_on_its_side_gets_the_answer_of_the_upright_one(photo: str, best: dict[str, int]) -> None:
    assert best[photo] == best["travel/geyser.jpg"]


@pytest.mark.parametrize(("photo", "reason"), BROKEN.items())
def test_a_broken_photo_is_rejected_for_its_reason(photo: str, reason: Reason) -> None:
    package = load_package(ROOT / "examples/models/efficientnet-lite0")
    outcome = decode((PHOTOS / photo).read_bytes(), package.contract)
    assert isinstance(outcome, Rejection)
    assert outcome.reason == reason


def test_every_photo_has_its_attribution() -> None:
    assert {path.relative_to(PHOTOS).as_posix() for path in PHOTOS.rglob("*") if path.is_file()} == set(ATTRIBUTION)


@pytest.mark.parametrize("photo", ATTRIBUTION)
def test_a_photo_is_the_one_that_its_attribution_is_about(photo: str) -> None:
    assert hashlib.sha256((PHOTOS / photo).read_bytes()).hexdigest() == ATTRIBUTION[photo]["sha256"]
    assert ATTRIBUTION[photo]["licence"]


def test_the_photos_are_small_enough_to_clone() -> None:
    assert sum(path.stat().st_size for path in PHOTOS.rglob("*") if path.is_file()) < 3_000_000


def test_the_contract_is_a_file_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["package-data"]["pipeline.contract"] == ["schema.json"]
