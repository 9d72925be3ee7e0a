"""What jobs of every kind have in common: a description that changes, a thread that does the work, and an end.

A job is InProgress until its work is done, then Completed or Failed; one that is asked to stop is Stopping until what
it started has ended, then Stopped. SageMaker API reference, DescribeProcessingJob and DescribeTransformJob.
"""

import datetime
import shutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pipeline.local.sagemaker.transfers import TransferError

MAX_REASON = 1024  # characters; SageMaker API reference, FailureReason


class JobFailedError(Exception):
    """A job that cannot go on. The text is its failure reason, which begins with whose error it is: `ClientError: `
    for the request, its data or its model, `AlgorithmError: ` for the container."""


class Job(ABC):
    """A job from its creation on. Everything public may be called at any time, from any thread."""

    kind: ClassVar[str]
    """`Processing`: the job is described with ProcessingJobName, ProcessingEndTime, and so on."""

    def __init__(self, request: Mapping[str, Any], arn: str, folder: Path) -> None:
        self.name: str = request[f"{self.kind}JobName"]
        self.arn = arn
        self.created = now()
        self._request = request
        self._folder = folder
        self._lock = threading.Lock()
        self._state: dict[str, Any] = {f"{self.kind}JobStatus": "InProgress", "LastModifiedTime": self.created}
        self._thread = threading.Thread(target=self._run, name=f"job-{self.name}", daemon=True)

    @property
    def status(self) -> str:
        """InProgress, Completed, Failed, Stopping or Stopped."""
        with self._lock:
            return str(self._state[f"{self.kind}JobStatus"])

    @property
    def log_path(self) -> Path:
        """Where all that the job's processes print goes."""
        return self._folder / "log"

    def start(self, on_end: Callable[[str], None] = lambda arn: None) -> None:
        """Begin the work. The job's folder is made now. `on_end` is called with the ARN once the job has ended."""
        self._on_end = on_end
        self._folder.mkdir(parents=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until the job has ended."""
        self._thread.join()

    def describe(self) -> dict[str, Any]:
        """Everything that was asked for, and what became of it so far."""
        asked = {name: value for name, value in self._request.items() if name != "Tags"}
        with self._lock:
            return {**asked, f"{self.kind}JobArn": self.arn, "CreationTime": self.created, **self._state}

    def stop(self) -> None:
        """Ask the job to stop; it is Stopping until its processes have ended."""
        with self._lock:
            if self._state[f"{self.kind}JobStatus"] != "InProgress":
                return
            self._state.update({f"{self.kind}JobStatus": "Stopping", "LastModifiedTime": now()})
        self._interrupt()

    @property
    @abstractmethod
    def instances(self) -> tuple[str, int]:
        """Which type of instance the job has, and how many of them."""

    @abstractmethod
    def _work(self) -> str | None:
        """Do it all; the reason of a failure, or None. May raise JobFailedError and TransferError instead."""

    @abstractmethod
    def _interrupt(self) -> None:
        """Let `_work` learn that the job is Stopping. Called once at most, by another thread."""

    def _tell(self, **members: Any) -> None:
        """Add members to the description."""
        with self._lock:
            self._state.update(members)

    def _run(self) -> None:
        try:
            failure = self._work()
        except JobFailedError as error:
            failure = str(error)
        except TransferError as error:
            failure = f"ClientError: {error}"
        except Exception as error:  # noqa: BLE001 - the job must end, whatever happened to it
            failure = f"InternalServerError: {type(error).__name__}: {error}"
        with self._lock:
            ended = now()
            stopped = self._state[f"{self.kind}JobStatus"] == "Stopping"
            self._state.update(
                {
                    f"{self.kind}JobStatus": "Stopped" if stopped else "Failed" if failure else "Completed",
                    f"{self.kind}EndTime": ended,
                    "LastModifiedTime": ended,
                }
            )
            if failure:
                self._state["FailureReason"] = failure[:MAX_REASON]
        self._on_end(self.arn)
        clear(self._folder)


def clear(folder: Path) -> None:
    """Remove the disks of a job's instances, as they go with the instances; the log, a file beside them, stays."""
    for disk in folder.iterdir():
        if disk.is_dir():
            shutil.rmtree(disk, ignore_errors=True)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
