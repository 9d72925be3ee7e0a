"""What a report takes of summary.json: what the page shows is all there, and what is missing is named."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline import cli
from pipeline.report import expected
from pipeline.report.content import Content, Failure, RejectedImage
from pipeline.report.page import render

LINE = {"what": "Lambda", "unit": "requests", "used": 6, "used_usd": 0.1, "estimated": 5.0, "estimated_usd": None}
COST = {
    "region": "us-east-1",
    "prices_dated": ["2026-09-11", "2026-11-21"],
    "limit_usd": 5.0,
    "used_usd": None,
    "used_seconds": 12.5,
    "estimate_usd": 1.0,
    "estimate_seconds": None,
    "lines": [LINE],
    "unknown": ["a job was not described"],
}
SUMMARY: dict[str, Any] = {
    "run_id": "2026-11-20T0200-incoming-7f3a9c",
    "model": "example",
    "contract": "f68eedeacb226843",
    "engine": "processing",
    "execution_arn": "arn:aws:states:us-east-1:123456789012:execution:imagebatch:first",
    "started_at": "2026-11-20T02:00:00+00:00",
    "results": "s3://results/runs/2026-11-20T0200-incoming-7f3a9c/results/",
    "seconds": 12.5,
    "adds_up": False,
    "problem_count": 1,
    "problems": ["one is lost"],
    "sources": ["s3://images/incoming/"],
    "partitions": [{"instance_type": "ml.c7i.xlarge"}],
    "counts": {"listed": 4, "predicted": 1, "rejected": 1, "failed": 1, "skipped": 1},
    "rejected_by_reason": {"truncated": 1},
    "cost": COST,
}
"""What `expected` asks for, and no more."""


def fields(document: Any, *where: str | int) -> list[tuple[str | int, ...]]:
    """The paths of all fields of objects."""
    inner = document.items() if isinstance(document, dict) else enumerate(document)
    found: list[tuple[str | int, ...]] = []
    for name, value in inner:
        if isinstance(document, dict):
            found.append((*where, name))
        if isinstance(value, dict | list):
            found += fields(value, *where, name)
    return found


REQUIRED = [path for path in fields(SUMMARY) if path not in (("cost",), ("rejected_by_reason", "truncated"))]


def told(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


@pytest.mark.parametrize("changes", [{}, {"adds_up": True}, {"cost": None}])
def test_a_page_is_made_of_what_is_expected_and_takes_no_more(changes: dict[str, Any]) -> None:
    summary = SUMMARY | changes
    expected.check(summary)
    rejected = (RejectedImage("a.jpg", "s3://images/a.jpg", "truncated", "it ends early"),)
    page = render(Content(summary, images=(), rejected=rejected, failure=Failure("TooManyFailed", "all of them")))
    assert summary["run_id"] in page


@pytest.mark.parametrize("path", REQUIRED, ids=told)
def test_a_field_that_is_missing_is_named(path: tuple[str | int, ...]) -> None:
    summary = copy.deepcopy(SUMMARY)
    place = summary
    for part in path[:-1]:
        place = place[part]  # type: ignore[index]
    del place[path[-1]]  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"summary\.json has no ") as error:
        expected.check(summary)
    assert f"has no {told(path)}, which a report shows" in str(error.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seconds": "12"}, "seconds: expected a number, got '12'"),
        ({"problem_count": True}, "problem_count: expected a number, got true"),
        ({"sources": None}, "sources: expected an array, got null"),
        ({"sources": ["s3://images/", 1]}, "sources[1]: expected text, got 1"),
        ({"problems": [None]}, "problems[0]: expected text, got null"),
        ({"rejected_by_reason": {"empty": "x"}}, "rejected_by_reason.empty: expected a number, got 'x'"),
        ({"counts": []}, "counts: expected an object"),
        ({"adds_up": 1}, "adds_up: expected true or false, got 1"),
        ({"cost": COST | {"used_usd": "3"}}, "cost.used_usd: expected a number or null, got '3'"),
        ({"cost": COST | {"prices_dated": 3}}, "cost.prices_dated: expected an array or null, got 3"),
    ],
)
def test_a_field_that_is_another_thing_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r"summary\.json: ") as error:
        expected.check(SUMMARY | changes)
    assert said in str(error.value)


def test_the_command_names_what_a_folder_of_another_version_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = {name: value for name, value in SUMMARY.items() if name != "partitions"}
    (tmp_path / "summary.json").write_text(json.dumps(older))
    assert cli.main(["report", str(tmp_path)]) == 1
    assert "summary.json has no partitions, which a report shows" in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()
