"""Whole runs, started as a user starts them: the command, in a process of its own, against nothing but this machine."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "pipeline.cli"]


@dataclass(frozen=True)
class Finished:
    """A command that has ended, and what it left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.stdout)
        return document

    @property
    def results(self) -> Path:
        return ROOT / self.report["results"]

    @property
    def predictions(self) -> dict[str, dict[str, Any]]:
        rows = pq.read_table(self.results / "predictions.parquet").to_pylist()
        return {row["key"]: row for row in rows}


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without the AWS settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {"PYTHONWARNINGS": "default", "COLUMNS": "120"} | changes


@pytest.fixture(scope="session")
def imagebatch() -> Callable[..., Finished]:
    """`imagebatch(*arguments)` runs the command to its end."""

    def run(*arguments: object, **environment_changes: str) -> Finished:
        command = [*COMMAND, *map(str, arguments)]
        ended = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, timeout=150, env=environment(**environment_changes)
        )
        return Finished(ended.returncode, ended.stdout, ended.stderr)

    return run


@pytest.fixture(scope="session")
def start_imagebatch() -> Callable[..., subprocess.Popen[str]]:
    """`start_imagebatch(*arguments)` starts the command in a session of its own and returns at once."""

    def start(*arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(),
            start_new_session=True,
        )

    return start


@pytest.fixture(scope="session")
def example_run(imagebatch: Callable[..., Finished], tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """One run over examples/photos, shared by the tests that only look at what it left."""
    return imagebatch("run", "examples/photos", "--json", "--out", tmp_path_factory.mktemp("out"))
