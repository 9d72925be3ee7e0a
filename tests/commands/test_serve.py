"""`imagebatch serve`, as somebody types it: a process that listens, is asked, and ends."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "pipeline.cli"]
LIMIT = 120  # seconds that a test waits at most


@pytest.fixture
def folder(tmp_path: Path, contract: Any, classifier: Callable[..., bytes]) -> Path:
    """A package of five classes."""
    (tmp_path / "contract.json").write_text(json.dumps(contract.to_json()))
    (tmp_path / "labels.txt").write_text("".join(f"label {index}\n" for index in range(5)))
    (tmp_path / "model.onnx").write_bytes(classifier(5))
    return tmp_path


def run(*arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=LIMIT)


@pytest.fixture
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The process, the address that it prints, and all that it prints before it waits."""
    command = [*COMMAND, "serve", str(folder), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    ) as process:
        try:
            assert process.stdout
            said = "".join(process.stdout.readline() for _ in range(3))
            url = re.search(r"http://127\.0\.0\.1:\d+", said)
            assert url, said
            yield process, url[0], said
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def test_what_it_prints_works(serving: tuple[Any, str, str], folder: Path, photo: Callable[..., bytes]) -> None:
    name, ask, curl = serving[2].splitlines()
    assert name.startswith("tiny (classification, contract ")
    file = folder / "photo.jpg"
    file.write_bytes(photo())
    asked = run(*ask.split()[1:2], file, *ask.split()[3:], "--json")
    assert asked.returncode == 0, asked.stderr
    assert [each["label"].startswith("label ") for each in json.loads(asked.stdout)["top"]] == [True] * 3
    sent = subprocess.run(curl.replace("photo.jpg", str(file)), shell=True, capture_output=True, timeout=LIMIT)
    assert json.loads(sent.stdout)["top"] == json.loads(asked.stdout)["top"]


def test_it_answers_pings_as_a_container_does(serving: tuple[Any, str, str]) -> None:
    with urllib.request.urlopen(f"{serving[1]}/ping", timeout=LIMIT) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_when_it_is_told_to(serving: tuple[Any, str, str], number: int) -> None:
    process = serving[0]
    process.send_signal(number)
    _, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, err) == (0, "")


def test_a_model_that_does_not_load_is_named(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"no model")
    ended = run("serve", folder, "--port", "0")
    assert ended.returncode == 1
    assert f"imagebatch: {folder} cannot be served: " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_folder_that_is_no_package_is_named(folder: Path) -> None:
    shutil.rmtree(folder)
    ended = run("serve", folder, "--port", "0")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "contract.json" in ended.stderr


def test_a_port_that_is_taken_is_named(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run("serve", folder, "--port", port)
    assert ended.returncode == 1
    assert f"port {port} cannot be listened on" in ended.stderr
    assert "--port N" in ended.stderr


@pytest.mark.parametrize("port", ["70000", "-1", "http"])
def test_what_is_no_port_is_wrong_usage(folder: Path, port: str) -> None:
    assert run("serve", folder, f"--port={port}").returncode == 2
