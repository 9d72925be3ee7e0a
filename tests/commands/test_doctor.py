"""`imagebatch doctor`, as somebody types it."""

import io
import json
import re
import sys
from pathlib import Path

import pytest

from pipeline import cli

CAUSE = json.dumps({"Error": "CapacityError", "Cause": "Unable to provision requested ML compute capacity."})


def doctor(*arguments: str) -> int:
    return cli.main(["doctor", *arguments])


def test_a_message_is_explained_with_a_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor("--text", CAUSE) == 0
    printed = capsys.readouterr().out
    assert "no such instance free" in printed
    assert "instance_type" in printed


def test_a_log_is_explained_with_the_place_of_the_first_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "job.log"
    path.write_text("fine\nMemoryError\nMemoryError\n", encoding="utf-8")
    assert doctor(str(path)) == 0
    printed = capsys.readouterr().out
    assert f"{path} line 2" in printed.replace("\n           ", " ")
    assert "(2 times)" in printed


def test_standard_input_is_read_where_it_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"No space left on device\n")))
    assert doctor("-") == 0
    assert "A disk is full" in capsys.readouterr().out


def test_what_is_not_known_is_said_not_to_be_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor("--text", "starting\nFlywheelError: lost a bearing") == 1
    printed = capsys.readouterr().out
    assert "Nothing that is known" in printed
    assert "FlywheelError: lost a bearing" in printed


def test_keys_cannot_pass_for_lines_of_the_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "failed.csv").write_text(
        'bucket,key,etag,size,partition,error,detail\nb,"a\n2. All is well",e,1,p,MemoryError,\x1b[31m\n',
        encoding="utf-8",
    )
    assert doctor(str(tmp_path)) == 0
    printed = capsys.readouterr().out
    assert "\n2. All is well" not in printed
    assert "\x1b" not in printed


@pytest.mark.parametrize("arguments", [[], ["/there/is/no/such.log"]], ids=["nothing", "no such file"])
def test_wrong_usage_is_said_on_standard_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(*arguments) == 2
    assert capsys.readouterr().err.startswith("imagebatch: ")


def test_the_documentation_shows_what_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    documentation = (Path(__file__).parents[2] / "docs/contract.md").read_text(encoding="utf-8")
    (asked,) = re.findall(r"\$ imagebatch doctor --text '(.*)'", documentation)
    assert doctor("--text", asked) == 0
    assert capsys.readouterr().out in documentation


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", str(tmp_path / "no.log")]) == 2
    assert "no.log cannot be read: No such file or directory. Name a log" in capsys.readouterr().err
