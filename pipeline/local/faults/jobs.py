"""What may go wrong with a SageMaker job: its processes are disturbed, some seconds after the first has started."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from pipeline.local.faults.injection import Strike
from pipeline.local.forks import Kind
from pipeline.local.processes import Child, Processes
from pipeline.local.sagemaker.jobs import JobFailedError

_NO_CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type."
)


class DisturbedProcesses(Processes):
    """The processes of one job, which `strike` befalls.

    Args:
        family: what starts them.
        stop: stops the job, as somebody outside would.
    """

    def __init__(self, family: Processes, strike: Strike, stop: Callable[[], None]) -> None:
        super().__init__()
        self._family = family
        self._strike = strike
        self._stop = stop
        self._started: list[Child] = []

    def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        output: IO[bytes] | int = subprocess.DEVNULL,
        kind: Kind | None = None,
    ) -> Child:
        if self._strike.fault == "no_capacity":
            self._strike.record()
            raise JobFailedError(_NO_CAPACITY)
        child = self._family.start(command, environment=environment, folder=folder, output=output, kind=kind)
        self._started.append(child)
        if len(self._started) == 1:
            hanging = self._strike.fault == "hanging"
            if hanging:
                self._freeze(child)
            timer = threading.Timer(self._strike.seconds, self._befall)
            timer.daemon = True
            timer.start()
        elif self._strike.fault == "hanging":
            self._freeze(child)
        return child

    def _befall(self) -> None:
        running = [child for child in self._started if child.returncode is None]
        if not running:
            return  # it has ended already: nothing has gone wrong
        if self._strike.fault == "killed":
            self._strike.record()
            for child in running:
                child.kill()
            return
        if self._strike.fault == "stopped":
            self._strike.record()
        self._stop()
        if self._strike.fault == "hanging":
            # What hangs hears no SIGTERM, and SageMaker's grace of two minutes is not waited for.
            for child in running:
                child.kill()

    def _freeze(self, child: Child) -> None:
        if len(self._started) == 1:
            self._strike.record()
        try:
            os.killpg(child.pid, signal.SIGSTOP)
        except ProcessLookupError:
            pass  # it has ended already
