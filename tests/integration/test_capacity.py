"""A job for which there is no instance runs on the next type of the list."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def without_capacity(imagebatch: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """`without_capacity(engine, types, jobs)`: a run whose first jobs, so many, find no capacity."""

    def run(engine: str, types: str, jobs: int) -> Any:
        plan = tmp_path / "plan.json"
        fault = {"on": f"{engine}_job", "fault": "no_capacity", "occurrences": list(range(1, jobs + 1)), "seconds": 0}
        plan.write_text(json.dumps({"faults": [fault]}))
        parameter = "InstanceType" if engine == "processing" else "TransformInstanceType"
        options = ("--engine", engine, "--faults", plan, "--parameter", f"{parameter}={types}")
        return imagebatch("run", "examples/photos/garden", *options, "--out", tmp_path / "out", "--json")

    return run


@pytest.mark.parametrize(
    ("engine", "types"), [("processing", "ml.c7i.xlarge,ml.m7i.xlarge"), ("transform", "ml.g5.xlarge, ml.g4dn.xlarge")]
)
def test_a_job_that_finds_no_capacity_runs_on_the_next_type(
    without_capacity: Callable[..., Any], engine: str, types: str
) -> None:
    finished = without_capacity(engine, types, 1)

    assert finished.code == 0, finished.stderr
    assert finished.report["summary"]["counts"]["failed"] == 0
    assert [(fault["fitted"], fault["struck"]) for fault in finished.report["faults"]] == [(2, 1)]


def test_a_partition_for_which_no_type_has_capacity_says_so(without_capacity: Callable[..., Any]) -> None:
    finished = without_capacity("processing", "ml.c7i.xlarge,ml.m7i.xlarge", 2)

    assert finished.code == 1
    assert finished.report["error"] == "TooManyFailed"
    assert "CapacityError" in finished.report["cause"]
