"""The inference job: predicts the shards of one partition, inside a SageMaker Processing container or on a laptop.

    /opt/ml/processing/input/run/run.json                   the run: its contract, top-k
    /opt/ml/processing/input/model/                         the model package
    /opt/ml/processing/input/shards/**/*.safetensors        the partition's shards
    /opt/ml/processing/output/predictions/                  <shard>.jsonl, or <shard>.failed.json and why; and
                                                            <shard>.npy, where the task is raw
    /opt/ml/output/message                                  why the job failed, in at most 1 KB

All of it lies under the folder that IMAGEBATCH_ROOT names, "/" when it is not set.

The job fails (exit code 1) when nothing could be predicted: the model does not load, or not one shard reads. While some
shards work it succeeds; AggregatePredictions reports the images of the others as failed. On SIGTERM (StopProcessingJob,
or a time limit: SageMaker kills 120 s later) shards in work are finished, no other is begun, and the exit code is 143.
"""

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Self

from pipeline import shards
from pipeline.contract import ModelContract
from pipeline.contract.model_files import ModelFile
from pipeline.contract.packages import load_package
from pipeline.errors import ImageBatchError
from pipeline.inference.assembly import ShardOutcome
from pipeline.inference.division import Piece, divide, processes_for
from pipeline.inference.gpus import usable_gpus
from pipeline.inference.runtimes import RuntimeSettings
from pipeline.inference.workers import Job, predict_partition
from pipeline.telemetry.jobs import log_to_stdout
from pipeline.telemetry.throughput import tell_job

LONGEST_MESSAGE = 1024
STOPPED = 128 + signal.SIGTERM

logger = logging.getLogger("infer")


@dataclass(frozen=True)
class Folders:
    """The container contract's folders below a root."""

    run: Path
    model: Path
    shards: Path
    predictions: Path
    message: Path

    @classmethod
    def below(cls, root: Path) -> Self:
        processing = root / "opt/ml/processing"
        return cls(
            run=processing / "input/run/run.json",
            model=processing / "input/model",
            shards=processing / "input/shards",
            predictions=processing / "output/predictions",
            message=root / "opt/ml/output/message",
        )


class JobFailedError(Exception):
    """Nothing could be predicted; the text is for the person who reads the job's failure reason."""


class StopSignal:
    """Remembers that SIGTERM came."""

    def __init__(self) -> None:
        self.received = False
        signal.signal(signal.SIGTERM, self._receive)

    def __call__(self) -> bool:
        return self.received

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = True


def main(environment: Mapping[str, str] = os.environ) -> int:
    about = {"run_id": environment.get("RUN_ID", ""), "partition": environment.get("PARTITION_ID", "")}
    log_to_stdout(**about)
    folders = Folders.below(Path(environment.get("IMAGEBATCH_ROOT", "/")))
    is_stopping = StopSignal()
    try:
        is_complete = infer(folders, is_stopping, about)
    except (JobFailedError, ImageBatchError) as error:
        return _report(folders, f"{type(error).__name__}: {error}", exit_code=1)
    except Exception as error:
        logger.exception("an error that this job does not know")
        return _report(folders, f"{type(error).__name__}: {error}", exit_code=1)
    if not is_complete:
        return _report(folders, "Stopped: SIGTERM came before every shard was predicted.", STOPPED)
    return 0


def infer(folders: Folders, is_stopping: StopSignal, about: Mapping[str, str]) -> bool:
    """Predicts the shards, and says whether it came to the last. Raises JobFailedError, or what stops every shard.

    `about` is what the job's metrics are about: its run and its partition.
    """
    started = time.monotonic()
    paths = list(folders.shards.rglob(f"*{shards.SUFFIX}"))
    if not paths:
        raise JobFailedError(f"{folders.shards} holds no shards; expected those of the partition's manifest.")
    package = load_package(folders.model)
    job = _prepare(folders, package.model)
    wholes = _largest_first(paths, package.contract)
    processes, pieces = _shared_out(job, wholes)
    logger.info("%d shards, %d processes", len(wholes), processes)
    outcomes = [_log(outcome) for outcome in predict_partition(job, pieces, processes, is_stopping)]
    failures = [outcome.failure for outcome in outcomes if outcome.failure]
    images = sum(outcome.images for outcome in outcomes)
    logger.info("%d images predicted, %d shards failed", images, len(failures))
    tell_job(images, time.monotonic() - started, about)
    if failures and len(failures) == len(outcomes):
        first = failures[0]
        raise JobFailedError(
            f"Not one of {len(failures)} shards was predicted. The first: {first.error}: {first.cause}"
        )
    return len(outcomes) == len(paths)


def _largest_first(paths: Iterable[Path], contract: ModelContract) -> list[Piece]:
    """Shards by their rows: the smallest are the last to be begun, and cut.

    A file that is no shard has a row here, for the sake of whoever finds out what is wrong with it.
    """
    wholes = [Piece.whole(path, max(1, shards.count_rows(path, contract))) for path in paths]
    return sorted(wholes, key=lambda whole: (-whole.rows, whole.path.name))


def _shared_out(job: Job, wholes: Sequence[Piece]) -> tuple[int, Iterable[Piece]]:
    """How many processes predict the shards, and what they are given, one by one."""
    if job.gpus:
        # Batches are filled up to a shard's size there: half a shard takes as long as a whole one.
        return min(len(wholes), job.most_processes), wholes
    processes = processes_for([whole.rows for whole in wholes], job.most_processes)
    return processes, divide(wholes, processes)


def _prepare(folders: Folders, model: ModelFile) -> Job:
    gpus = usable_gpus(model, RuntimeSettings.from_env())
    try:
        run = json.loads(folders.run.read_bytes())
        job = Job(
            package=folders.model,
            predictions=folders.predictions,
            run_id=run["run_id"],
            contract=run["contract_digest"],
            top_k=run["top_k"],
            gpus=gpus,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JobFailedError(f"{folders.run} does not read as a run: {error!r}") from error
    job.predictions.mkdir(parents=True, exist_ok=True)
    return job


def _log(outcome: ShardOutcome) -> ShardOutcome:
    if outcome.failure:
        failure, about = outcome.failure, {"shard": outcome.shard}
        logger.error("%s failed: %s: %s", outcome.shard, failure.error, failure.cause, extra=about)
    else:
        logger.info("%s: %d images", outcome.shard, outcome.images, extra={"shard": outcome.shard})
    return outcome


def _report(folders: Folders, message: str, exit_code: int) -> int:
    logger.error("%s", message)
    folders.message.parent.mkdir(parents=True, exist_ok=True)
    # Cut between characters: a key may have any.
    fitting = message.encode(errors="replace")[:LONGEST_MESSAGE].decode(errors="ignore")
    folders.message.write_text(fitting, encoding="utf-8")
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
