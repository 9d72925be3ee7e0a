"""docs/serving.md: its commands are run, and answer what it says they do."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
DOCUMENT = (REPOSITORY / "docs/serving.md").read_text(encoding="utf-8")
# Commands up to the first that answers, and its answer.
BLOCK = re.compile(r"((?:^\$ .*\n)+)((?:^\{.*\n)+)", re.MULTILINE)
COMMANDS: list[tuple[str, str]] = BLOCK.findall(DOCUMENT)


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("served")
    (root / "opt/ml").mkdir(parents=True)
    (root / "opt/ml/model").symlink_to(REPOSITORY / "examples/models/efficientnet-lite0")
    return start_server(root, IMAGEBATCH_TOP_K="1").await_ready()


def without_scores(text: str) -> Any:
    """The lines of an answer. Scores differ in their last digits from one kind of processor to another."""
    return [json.loads(line, parse_float=lambda digits: "a score") for line in text.splitlines()]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize(("command", "answer"), COMMANDS, ids=range(len(COMMANDS)))
def test_a_command_of_the_document_answers_what_stands_below_it(
    server: Any, tmp_path: Path, command: str, answer: str
) -> None:
    here = re.sub(r"^\$ ", "", command, flags=re.MULTILINE).replace("localhost:8080", f"127.0.0.1:{server.port}")
    here = here.replace("out/", f"{tmp_path}/").replace(".venv/bin/python", sys.executable)
    done = subprocess.run(["bash", "-c", here], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60)
    assert without_scores(done.stdout) == without_scores(answer)


def test_the_document_has_commands_for_what_the_server_takes_and_refuses() -> None:
    assert len(COMMANDS) >= 6
