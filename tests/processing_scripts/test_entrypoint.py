import os
import pwd
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from processing_scripts import entrypoint

ROOT = Path(__file__).parents[2]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What is asked of the operating system on the way to another user, by a process that takes itself for root."""
    made: list[tuple[str, Any]] = []
    for name in ("chown", "initgroups", "setgid", "setuid", "execve"):
        monkeypatch.setattr(os, name, lambda *arguments, name=name, **_: made.append((name, arguments)))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return made


def test_it_becomes_the_program_in_the_same_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "processing_scripts.entrypoint", "infer"]
    environment = {"IMAGEBATCH_ROOT": str(tmp_path), "PATH": os.environ["PATH"]}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "holds no shards" in (tmp_path / "opt/ml/output/message").read_text()


@pytest.mark.parametrize("arguments", [[], ["train"], ["serve", "infer"]])
def test_any_other_command_is_refused_by_name(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="expected one argument, serve, infer, predict; got"):
        entrypoint.main(arguments, {})


def test_root_is_given_up_before_the_program_begins_groups_first(calls: list[tuple[str, Any]], tmp_path: Path) -> None:
    entrypoint.main(["serve"], {"IMAGEBATCH_USER": "nobody", "IMAGEBATCH_ROOT": str(tmp_path)})
    assert [name for name, _ in calls if name != "chown"] == ["initgroups", "setgid", "setuid", "execve"]
    assert ("setuid", (pwd.getpwnam("nobody").pw_uid,)) in calls


def test_the_folders_that_are_written_to_become_the_users(calls: list[tuple[str, Any]], tmp_path: Path) -> None:
    mounted = tmp_path / "opt/ml/processing/output/predictions"
    mounted.mkdir(parents=True)
    entrypoint.main(["infer"], {"IMAGEBATCH_USER": "nobody", "IMAGEBATCH_ROOT": str(tmp_path)})
    handed_over = {arguments[0] for name, arguments in calls if name == "chown"}
    assert handed_over == {tmp_path / "opt/ml/output", mounted.parent, mounted}


def test_outside_the_image_nothing_is_asked_for(
    calls: list[tuple[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(runpy, "run_module", lambda name, **_: started.append(name))
    entrypoint.main(["infer"], {"IMAGEBATCH_ROOT": str(tmp_path)})
    assert (calls, started) == ([], ["processing_scripts.infer"])
