"""A few runs of the campaign: the whole of it is `make faults`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = Path(__file__).with_name("campaign.py")
SEEDS = "5,6,12"


@pytest.fixture(scope="module")
def trials() -> list[dict[str, Any]]:
    """What became of the runs."""
    command = [sys.executable, str(CAMPAIGN), "--seeds", SEEDS, "--clouds", "1", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=170)
    assert ended.stdout, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_every_seed_has_its_run(trials: list[dict[str, Any]]) -> None:
    assert [str(trial["seed"]) for trial in trials] == SEEDS.split(",")


def test_something_goes_wrong_in_every_run(trials: list[dict[str, Any]]) -> None:
    assert all(sum(trial["faults"].values()) for trial in trials)


@pytest.mark.parametrize("what", ["lost", "duplicated", "wrong"])
def test_nothing_is(trials: list[dict[str, Any]], what: str) -> None:
    assert {trial["seed"]: trial[what] for trial in trials if trial[what]} == {}
