"""The benchmarks over a run's longest steps run as they are documented: what nobody starts breaks unseen."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST = 240
"""Seconds."""


@pytest.mark.parametrize("benchmark", ["planning", "aggregation"])
def test_a_benchmark_of_a_step_measures_a_small_run(benchmark: str) -> None:
    what = {"planning": "--keys", "aggregation": "--images"}[benchmark]
    command = [sys.executable, "-m", f"bench.{benchmark}", what, "320", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False)

    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert row[what.removeprefix("--")] == 320
