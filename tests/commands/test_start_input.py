"""The input that `imagebatch start` makes of its options: options come before what --input says."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline import cli
from pipeline.commands.start import given_input


def given(*arguments: str) -> dict[str, Any]:
    return given_input(cli.parser().parse_args(["start", *arguments]))


def test_without_options_the_input_is_empty() -> None:
    assert given() == {}


def test_options_are_fields_of_the_input() -> None:
    assert given(
        "incoming/",
        "s3://b/{date:%Y}/",
        "--name",
        "n",
        "--model",
        "m",
        "--engine",
        "transform",
        "--top-k",
        "3",
        "--reprocess",
    ) == {
        "prefixes": ["incoming/", "s3://b/{date:%Y}/"],
        "name": "n",
        "model": "m",
        "engine": "transform",
        "top_k": 3,
        "reprocess": True,
    }


def test_options_come_before_what_the_input_says() -> None:
    text = json.dumps({"prefixes": ["a/"], "model": "m", "limits": {"min_side": 2, "max_pixels": 5}})

    assert given("b/", "--input", text, "--limit", "max_pixels=7", "--limit", "animated=reject") == {
        "prefixes": ["b/"],
        "model": "m",
        "limits": {"min_side": 2, "max_pixels": 7, "animated": "reject"},
    }


def test_an_input_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text('{"name": "\U0001f408"}', encoding="utf-8")

    assert given("--input", f"@{tmp_path / 'input.json'}") == {"name": "\U0001f408"}


def test_an_input_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"top_k": 2}'))

    assert given("--input", "-") == {"top_k": 2}


def test_a_field_that_does_not_exist_is_for_the_state_machine_to_refuse() -> None:
    assert given("--input", '{"prefixs": 7}') == {"prefixs": 7}


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "null", "{'a': 1}", '{"top_k": NaN}', "[" * 100_000])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a JSON object such as \{\}|nested too deeply"):
        given("--input", text)


def test_limits_that_are_none_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="expected limits to be an object"):
        given("--input", '{"limits": []}', "--limit", "min_side=2")


@pytest.mark.parametrize(
    "arguments", [("--top-k", "0"), ("--limit", "nothing=1"), ("--execution", "a b"), ("--engine", "x")]
)
def test_an_option_that_cannot_be_is_wrong_usage(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        given(*arguments)

    assert refused.value.code == 2
    assert f"argument {arguments[0]}: " in capsys.readouterr().err
