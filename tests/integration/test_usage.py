"""Commands that cannot work are answered by a sentence and exit code 2, never by a traceback."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


@pytest.fixture
def refused(imagebatch: Callable[..., Any]) -> Callable[..., str]:
    """Runs a command that must be refused; returns what it says."""

    def run(*arguments: object) -> str:
        finished = imagebatch(*arguments)
        assert finished.code == 2, finished.stderr
        assert finished.stdout == ""
        assert "Traceback" not in finished.stderr
        said: str = finished.stderr
        return said

    return run


def test_an_empty_folder_is_named(refused: Callable[..., str], empty: Path) -> None:
    assert f"'{empty}' holds no files" in refused("run", empty)


def test_a_missing_folder_is_named(refused: Callable[..., str], tmp_path: Path) -> None:
    assert f"There is no folder '{tmp_path / 'missing'}'" in refused("run", tmp_path / "missing")


def test_the_home_of_an_unknown_user_is_a_missing_folder(refused: Callable[..., str]) -> None:
    assert "There is no folder '~nobody-of-this-name/photos'" in refused("run", "~nobody-of-this-name/photos")


@pytest.mark.skipif("sys.platform == 'darwin'", reason="every name is UTF-8 on macOS")
def test_results_go_to_no_folder_from_which_models_do_not_load(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "is not UTF-8" in refused("run", "examples/photos", "--out", tmp_path / os.fsdecode(b"out\xff"))


def test_a_file_in_place_of_a_folder_is_named(refused: Callable[..., str]) -> None:
    assert "'README.md' is a file" in refused("run", "README.md")


def test_a_model_folder_without_a_contract_is_named(refused: Callable[..., str], empty: Path) -> None:
    said = refused("run", "examples/photos", "--model", empty)
    assert str(empty) in said
    assert "contract.json" in said


def test_a_contract_with_a_wrong_field_is_refused_by_the_name_of_the_field(
    refused: Callable[..., str], empty: Path
) -> None:
    contract = json.loads((ROOT / "examples/models/efficientnet-lite0/contract.json").read_text())
    contract["input"]["widht"] = contract["input"].pop("width")
    (empty / "contract.json").write_text(json.dumps(contract))
    assert "widht" in refused("run", "examples/photos", "--model", empty)


def test_a_malformed_s3_prefix_is_refused(refused: Callable[..., str]) -> None:
    assert "s3://bucket/prefix/" in refused("run", "s3:/bucket/prefix")


@pytest.mark.parametrize(
    "wrong", [["--top-k", "0"], ["--top-k", "many"], ["--top-k", "101"], ["--engine", "quantum"], ["--colour"]]
)
def test_a_wrong_option_is_refused(refused: Callable[..., str], wrong: list[str]) -> None:
    assert wrong[0] in refused("run", "examples/photos", *wrong)


def test_a_reader_that_has_gone_away_sees_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write) as gone:
        finished = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", "contract", "show", "examples/models/yolox-nano"],
            cwd=ROOT,
            stdout=gone,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (finished.returncode, finished.stderr) == (1, "")


def test_no_command_at_all_shows_what_there_is(refused: Callable[..., str]) -> None:
    assert "COMMAND" in refused()
