"""A measured process: what it printed, how long it took, and the most memory that it and its children held at once."""

import json
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

    Raises SystemExit with what it printed when it fails.
    """
    peak = 0
    with tempfile.TemporaryFile("w+") as printed:
        started = time.perf_counter()
        process = subprocess.Popen([python, *arguments], stdout=printed, text=True, cwd=ROOT)
        while process.poll() is None:
            peak = max(peak, _tree_bytes(process.pid))
            time.sleep(every)
        seconds = time.perf_counter() - started
        printed.seek(0)
        text = printed.read()
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}: {text}")
    return Measured(text, seconds, peak)


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
