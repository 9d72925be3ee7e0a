"""`imagebatch plan`: what is counted, at which prices, and that nobody is asked for what lies on this machine."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import aws, cli
from pipeline.costs import prospect

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
Planned = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No client of any service can be made, so that nothing can be started or written."""

    def refuse(service: str) -> Any:
        raise AssertionError(f"a client of {service} was made")

    monkeypatch.setattr(aws, "client", refuse)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("IMAGEBATCH_STACK", raising=False)


@pytest.fixture
def planned(capsys: pytest.CaptureFixture[str]) -> Planned:
    def plan(*arguments: object) -> tuple[int, dict[str, Any]]:
        code = cli.main(["plan", *map(str, arguments), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return plan


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three images of 1,000 bytes, a marker, and a hidden file."""
    for name in ("a.jpg", "b/c.jpg", "b/d.png", "_READY", ".hidden.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1000))
    return tmp_path / "photos"


def test_a_folder_is_counted_as_a_run_would_list_it(planned: Planned, photos: Path) -> None:
    code, plan = planned(photos)
    assert code == 0
    assert (plan["images"], plan["bytes"], plan["passed_over"], plan["batches"]) == (3, 3000, 1, 1)
    assert plan["jobs"] == [{"instance_type": "ml.c7i.xlarge", "instances": 1, "images": 3}]
    assert plan["cost"]["estimate"]["usd"] > 0


def test_a_listing_tells_sizes_or_is_told_to_have_none(planned: Planned, tmp_path: Path) -> None:
    listing = tmp_path / "chosen.jsonl"
    listing.write_text('{"Key": "a.jpg", "Size": 1000000}\n{"Key": "b.jpg"}\n', encoding="utf-8")
    _, plan = planned(listing)
    assert (plan["images"], plan["bytes"]) == (2, 1_000_000 + prospect.SIZE_UNTOLD)
    assert any("1 of the images have no size" in note for note in plan["notes"])


def test_a_manifest_of_keys_is_counted(planned: Planned, tmp_path: Path) -> None:
    manifest = tmp_path / "batch.json"
    manifest.write_text('[{"prefix": "s3://bucket/"}, "a.jpg", "b.jpg"]', encoding="utf-8")
    assert planned(manifest)[1]["images"] == 2


def test_a_large_run_has_the_jobs_that_a_run_would_have(planned: Planned, tmp_path: Path) -> None:
    listing = tmp_path / "many.jsonl"
    listing.write_text("".join(f'{{"Key": "{n}.jpg", "Size": 1}}\n' for n in range(45_000)), encoding="utf-8")
    _, plan = planned(listing)
    assert plan["batches"] == 282
    assert len(plan["jobs"]) == 3
    assert sum(job["images"] for job in plan["jobs"]) == 45_000


def test_prices_of_a_file_stand_in_for_those_that_ship(planned: Planned, photos: Path, tmp_path: Path) -> None:
    own = {"regions": {"us-east-1": {"instance_hours": {"date": "2026-11-21", "usd": {"ml.c7i.xlarge": 8000}}}}}
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps(own), encoding="utf-8")
    assert planned(photos, "--prices", prices)[1]["cost"]["estimate"]["usd"] > 900


def test_above_the_limit_the_exit_code_says_so(planned: Planned, photos: Path) -> None:
    code, plan = planned(photos, "--max-cost", "0.001")
    assert (code, plan["within_limit"]) == (1, False)


def test_a_region_without_prices_has_no_sum(planned: Planned, photos: Path) -> None:
    _, plan = planned(photos, "--region", "eu-north-9")
    assert plan["cost"]["estimate"]["usd"] is None
    assert any("no prices are known for eu-north-9" in note for note in plan["notes"])


def test_people_read_the_dearest_first(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", str(photos), "--engine", "transform"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("images     3 ")
    assert next(line for line in lines if line.startswith("  ")).lstrip().startswith("SageMaker, ml.g4dn.xlarge")
    assert lines[-1] == "Nothing was started."


@pytest.mark.parametrize(
    ("text", "said"), [("{}", "line 1: expected"), ("no", "line 1: "), ('{"Key": 5}', "line 1: expected")]
)
def test_a_line_that_names_no_image_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    listing = tmp_path / "wrong.jsonl"
    listing.write_text(text, encoding="utf-8")
    assert cli.main(["plan", str(listing)]) == 2
    assert said in capsys.readouterr().err


def test_a_place_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", "nowhere"]) == 2
    assert "There is no folder, manifest or listing 'nowhere'" in capsys.readouterr().err


def test_a_place_without_an_image_is_told(planned: Planned, tmp_path: Path) -> None:
    code, plan = planned(tmp_path)
    assert (code, plan["images"], plan["jobs"]) == (0, 0, [])
    assert any("there is no image here" in note for note in plan["notes"])


def test_a_small_sum_is_more_than_nothing(planned: Planned, photos: Path) -> None:
    lines = planned(photos)[1]["cost"]["estimate"]["lines"]
    assert [line["item"] for line in lines if not line["usd"]] == []


def test_prices_that_are_not_there_are_named(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", str(photos), "--prices", "none.json"]) == 2
    assert capsys.readouterr().err == "imagebatch: none.json: No such file or directory\n"


def test_the_stack_of_the_environment_is_asked(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEBATCH_STACK", "photos")
    with pytest.raises(AssertionError, match="a client of"):
        cli.main(["plan", str(photos)])
