"""Ctrl-C and worse: everything stops, and nothing is left running."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def many_photos(tmp_path: Path) -> Path:
    """Enough work for a run of many seconds: one photo of 12 megapixels under two hundred names."""
    folder = tmp_path / "photos"
    folder.mkdir()
    original = folder / "original.jpg"
    Image.effect_noise((4000, 3000), 40).convert("RGB").save(original, quality=90)
    for index in range(200):
        (folder / f"{index:03d}.jpg").hardlink_to(original)
    return folder


def wait_for_workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The run's child processes, once some are its cloud's: three are started before there is one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        children = psutil.Process(process.pid).children(recursive=True)
        if len(children) > 3:
            return children
        time.sleep(0.05)
    raise AssertionError(f"the run started no processes: {process.communicate()}")


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=15)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so_and_leaves_nothing_running(
    start_imagebatch: Start, many_photos: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process = start_imagebatch("run", many_photos, "--out", tmp_path / "out")
    children = wait_for_workers(process)
    os.killpg(process.pid, number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Stopped" in said
    assert "Traceback" not in said
    assert_gone(children)


def test_an_impatient_second_interrupt_leaves_nothing_running_either(
    start_imagebatch: Start, many_photos: Path, tmp_path: Path
) -> None:
    process = start_imagebatch("run", many_photos, "--out", tmp_path / "out")
    children = wait_for_workers(process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert_gone(children)


def test_a_run_clears_up_after_one_that_was_killed_on_the_same_machine(
    start_imagebatch: Start, many_photos: Path, imagebatch: Callable[..., Any], tmp_path: Path
) -> None:
    process = start_imagebatch("run", many_photos, "--out", tmp_path / "out")
    wait_for_workers(process)
    process.kill()
    process.communicate(timeout=30)
    assert list((tmp_path / "out").glob(".scratch-*"))
    another_machines = tmp_path / "out" / ".scratch-another0-999999999-x"
    another_machines.mkdir()
    imagebatch("run", "examples/photos", "--out", tmp_path / "out")
    assert list((tmp_path / "out").glob(".scratch-*")) == [another_machines]


def test_a_killed_run_takes_its_processes_with_it(start_imagebatch: Start, many_photos: Path, tmp_path: Path) -> None:
    process = start_imagebatch("run", many_photos, "--out", tmp_path / "out")
    children = wait_for_workers(process)
    process.kill()
    process.communicate(timeout=30)
    assert_gone(children)


def test_a_report_that_nobody_reads_is_an_error_and_no_traceback(start_imagebatch: Start, tmp_path: Path) -> None:
    process = start_imagebatch("run", "examples/photos", "--out", tmp_path / "out", "--json")
    assert process.stdout is not None
    process.stdout.close()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the report could not be printed" in said
    assert "Traceback" not in said
    assert list((tmp_path / "out").glob("*/summary.json"))


def test_two_runs_at_once_do_not_disturb_each_other(start_imagebatch: Start, tmp_path: Path) -> None:
    runs = [start_imagebatch("run", "examples/photos", "--out", tmp_path / "out", "--json") for _ in range(2)]
    for run in runs:
        run.communicate(timeout=120)
    assert [run.returncode for run in runs] == [0, 0]
    assert len(list((tmp_path / "out").glob("*/predictions.parquet"))) == 2
