"""Model packages: what is missing is named."""

import io
import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from pipeline.contract import ModelContract
from pipeline.contract.packages import load_package, pack, parse_labels
from pipeline.errors import InvalidContract, InvalidModelPackage

EXAMPLE = Path(__file__).parents[2] / "examples/models/efficientnet-lite0"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the example package that a test may break."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "package"))


def test_a_package_is_its_contract_its_labels_and_its_model(package: Path) -> None:
    loaded = load_package(package)
    assert (loaded.contract.name, loaded.label(0), loaded.model_path) == (
        "efficientnet-lite0",
        "tench",
        package / "model.onnx",
    )


@pytest.mark.parametrize("name", ["contract.json", "labels.txt", "model.onnx"])
def test_a_missing_file_is_named(package: Path, name: str) -> None:
    (package / name).unlink()
    with pytest.raises(InvalidModelPackage, match=f"has no {name}"):
        load_package(package)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidModelPackage, match="elsewhere is not a folder"):
        load_package(tmp_path / "elsewhere")


def test_a_contract_that_breaks_a_rule_is_named_with_its_path(package: Path) -> None:
    (package / "contract.json").write_text("{}")
    with pytest.raises(InvalidContract, match=r"package/contract\.json: version is missing"):
        load_package(package)


def test_without_labels_a_class_is_called_by_its_index(package: Path) -> None:
    document = json.loads((package / "contract.json").read_text())
    del document["output"]["labels"]
    (package / "contract.json").write_text(json.dumps(document))
    assert load_package(package).label(7) == "7"


@pytest.mark.parametrize("text", ["cat\ndog", "cat\ndog\n", "cat\r\ndog\r\n", "\ufeffcat\ndog\n", "cat \n dog"])
def test_labels_are_the_lines_of_a_text(text: str) -> None:
    assert parse_labels(text.encode()) == ("cat", "dog")


def test_an_empty_label_is_refused_with_its_line() -> None:
    with pytest.raises(InvalidModelPackage, match="line 2 is empty"):
        parse_labels(b"cat\n\ndog\n")


def test_labels_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(InvalidModelPackage, match="not UTF-8"):
        parse_labels(b"caf\xe9\n")


def packed(folder: Path) -> bytes:
    file = io.BytesIO()
    pack(load_package(folder), file)
    return file.getvalue()


def test_an_archive_unpacks_to_the_same_package(package: Path, tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(packed(package))) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # as Python has it from 3.11.4 on
        archive.extractall(tmp_path / "unpacked")
    unpacked = load_package(tmp_path / "unpacked")
    assert unpacked.contract == load_package(package).contract
    assert unpacked.model_path.read_bytes() == (package / "model.onnx").read_bytes()


def test_the_same_files_give_the_same_archive_whoever_packs_them_and_when(package: Path, tmp_path: Path) -> None:
    first = packed(package)
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in sorted(package.iterdir(), reverse=True):
        (copy / path.name).write_bytes(path.read_bytes())
        (copy / path.name).chmod(0o600)
        os.utime(copy / path.name, (1, 1))
    assert packed(copy) == first


def test_neither_hidden_files_nor_other_archives_are_packed(package: Path) -> None:
    (package / ".git").mkdir()
    for name in (".DS_Store", ".git/config", "model.tar.gz"):
        (package / name).write_bytes(b"no part of the model")
    with tarfile.open(fileobj=io.BytesIO(packed(package))) as archive:
        assert archive.getnames() == ["NOTICE", "contract.json", "labels.txt", "model.onnx"]


def test_files_in_folders_and_behind_links_are_packed_as_files(package: Path, tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"weights")
    (package / "data").mkdir()
    (package / "data" / "weights").symlink_to(tmp_path / "weights")
    with tarfile.open(fileobj=io.BytesIO(packed(package))) as archive:
        member = archive.getmember("data/weights")
        assert member.isfile()
        assert archive.extractfile(member).read() == b"weights"  # type: ignore[union-attr]


def test_a_package_for_a_container_that_is_not_ours_is_not_loaded_and_says_where_it_belongs(
    package: Path, foreign_contract: ModelContract
) -> None:
    (package / "contract.json").write_text(json.dumps(foreign_contract.to_json()))
    with pytest.raises(
        InvalidModelPackage, match=r"container that is not ours .* deploy the stack with TransformModelName"
    ):
        load_package(package)
