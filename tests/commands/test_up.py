"""What `imagebatch up` says when it is up: commands to paste."""

import shlex
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.commands import EXIT_FAILED, up
from pipeline.commands.up import _greeting
from pipeline.deployed.cloud_file import DEFAULT_FOLDER
from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import Stack


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path) as cloud:
        yield cloud


def pasted(cloud: LocalCloud, **parameters: str) -> list[list[str]]:
    """The commands of the greeting of a stack with these parameters, as a shell splits them."""
    outputs = {"ImagesBucket": "images", "ResultsBucket": "results"}
    chosen = {"InboxPrefix": "incoming/", "MarkerName": "_READY", **parameters}
    stack = Stack("imagebatch", outputs, {}, (), "", {}, chosen, "", {})
    return [shlex.split(line) for line in _greeting(cloud, stack, DEFAULT_FOLDER, "--local") if line.startswith("  ")]


def test_the_marker_to_paste_is_the_one_that_starts_a_run(cloud: LocalCloud) -> None:
    assert ["date", "|", "aws", "s3", "cp", "-", "s3://images/in/DONE"] in pasted(
        cloud, InboxPrefix="in/", MarkerName="DONE"
    )


def test_an_inbox_with_a_blank_is_one_word_of_the_command(cloud: LocalCloud) -> None:
    assert [command[-1] for command in pasted(cloud, InboxPrefix="my photos/") if "cp" in command] == [
        "s3://images/my photos/",
        "s3://images/my photos/_READY",
    ]


def test_a_database_that_cannot_be_written_ends_it_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(request: object, *, verbose: bool) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(up, "_stand", full)
    monkeypatch.setattr(up, "on_interrupt", lambda handler: None)

    assert cli.main(["up"]) == EXIT_FAILED
    assert capsys.readouterr().err == (
        "imagebatch: the local cloud could not be kept running: database or disk is full (-v shows where)\n"
    )
