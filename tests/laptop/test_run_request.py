"""request.json: what `imagebatch run` was asked, remembered beside the results."""

import json
import os
from pathlib import Path

import pytest

from pipeline.laptop.run_request import REQUEST_FILE, RunRequest
from pipeline.limits import Quarantine


def test_a_request_reads_back_with_its_paths_made_absolute(tmp_path: Path) -> None:
    request = RunRequest(
        source=str(tmp_path / "photos"),
        model=tmp_path / "model",
        out=tmp_path / "out",
        top_k=2,
        limits={"max_pixels": 9, "formats": ["jpeg"]},
        quarantine=Quarantine.COPY,
        parameters={"Decoders": "a:b"},
    )
    request.save(tmp_path)

    assert RunRequest.load(tmp_path, tmp_path / "out") == request


def test_a_relative_folder_is_remembered_as_what_it_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    RunRequest(source="photos").save(tmp_path)

    assert RunRequest.load(tmp_path, Path("out")).source == str(tmp_path / "photos")


def test_a_prefix_of_s3_is_remembered_as_it_is(tmp_path: Path) -> None:
    RunRequest(source="s3://bucket/a b/").save(tmp_path)

    assert RunRequest.load(tmp_path, Path("out")).source == "s3://bucket/a b/"


@pytest.mark.skipif("sys.platform == 'darwin'", reason="every name is UTF-8 on macOS")
def test_a_folder_whose_name_is_no_utf8_is_found_again(tmp_path: Path) -> None:
    source = os.fsdecode(os.fsencode(tmp_path) + b"/latin-\xe9")
    RunRequest(source=source).save(tmp_path)

    assert RunRequest.load(tmp_path, Path("out")).source == source


@pytest.mark.parametrize(
    "spoilt",
    [{"model": 1}, {"limits": {"max_pixels": "many"}}, {"limits": 1}, {"quarantine": "burn"}, {"parameters": 1}],
    ids=str,
)
def test_a_request_with_a_field_that_says_nothing_is_a_value_error(tmp_path: Path, spoilt: dict[str, object]) -> None:
    RunRequest(source="photos").save(tmp_path)
    path = tmp_path / REQUEST_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | spoilt))

    with pytest.raises(ValueError):  # noqa: PT011 (the words are those of whoever checks the field)
        RunRequest.load(tmp_path, Path("out"))


@pytest.mark.parametrize("document", ["", "[]", "{}"])
def test_a_file_that_is_no_request_is_a_value_error(tmp_path: Path, document: str) -> None:
    (tmp_path / REQUEST_FILE).write_text(document)

    with pytest.raises(ValueError):  # noqa: PT011 (json's own words, or ours)
        RunRequest.load(tmp_path, Path("out"))


def test_a_request_is_plain_json(tmp_path: Path) -> None:
    RunRequest(source="s3://bucket/").save(tmp_path)

    assert set(json.loads((tmp_path / REQUEST_FILE).read_text())) == {
        "source",
        "model",
        "engine",
        "top_k",
        "limits",
        "quarantine",
        "parameters",
    }
