from pathlib import Path

import pytest

from pipeline.deployed.cloud_file import FILE, CloudFile
from pipeline.laptop.standing_cloud import locked
from pipeline.local.sources import UsageError


def test_a_folder_is_held_once_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with locked(folder), pytest.raises(UsageError, match=r"runs on .*new' already: end it"), locked(folder):
        pass
    with locked(folder):
        pass


def test_who_holds_a_folder_is_named_once_it_can_be_reached(tmp_path: Path) -> None:
    with locked(tmp_path):
        CloudFile("http://127.0.0.1:4566", "us-east-1", "123456789012", "imagebatch", 1).write(tmp_path)
        with pytest.raises(UsageError, match=r"at http://127.0.0.1:4566, as process 1"), locked(tmp_path):
            pass


def test_what_a_killed_cloud_said_of_itself_is_removed(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{}")
    with locked(tmp_path):
        assert not (tmp_path / FILE).exists()


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"State cannot be kept in .*file'"), locked(tmp_path / "file"):
        pass
    with pytest.raises(UsageError, match="is not UTF-8"), locked(tmp_path / "\udcff"):
        pass
