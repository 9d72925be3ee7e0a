"""The file that leads to a local cloud: what was written is read, and what leads nowhere says so."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pipeline.deployed.cloud_file import FILE, CloudFile
from pipeline.errors import UnknownDeployment


def cloud_file(pid: int) -> CloudFile:
    return CloudFile("http://127.0.0.1:4566", "eu-west-1", "123456789012", "imagebatch", pid)


@pytest.fixture
def running() -> Any:
    """A process that runs until the test has ended."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.communicate(b"\n")


def test_a_running_cloud_is_read_as_it_was_written(tmp_path: Path, running: Any) -> None:
    written = cloud_file(running.pid)
    written.write(tmp_path)

    assert CloudFile.read(tmp_path) == written
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_clients_are_led_to_the_cloud_and_away_from_the_users_account() -> None:
    variables = cloud_file(1).environment

    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert {variables["AWS_REGION"], variables["AWS_DEFAULT_REGION"]} == {"eu-west-1"}
    assert variables["AWS_CONFIG_FILE"] == variables["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"


def test_a_cloud_that_was_killed_is_told_by_its_process(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    cloud_file(ended.pid).write(tmp_path)

    with pytest.raises(UnknownDeployment, match=rf"has ended: process {ended.pid} is no more.*imagebatch up --state"):
        CloudFile.read(tmp_path)


def test_a_folder_without_a_cloud_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(UnknownDeployment, match=r"No local cloud is running on .*Start it with `imagebatch up --state"):
        CloudFile.read(tmp_path)


def test_a_run_id_that_was_taken_for_the_folder_is_recognised() -> None:
    with pytest.raises(UnknownDeployment, match="A RUN or PREFIX goes before --local"):
        CloudFile.read(Path("2026-11-20T0200-incoming-7f3a9c"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '"x"', "{", json.dumps(asdict(cloud_file(1)) | {"pid": "x"})])
def test_a_foreign_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)

    with pytest.raises(UnknownDeployment, match="was not written by `imagebatch up`"):
        CloudFile.read(tmp_path)
