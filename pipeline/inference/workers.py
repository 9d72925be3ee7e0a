"""The shards of a partition, predicted on all cores: one process per core, one shard, or piece of one, at a time each.

Where the model runs on GPUs there are two processes for each of them instead, which sees no other.

A shard that fails costs nothing but itself: its failure is a value, written beside the predictions of the others. What
concerns every shard (the model does not load, the package is not the one that the run was started with) is raised.
"""

import os
import signal
import threading
from collections.abc import Callable, Container, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pipeline import shards
from pipeline.contract import ModelContract, Task
from pipeline.contract.packages import ModelPackage, load_package
from pipeline.cores import available_cores
from pipeline.errors import ContractMismatch, ImageBatchError
from pipeline.inference.arrays import ArrayWriter
from pipeline.inference.assembly import Answers, Assembly, ShardOutcome, assemble, partial_array
from pipeline.inference.division import Piece
from pipeline.inference.gpus import PROCESSES_PER_GPU, VISIBLE
from pipeline.inference.predictions import ShardFailure
from pipeline.inference.predictor import Predictor, open_predictor
from pipeline.inference.ranking import Scores
from pipeline.telemetry.jobs import log_to_stdout

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized


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


class Worker:
    """Predicts shards, and pieces of them, with a model that is loaded once, at the first of them."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def predict(self, piece: Piece) -> Answers | ShardOutcome:
        """Answers for the rows of a piece; what became of a whole shard, which is published.

        Raises what concerns every shard.
        """
        answers = self._answers(piece)
        return assemble(self._job.predictions, piece.shard_id, [answers]) if piece.is_whole else answers

    def _answers(self, piece: Piece) -> Answers:
        package, predictor = self._loaded
        rows = piece.in_batches(predictor.batch_size)
        try:
            shard = shards.read(piece.path, package.contract, rows)
            with self._array(package.contract, piece, rows.start) as array:
                keep = array.append if array else _nothing
                predictions = predictor.predict(shard, piece.shard_id, keep, rows.start)
                lines = tuple(prediction.to_line() for prediction in predictions)
        except (ImageBatchError, MemoryError) as error:
            return Answers(failure=ShardFailure.of(piece.shard_id, error))
        return Answers(lines, array.shape if array else None)

    @contextmanager
    def _array(self, contract: ModelContract, piece: Piece, first: int) -> Iterator[ArrayWriter | None]:
        """Where the answers of a piece go, for the task raw: into the array of its shard."""
        if contract.task is not Task.RAW:
            yield None
            return
        path = partial_array(self._job.predictions, piece.shard_id)
        try:
            # Other processes write other rows of it: a piece does not begin by emptying the file.
            with open(path, "wb", opener=None if piece.is_whole else _keeping) as file:
                yield ArrayWriter(file, piece.rows, first)
        except BaseException:
            path.unlink(missing_ok=True)  # it is never whole, and would be uploaded
            raise

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
    job: Job, pieces: Iterable[Piece], processes: int, is_stopping: Callable[[], bool] = lambda: False
) -> Iterator[ShardOutcome]:
    """Outcomes of all shards, as they come. Once `is_stopping()`, shards in work are finished and no other begun."""
    if processes == 1:
        worker, assembly = Worker(job), Assembly(job.predictions)
        for piece in _to_begin(pieces, is_stopping, ()):
            if outcome := assembly.add(piece, worker.predict(piece)):
                yield outcome
        return
    suspects = yield from _predict_together(job, pieces, processes, is_stopping)
    for shard in suspects.values():
        if not is_stopping() and (outcome := _predict_alone(job, shard)):
            yield outcome


def _predict_together(
    job: Job, pieces: Iterable[Piece], processes: int, is_stopping: Callable[[], bool]
) -> Generator[ShardOutcome, None, dict[Path, Piece]]:
    """Returns the shards that were in work when a process died: one of them is to blame, and nobody knows which."""
    suspects: dict[Path, Piece] = {}
    waiting, assembly = _to_begin(pieces, is_stopping, suspects), Assembly(job.predictions)
    with _Pool(job, processes) as pool:
        in_work: dict[Future[Answers | ShardOutcome], Piece] = {}
        while True:
            # One piece for each process and none ahead, so that stopping waits for little but what has begun.
            while len(in_work) < processes and (piece := next(waiting, None)):
                in_work[pool.submit(piece)] = piece
            if not in_work:
                return suspects
            for future in wait(in_work, return_when=FIRST_COMPLETED).done:
                piece = in_work.pop(future)
                try:
                    answered = future.result()
                except BrokenProcessPool:
                    suspects[piece.path] = Piece.whole(piece.path, piece.rows)
                    continue
                if outcome := assembly.add(piece, answered):
                    yield outcome


def _to_begin(pieces: Iterable[Piece], is_stopping: Callable[[], bool], suspects: Container[Path]) -> Iterator[Piece]:
    """The pieces, as long as they are wanted: those of a suspect are not, nor is another shard where the job stops."""
    for piece in pieces:
        if piece.start == 0 and is_stopping():
            return
        if piece.path not in suspects:
            yield piece


def _predict_alone(job: Job, shard: Piece) -> ShardOutcome | None:
    """A suspect, in a process of its own."""
    with _Pool(job, processes=1) as pool:
        try:
            answered = pool.submit(shard).result()
        except BrokenProcessPool:
            cause = f"The process that predicted shard {shard.path.name} was killed. It may have run out of memory."
            answered = Answers(failure=ShardFailure(shard.shard_id, "WorkerDied", cause))
    return Assembly(job.predictions).add(shard, answered)


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

    def submit(self, piece: Piece) -> "Future[Answers | ShardOutcome]":
        try:
            answered = self._executor.submit(_predict, piece)
        except BrokenProcessPool:
            self._executor.shutdown()
            self._executor = self._start()
            answered = self._executor.submit(_predict, piece)
        answered.add_done_callback(_kill_survivors)
        return answered

    def _start(self) -> ProcessPoolExecutor:
        context = get_context("fork" if _may_fork() else "spawn")
        return ProcessPoolExecutor(self._processes, context, _start_worker, (self._job, context.Value("i", 0)))


def _kill_survivors(answered: "Future[Answers | ShardOutcome]") -> None:
    """End the other workers of a pool in which one died, before the executor waits for them.

    It asks them to end by SIGTERM, which they ignore. Nobody takes their answers any more; from Python 3.12 on, nobody
    tells them either that there is nothing left to do. They would wait for ever, and so would the job.
    """
    if not answered.cancelled() and isinstance(answered.exception(), BrokenProcessPool):
        for worker in active_children():
            worker.kill()


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


def _predict(piece: Piece) -> Answers | ShardOutcome:
    if _worker is None:
        raise RuntimeError("_predict runs in a process that _start_worker has prepared")
    return _worker.predict(piece)


def _nothing(answers: Scores) -> None:
    """Keeps no answers: predictions say all of them."""


def _keeping(path: str, flags: int) -> int:
    return os.open(path, flags & ~os.O_TRUNC, 0o666)
