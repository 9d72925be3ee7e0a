"""`imagebatch report` of a folder whose results are none."""

import json
from pathlib import Path

import pytest

from pipeline import cli

Told = pytest.CaptureFixture[str]
SUMMARY = {"run_id": "r", "model": "m", "contract": "c", "counts": {}}


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        ("{", "summary.json is no JSON"),
        ("[]", "summary.json is no summary of a run: expected an object"),
        ("{}", "summary.json is no summary of a run: it has no 'run_id'"),
        (json.dumps(SUMMARY | {"counts": None}), "do not read"),
    ],
)
def test_a_summary_that_no_run_wrote_is_told(tmp_path: Path, capsys: Told, summary: str, said: str) -> None:
    (tmp_path / "summary.json").write_text(summary)
    (tmp_path / "predictions.parquet").write_bytes(b"PAR1")
    assert cli.main(["report", str(tmp_path)]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("given", ["out/2026-11-20T0200-incoming-7f3a9c", "./nothing", "photos/report.html"])
def test_a_path_that_is_no_folder_is_named_before_any_cloud_is_asked(given: str, capsys: Told) -> None:
    assert cli.main(["report", given]) == 2
    assert "there is no folder" in capsys.readouterr().err
