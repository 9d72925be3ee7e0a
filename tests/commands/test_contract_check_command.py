"""`imagebatch contract check`, as somebody types it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline import cli

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/models/efficientnet-lite0"


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """The example's package, declared for a model with another layout."""
    shutil.copytree(EXAMPLE, tmp_path / "wrong")
    contract = json.loads((EXAMPLE / "contract.json").read_text(encoding="utf-8"))
    contract["input"]["layout"] = "NHWC"
    (tmp_path / "wrong/contract.json").write_text(json.dumps(contract), encoding="utf-8")
    return tmp_path / "wrong"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photos: enough for a table, too few for a conclusion."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("garden/daisy.jpg", "home/cat.png"):
        shutil.copy(ROOT / "examples/photos" / name, folder)
    return folder


def check(*arguments: Any) -> int:
    return cli.main(["contract", "check", *map(str, arguments)])


def test_a_line_for_each_check_and_exit_code_0_where_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(EXAMPLE) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == {"ok"}
    assert [line.split()[1] for line in lines] == ["schema", "labels", "model", "signature", "probe", "probe", "probe"]


def test_what_is_wrong_is_a_sentence_with_the_field_to_set_and_exit_code_1(
    wrong: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(wrong) == 1
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("wrong"))
    assert line.split()[1] == "signature"
    assert line.endswith("Set input.layout to NCHW.")


def test_photos_bring_a_table_of_neighbouring_contracts(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos.parent / "labels.csv").write_text("file,label\ndaisy.jpg,daisy\n", encoding="utf-8")
    assert check(EXAMPLE, "--photos", photos, "--labels", photos.parent / "labels.csv") == 0
    findings, table = capsys.readouterr().out.split("\n\n")
    assert "2 photos, 2 of them different, 1 with a label." in findings
    head, _, declared, *neighbours = table.splitlines()
    assert head.split() == ["contract", "confidence", "agreement", "recognition", "accuracy", "photos", "say"]
    assert declared.split()[:2] + declared.split()[3:4] == ["as", "declared", "1.000"]
    assert any(line.startswith("ImageNet mean and std ") for line in neighbours)


def test_json_is_one_document_and_nothing_else(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(wrong, "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert document["passed"] is False
    assert [each["outcome"] for each in document["findings"]] == ["ok", "ok", "ok", "wrong"]
    assert document["neighbours"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no-such-folder"], "no-such-folder is not a folder"),
        ([EXAMPLE, "--labels", "labels.csv"], "name their folder with --photos"),
        ([EXAMPLE, "--photos", "no-such-folder"], "--photos names a folder of photos"),
    ],
    ids=["model", "labels alone", "photos"],
)
def test_what_cannot_be_checked_is_wrong_usage(
    arguments: list[Any], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(*arguments) == 2
    assert words in capsys.readouterr().err
