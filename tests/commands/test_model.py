"""`imagebatch model package`, as somebody types it."""

import hashlib
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pipeline import cli

EXAMPLE = Path(__file__).parents[2] / "examples/models/yolox-nano"


def package(*arguments: Any) -> int:
    return cli.main(["model", "package", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of an example package that a test may break."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "model"))


def test_the_archive_has_the_size_and_digest_that_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model.tar.gz"
    assert package(EXAMPLE, "--out", out) == 0
    data = out.read_bytes()
    assert f"{len(data):,} bytes, sha256 {hashlib.sha256(data).hexdigest()}" in capsys.readouterr().out
    with tarfile.open(out) as archive:
        assert {"contract.json", "labels.txt", "model.onnx"} <= set(archive.getnames())


def test_without_a_name_the_archive_is_model_tar_gz_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert package(".") == 0
    first = (folder / "model.tar.gz").read_bytes()
    assert package(".") == 0
    assert (folder / "model.tar.gz").read_bytes() == first


def test_a_model_that_does_not_fit_its_contract_is_not_packed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "labels.txt").write_text("only\n")
    assert package(folder, "--out", folder.parent / "out.tar.gz") == 1
    assert "labels.txt has 1 labels; the model answers 80 classes" in capsys.readouterr().err
    assert sorted(path.name for path in folder.parent.iterdir()) == ["model"]


@pytest.mark.parametrize(
    ("missing", "words"), [("contract.json", "has no contract.json"), ("model.onnx", "has no mod")]
)
def test_a_file_that_is_missing_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], missing: str, words: str
) -> None:
    (folder / missing).unlink()
    assert package(folder) == 1
    assert words in capsys.readouterr().err


def test_a_folder_to_write_into_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert package(EXAMPLE, "--out", tmp_path / "nowhere" / "model.tar.gz") == 1
    assert "nowhere" in capsys.readouterr().err
