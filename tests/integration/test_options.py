"""The options of `imagebatch run` that change what is accepted, and what becomes of what is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
WHOLE = (ROOT / "examples" / "photos" / "garden" / "daisy.jpg").read_bytes()
FILES = {"good.jpg": WHOLE, "in/half.jpg": WHOLE[:2000], "picture.gif": b"GIF89a", "..half.jpg.bak": WHOLE[:2000]}


@pytest.fixture(scope="module")
def finished(imagebatch: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run over a good photo and bad ones, of which it accepts JPEG only, and copies what it rejects."""
    photos = tmp_path_factory.mktemp("photos")
    for name, body in FILES.items():
        (photos / name).parent.mkdir(exist_ok=True)
        (photos / name).write_bytes(body)
    out = tmp_path_factory.mktemp("out")
    options = ["--limit", "formats=jpg,png", "--limit", "max_pixels=40000000", "--quarantine", "copy"]
    return imagebatch("run", photos, "--out", out, "--json", *options)


def test_a_format_that_is_limited_away_is_not_allowed(finished: Any) -> None:
    assert finished.code == 0, finished.stderr
    assert finished.report["summary"]["rejected_by_reason"] == {"format_not_allowed": 1, "truncated": 1}


def test_rejected_images_lie_beside_the_results_by_reason(finished: Any) -> None:
    folder = finished.results / "quarantine"
    copies = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert copies == {"truncated/in/half.jpg": WHOLE[:2000], "format_not_allowed/picture.gif": b"GIF89a"}


def test_without_quarantine_nothing_is_copied(example_run: Any) -> None:
    assert not (example_run.results / "quarantine").exists()


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--limit", "max_pixels=many", "max_pixels: expected a whole number of at least 1, got 'many'"),
        ("--limit", "pixels=1", "pixels: there is no such limit; the limits are formats"),
        ("--limit", "formats=jpeg,pdf", "formats: 'PDF' is not decoded here"),
        ("--quarantine", "burn", "invalid choice: 'burn'"),
        ("--param", "ShardDays", "expected NAME=VALUE, got 'ShardDays'"),
    ],
)
def test_an_option_that_says_nothing_is_refused(
    imagebatch: Callable[..., Any], option: str, value: str, said: str
) -> None:
    finished = imagebatch("run", "examples/photos", option, value)
    assert finished.code == 2
    assert said in finished.stderr


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ("Colour=red", "there is no parameter Colour; the parameters are "),
        ("MaxImagePixels=many", "parameter MaxImagePixels: 'many' is not a number"),
    ],
)
def test_a_parameter_that_the_template_does_not_take_is_refused(
    imagebatch: Callable[..., Any], tmp_path: Path, parameter: str, said: str
) -> None:
    finished = imagebatch("run", "examples/photos", "--out", tmp_path, "--param", parameter)
    assert finished.code == 2
    assert said in finished.stderr
