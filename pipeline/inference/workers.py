"""The shards of a partition, predicted on all cores: one process per core, one shard at a time each.

Where the model runs on GPUs there are two processes for each of them instead, which sees no other.

A shard that fails costs nothing but itself: its failure is a value, written beside the predictions of the others. What
concerns every shard (the model does not load, the package is not the one that the run was started with) is raised.
"""

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from pipeline import shards
from pipeline.contract import ModelContract, Task
from pipeline.contract.packages import ModelPackage, load_package
from pipeline.cores import available_cores
from pipeline.errors import ContractMismatch, ImageBatchError
from pipeline.inference import arrays
from pipeline.inference.arrays import ArrayWriter
from pipeline.inference.gpus import PROCESSES_PER_GPU, VISIBLE
from pipeline.inference.predictions import FAILURE_SUFFIX, PREDICTIONS_SUFFIX, ShardFailure
from pipeline.inference.predictor import Predictor, open_predictor
from pipeline.inference.ranking import Scores
from pipeline.telemetry.jobs import log_to_stdout

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

PARTIAL_SUFFIX = ".partial"
"""Ends the name of a file that is being written. One that is uploaded by chance is read by nobody."""


@dataclass(frozen=True)
class Job:
    """What every worker needs to know."""

    package: Path
    predictions: Path
    run_id: str
    contract: str
    top_k: int
    gpus: tuple[str, ...] = ()
    """The GPUs that the model runs on; none where it runs on the CPU."""

    @property
    def most_processes(self) -> int:
        """How many processes there is work for, whatever the number of shards."""
        return PROCESSES_PER_GPU * len(self.gpus) or available_cores()


@dataclass(frozen=True, slots=True)
class ShardOutcome:
    """What became of one shard: so many images predicted, or why none was."""

    shard: str
    images: int = 0
    failure: ShardFailure | None = None


