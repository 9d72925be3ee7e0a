"""The limit is a process's, and lifting it is for good: those that lift it have a process of their own."""

import resource
import subprocess
import sys

import pytest

from pipeline.local.open_files import FEWEST, allow_many_files

LIFT = """
import resource
from pipeline.local.open_files import allow_many_files
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
allow_many_files()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def lifted(soft: int, hard: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", LIFT.format(soft=soft, hard=hard)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_as_many_files_are_allowed_as_may_be() -> None:
    assert int(lifted(FEWEST, 2 * FEWEST).stdout) == 2 * FEWEST


def test_too_few_files_are_told_before_anything_fails_for_them() -> None:
    told = lifted(64, 64).stderr
    assert f"OSError: this process may have 64 files open, and a local cloud takes at least {FEWEST}" in told


def test_a_system_that_allows_fewer_than_it_says_gives_what_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = [256]

    def setrlimit(limit: int, values: tuple[int, int]) -> None:
        if values[0] > 10_240:
            raise ValueError("current limit exceeds maximum limit")
        allowed.append(values[0])

    monkeypatch.setattr(resource, "getrlimit", lambda limit: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    allow_many_files()
    assert allowed[-1] == 10_240
