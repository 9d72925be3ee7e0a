"""A measured process: what it printed, how long it took, and the most memory that it and its children held at once."""

import compileall
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
_LOOKING = 40
_SOURCES = ("pipeline", "steps", "processing_scripts", "state_machines", "bench")


@dataclass(frozen=True)
class Measured:
    text: str
    """What it wrote to its standard output."""
    seconds: float
    peak_bytes: int
    """The proportional set size of the whole tree of processes, at its peak."""

    @property
    def printed(self) -> Any:
        """The JSON document on its standard output."""
        return json.loads(self.text)


def measure(arguments: Sequence[str], every: float = 0.25, *, python: str | Path = sys.executable) -> Measured:
    """Run `python arguments` at the root of the repository, and look at its memory every so many seconds.

    Looking takes 2 ms of a core for each process, so it waits longer where there are many. The product's modules are
    compiled, as pip leaves those that it installs. Raises SystemExit with what it printed when it fails.
    """
    for folder in _SOURCES:
        compileall.compile_dir(ROOT / folder, quiet=2)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    peak = 0
    with tempfile.TemporaryFile("w+") as printed:
        started = time.perf_counter()
        process = subprocess.Popen([python, *arguments], stdout=printed, text=True, cwd=ROOT, env=environment)
        while process.poll() is None:
            looked = time.perf_counter()
            peak = max(peak, _tree_bytes(process.pid))
            _wait(process, max(every, _LOOKING * (time.perf_counter() - looked)))
        seconds = time.perf_counter() - started
        printed.seek(0)
        text = printed.read()
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}: {text}")
    return Measured(text, seconds, peak)


def _wait(process: "subprocess.Popen[str]", seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass


def peak_rss() -> int:
    """The most memory that this process ever held, in bytes: a short peak, too, that looking now and then misses."""
    # ru_maxrss begins with what the parent held when it made this process (getrusage(2) counts across exec).
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _tree_bytes(pid: int) -> int:
    try:
        root = psutil.Process(pid)
        return sum(_bytes(process) for process in [root, *root.children(recursive=True)])
    except psutil.NoSuchProcess:
        return 0


def _bytes(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0  # it ended while the tree was being read
    return int(getattr(memory, "pss", memory.uss))  # macOS has no proportional set size