class Worker:
    """Predicts shards with a model that is loaded once, at the first of them."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def predict(self, path: Path) -> ShardOutcome:
        """Writes `<shard>.jsonl`, or `<shard>.failed.json`. Raises what concerns every shard."""
        package, predictor = self._loaded
        shard_id = _shard_id(path)
        try:
            shard = shards.read(path, package.contract)
            with self._array(package.contract, shard_id, len(shard.rows)) as keep:
                lines = [prediction.to_line() for prediction in predictor.predict(shard, shard_id, keep)]
        except (ImageBatchError, MemoryError) as error:
            return _failed(self._job, ShardFailure(shard_id, type(error).__name__, str(error)))
        _publish(self._job, f"{shard_id}{PREDICTIONS_SUFFIX}", lines)
        return ShardOutcome(shard_id, len(lines))

    @contextmanager
    def _array(self, contract: ModelContract, shard_id: str, rows: int) -> Iterator[Callable[[Scores], None]]:
        """Where answers go: for the task raw into `<shard>.npy`, which is there before any line names it."""
        if contract.task is not Task.RAW:
            yield lambda answers: None
            return
        with _publishing(self._job, arrays.file_name(shard_id)) as file:
            yield ArrayWriter(file, rows).append

    @cached_property
    def _loaded(self) -> tuple[ModelPackage, Predictor]:
        package = load_package(self._job.package)
        if package.contract.digest != self._job.contract:
            raise ContractMismatch(
                f"The model package {package.contract.name} has contract {package.contract.digest}; the run was started"
                f" with {self._job.contract}. The package was replaced in between: start a new run."
            )
        return package, open_predictor(package, self._job.run_id, self._job.top_k)


def predict_partition(
    job: Job, paths: Iterable[Path], processes: int, is_stopping: Callable[[], bool] = lambda: False
) -> Iterator[ShardOutcome]:
    """Outcomes of all shards, as they come. Once `is_stopping()`, what is in work is finished and no other begun."""
    waiting = iter(paths)
    if processes == 1:
        worker = Worker(job)
        while not is_stopping() and (path := next(waiting, None)):
            yield worker.predict(path)
        return
    suspects = yield from _predict_together(job, waiting, processes, is_stopping)
    for path in suspects:
        if not is_stopping():
            yield _predict_alone(job, path)


def _predict_together(
    job: Job, waiting: Iterator[Path], processes: int, is_stopping: Callable[[], bool]
) -> Generator[ShardOutcome, None, list[Path]]:
    """Returns the shards that were in work when a process died: one of them is to blame, and nobody knows which."""
    suspects: list[Path] = []
    with _Pool(job, processes) as pool:
        in_work: dict[Future[ShardOutcome], Path] = {}
        while True:
            # One shard for each process and none ahead, so that stopping waits for nothing but what has begun.
            while len(in_work) < processes and not is_stopping() and (path := next(waiting, None)):
                in_work[pool.submit(path)] = path
            if not in_work:
                return suspects
            for future in wait(in_work, return_when=FIRST_COMPLETED).done:
                path = in_work.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    suspects.append(path)


def _predict_alone(job: Job, path: Path) -> ShardOutcome:
    """A suspect, in a process of its own."""
    with _Pool(job, processes=1) as pool:
        try:
            return pool.submit(path).result()
        except BrokenProcessPool:
            cause = f"The process that predicted shard {path.name} was killed. It may have run out of memory."
            return _failed(job, ShardFailure(_shard_id(path), "WorkerDied", cause))


class _Pool:
    """A process pool, made anew when a process of it dies; what was in work then raises BrokenProcessPool."""

    def __init__(self, job: Job, processes: int) -> None:
        self._job = job
        self._processes = processes
        self._executor = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(cancel_futures=True)

    def submit(self, path: Path) -> "Future[ShardOutcome]":
        try:
            return self._executor.submit(_predict, path)
        except BrokenProcessPool:
            self._executor.shutdown()
            self._executor = self._start()
            return self._executor.submit(_predict, path)

    def _start(self) -> ProcessPoolExecutor:
        context = get_context("fork" if _may_fork() else "spawn")
        return ProcessPoolExecutor(self._processes, context, _start_worker, (self._job, context.Value("i", 0)))


def _may_fork() -> bool:
    """Whether workers may begin with what this process has loaded, which is most of a small job's time.

    A fork has the one thread that forks, and may wait for ever for what another held. Libraries have threads, too (ONNX
    Runtime from the moment that it is loaded), so it is the kernel that counts them.
    """
    try:
        return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 - names are all it takes
    except OSError:
        return False


_worker: Worker | None = None


def _start_worker(job: Job, started: "Synchronized[int]") -> None:
    """Runs first in every worker process. Signals are for the parent, which lets its workers finish what they do."""
    global _worker
    if job.gpus:
        with started.get_lock():
            # Read by the library that runs the model, when it is imported.
            os.environ[VISIBLE] = job.gpus[started.value % len(job.gpus)]
            started.value += 1
    log_to_stdout(run_id=job.run_id, partition=os.environ.get("PARTITION_ID"))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _worker = Worker(job)


def _die_with_parent() -> None:
    """A parent that was killed leaves workers waiting for ever: they hold both ends of the queue."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _predict(path: Path) -> ShardOutcome:
    if _worker is None:
        raise RuntimeError("_predict runs in a process that _start_worker has prepared")
    return _worker.predict(path)


def _failed(job: Job, failure: ShardFailure) -> ShardOutcome:
    _publish(job, f"{failure.shard}{FAILURE_SUFFIX}", [failure.to_json()])
    return ShardOutcome(failure.shard, failure=failure)


def _publish(job: Job, name: str, lines: Iterable[str]) -> None:
    with _publishing(job, name) as file:
        file.writelines(line.encode("ascii") for line in lines)


@contextmanager
def _publishing(job: Job, name: str) -> Iterator[IO[bytes]]:
    """A file appears under its name whole or not at all: SageMaker uploads the folder while the job runs.

    What is not whole yet lies in the same folder: each output is a mount of its own, and no file is renamed across.
    """
    partial = job.predictions / f"{name}{PARTIAL_SUFFIX}"
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(job.predictions / name)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _shard_id(path: Path) -> str:
    return path.name.removesuffix(shards.SUFFIX)
