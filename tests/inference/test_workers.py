"""The shards of a partition on several processes: a bad shard, or one that kills its process, costs only itself."""

import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, repeat
from multiprocessing import get_context
from pathlib import Path, PosixPath
from typing import Any

import numpy as np
import pytest

from pipeline import shards
from pipeline.contract.packages import load_package
from pipeline.cores import available_cores
from pipeline.errors import ContractMismatch, InvalidPrediction
from pipeline.inference import workers
from pipeline.inference.assembly import ShardOutcome
from pipeline.inference.division import Piece
from pipeline.inference.predictions import read_lines
from pipeline.inference.runtimes.onnx import OnnxRuntime
from pipeline.inference.workers import Job, predict_partition
from pipeline.shards import Row

ROOT = Path(__file__).parents[2]
# numpy has a thread for each core but the first, as far as it may: workers are forks of a process that has one alone.
ONE_THREAD, TWO_THREADS = ({**os.environ, "OPENBLAS_NUM_THREADS": str(number)} for number in (1, 2))
EXAMPLE = ROOT / "examples/models/efficientnet-lite0"


class KillsItsProcess(PosixPath):
    """A path that ends the process which unpickles it: a shard that no worker survives."""

    def __reduce__(self) -> Any:
        return os._exit, (9,)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    for name in ("predictions", "shards"):
        (tmp_path / name).mkdir()
    return Job(
        package=EXAMPLE,
        predictions=tmp_path / "predictions",
        run_id="run",
        contract=load_package(EXAMPLE).contract.digest,
        top_k=5,
    )


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Three good shards of two images: their files."""
    contract = load_package(EXAMPLE).contract
    made = []
    for number in range(3):
        images = np.random.default_rng(number).integers(0, 256, (2, 224, 224, 3), np.uint8)
        rows = [Row("bucket", f"{number}-{index}.jpg", "etag", 1, 2, 3) for index in range(2)]
        made.append(tmp_path / f"shards/b-{number}.safetensors")
        made[-1].write_bytes(shards.pack(images, rows, contract).read())
    return made


@pytest.fixture
def wholes(paths: list[Path]) -> list[Piece]:
    """The same shards, none of them cut."""
    return [Piece.whole(path, rows=2) for path in paths]


def cut(path: Path) -> list[Piece]:
    """A shard of two rows, each of them a piece."""
    return [Piece(path, 0, 1, rows=2), Piece(path, 1, 2, rows=2)]


def keys(job: Job, shard: str) -> list[str]:
    lines = (job.predictions / f"{shard}.jsonl").read_bytes().split(b"\n")
    return [prediction.row.key for prediction in read_lines(lines)]


@pytest.mark.parametrize("processes", [1, 2])
def test_every_shard_gets_a_file_of_predictions(job: Job, wholes: list[Piece], processes: int) -> None:
    outcomes = list(predict_partition(job, wholes, processes))
    assert sorted(outcomes, key=lambda each: each.shard) == [ShardOutcome(f"b-{n}", images=2) for n in range(3)]
    assert [keys(job, f"b-{n}") for n in range(3)] == [[f"{n}-0.jpg", f"{n}-1.jpg"] for n in range(3)]


@pytest.mark.parametrize("processes", [1, 2])
def test_nothing_incomplete_is_left_behind(job: Job, wholes: list[Piece], processes: int) -> None:
    list(predict_partition(job, wholes, processes))
    assert sorted(path.name for path in job.predictions.iterdir()) == [f"b-{n}.jsonl" for n in range(3)]


@pytest.fixture
def raw_job(job: Job, paths: list[Path], tmp_path: Path) -> Job:
    """The same model and shards, with a contract that asks for the model's whole answer."""
    package = tmp_path / "raw"
    package.mkdir()
    (package / "model.onnx").symlink_to(EXAMPLE / "model.onnx")
    document = load_package(EXAMPLE).contract.to_json()
    document |= {"task": "raw", "output": {"name": "logits", "activation": "none"}}
    (package / "contract.json").write_text(json.dumps(document))
    contract = load_package(package).contract
    for path in paths:
        shard = shards.read(path, load_package(EXAMPLE).contract)
        path.write_bytes(shards.pack(shard.images, shard.rows, contract).read())
    return replace(job, package=package, contract=contract.digest)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_raw_answer_lies_in_the_row_that_its_prediction_names(
    raw_job: Job, wholes: list[Piece], processes: int
) -> None:
    list(predict_partition(raw_job, wholes, processes))
    package = load_package(raw_job.package)
    shard = shards.read(wholes[1].path, package.contract)
    expected = OnnxRuntime(package).predict(shard.images)
    lines = read_lines((raw_job.predictions / "b-1.jsonl").read_bytes().split(b"\n"))
    assert [(line.array, line.array_row) for line in lines] == [("b-1.npy", 0), ("b-1.npy", 1)]
    assert np.allclose(np.load(raw_job.predictions / "b-1.npy"), expected, atol=1e-4)


@dataclass
class GivesUp:
    """A predictor that fails after its first batch."""

    error: Exception
    batch_size: int = 1

    def predict(self, shard: shards.Shard, shard_id: str, keep: Callable[[Any], None], first: int) -> Iterator[Any]:
        keep(np.zeros((1, 3), np.float32))
        raise self.error
        yield


def test_a_shard_that_fails_half_way_leaves_no_array(
    raw_job: Job, wholes: list[Piece], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "open_predictor", lambda *arguments: GivesUp(InvalidPrediction("enough")))
    list(predict_partition(raw_job, wholes[:1], processes=1))
    assert [path.name for path in raw_job.predictions.iterdir()] == ["b-0.failed.json"]


def test_what_ends_a_job_leaves_no_half_of_an_array_to_be_uploaded(
    raw_job: Job, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "open_predictor", lambda *arguments: GivesUp(OSError("No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        list(predict_partition(raw_job, cut(paths[0]), processes=1))
    assert list(raw_job.predictions.iterdir()) == []


def test_an_array_is_there_before_the_lines_that_name_it(
    raw_job: Job, wholes: list[Piece], monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[str] = []
    rename = Path.replace

    def replace_noting(partial: Path, target: Path) -> Path:
        published.append(target.name)
        return rename(partial, target)

    monkeypatch.setattr(Path, "replace", replace_noting)
    list(predict_partition(raw_job, wholes[:1], processes=1))
    assert published == ["b-0.npy", "b-0.jsonl"]


def test_a_corrupt_shard_costs_only_itself(job: Job, wholes: list[Piece]) -> None:
    wholes[1].path.write_bytes(b"not a shard")
    outcomes = {each.shard: each.failure for each in predict_partition(job, wholes, processes=1)}
    assert {shard: failure and failure.error for shard, failure in outcomes.items()} == {
        "b-0": None,
        "b-1": "CorruptShard",
        "b-2": None,
    }


def test_why_a_shard_failed_lies_beside_the_predictions(job: Job, wholes: list[Piece]) -> None:
    wholes[1].path.write_bytes(b"not a shard")
    list(predict_partition(job, wholes, processes=1))
    assert json.loads((job.predictions / "b-1.failed.json").read_text())["error"] == "CorruptShard"
    assert not (job.predictions / "b-1.jsonl").exists()


def test_a_shard_that_kills_its_process_costs_only_itself(job: Job, wholes: list[Piece]) -> None:
    killer = Piece.whole(KillsItsProcess("b-9.safetensors"), rows=2)
    outcomes = {each.shard: each.failure for each in predict_partition(job, [wholes[0], killer, *wholes[1:]], 2)}
    assert {shard: failure and failure.error for shard, failure in outcomes.items()} == {
        "b-0": None,
        "b-1": None,
        "b-2": None,
        "b-9": "WorkerDied",
    }


@pytest.mark.parametrize("processes", [1, 2])
def test_a_package_that_was_replaced_since_the_run_began_stops_everything(
    job: Job, wholes: list[Piece], processes: int
) -> None:
    with pytest.raises(ContractMismatch, match="The package was replaced in between"):
        list(predict_partition(replace(job, contract="another"), wholes, processes))


@pytest.mark.parametrize("processes", [1, 2])
def test_after_a_stop_no_other_shard_is_begun(job: Job, wholes: list[Piece], processes: int) -> None:
    assert list(predict_partition(job, wholes, processes, is_stopping=lambda: True)) == []


def test_the_shard_in_work_is_finished_when_a_stop_comes(job: Job, wholes: list[Piece]) -> None:
    stops = iter([False, True, True])
    assert [each.shard for each in predict_partition(job, wholes, 1, lambda: next(stops))] == ["b-0"]


def test_a_shard_in_pieces_has_the_predictions_of_a_whole_one(
    job: Job, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEBATCH_BATCH_SIZE", "1")
    assert list(predict_partition(job, cut(paths[0]), processes=2)) == [ShardOutcome("b-0", images=2)]
    in_pieces = (job.predictions / "b-0.jsonl").read_bytes()
    list(predict_partition(job, [Piece.whole(paths[0], rows=2)], processes=1))
    assert in_pieces == (job.predictions / "b-0.jsonl").read_bytes()


def test_an_array_in_pieces_is_that_of_a_whole_shard(
    raw_job: Job, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEBATCH_BATCH_SIZE", "1")
    list(predict_partition(raw_job, cut(paths[0]), processes=2))
    in_pieces = [(raw_job.predictions / name).read_bytes() for name in ("b-0.npy", "b-0.jsonl")]
    list(predict_partition(raw_job, [Piece.whole(paths[0], rows=2)], processes=1))
    assert in_pieces == [(raw_job.predictions / name).read_bytes() for name in ("b-0.npy", "b-0.jsonl")]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_shard_in_pieces_fails_once(job: Job, paths: list[Path], processes: int) -> None:
    paths[1].write_bytes(b"not a shard")
    outcomes = list(predict_partition(job, [*cut(paths[1]), *cut(paths[0])], processes))
    assert sorted((each.shard, bool(each.failure)) for each in outcomes) == [("b-0", False), ("b-1", True)]
    assert sorted(path.name for path in job.predictions.iterdir()) == ["b-0.jsonl", "b-1.failed.json"]


def test_a_shard_in_pieces_that_kills_its_process_is_tried_again_as_a_whole_one(job: Job, paths: list[Path]) -> None:
    killer = cut(KillsItsProcess("b-9.safetensors"))
    outcomes = {each.shard: each.failure for each in predict_partition(job, [*cut(paths[0]), *killer], 2)}
    assert {shard: failure and failure.error for shard, failure in outcomes.items()} == {
        "b-0": None,
        "b-9": "WorkerDied",
    }


def test_answers_that_nobody_takes_once_a_process_died_keep_no_job_from_its_end(job: Job, paths: list[Path]) -> None:
    """As many as do not fit into a pipe: whoever sends them waits for somebody to read."""
    contract = load_package(EXAMPLE).contract
    rows = [Row("bucket", f"{index}.jpg", "etag", 1, 2, 3) for index in range(4)]
    paths[0].write_bytes(shards.pack(np.zeros((4, 224, 224, 3), np.uint8), rows, contract).read())
    program = (
        "import os, pickle, sys\n"
        "from pathlib import PosixPath\n"
        "from pipeline.inference.division import Piece\n"
        "from pipeline.inference.workers import predict_partition\n"
        "class KillsItsProcess(PosixPath):\n"
        "    def __reduce__(self):\n"
        "        return os._exit, (9,)\n"
        "job, first, second = pickle.load(sys.stdin.buffer)\n"
        "killer = Piece.whole(KillsItsProcess('b-9.safetensors'), 2)\n"
        "for outcome in predict_partition(job, [first, killer, second], processes=2):\n"
        "    print(outcome.shard, outcome.images)\n"
    )
    given = pickle.dumps((replace(job, top_k=1000), Piece(paths[0], 0, 3, rows=4), Piece(paths[0], 3, 4, rows=4)))
    environment = {**ONE_THREAD, "IMAGEBATCH_BATCH_SIZE": "1"}
    # Who waits too long is killed, and its workers end with it.
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, input=given, capture_output=True, timeout=60
    )
    assert {*told.stdout.splitlines()} >= {b"b-0 4", b"b-9 0"}


@pytest.mark.parametrize("processes", [1, 2])
def test_all_pieces_of_a_shard_in_work_are_predicted_when_a_stop_comes(
    job: Job, paths: list[Path], processes: int
) -> None:
    stops = chain([False], repeat(True))
    pieces = [*cut(paths[0]), *cut(paths[1])]
    outcomes = list(predict_partition(job, pieces, processes, lambda: next(stops)))
    assert outcomes == [ShardOutcome("b-0", images=2)]


@pytest.mark.parametrize("environment", [ONE_THREAD, TWO_THREADS], ids=["forks", "interpreters"])
def test_no_worker_outlives_a_parent_that_was_killed(
    job: Job, wholes: list[Piece], environment: dict[str, str]
) -> None:
    program = (
        "import pickle, sys\n"
        "from pipeline.inference.workers import predict_partition\n"
        "outcomes = predict_partition(*pickle.load(sys.stdin.buffer), processes=2)\n"
        "next(outcomes)\n"
        "print('working', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(pickle.dumps((job, wholes)))
        parent.stdin.flush()
        assert parent.stdout.readline() == b"working\n"
        parent.kill()
        # Workers inherit the parent's output, which ends when the last of them has.
        assert parent.stdout.read() == b""


def test_each_worker_sees_the_next_of_the_gpus(job: Job) -> None:
    spawn = get_context("spawn")
    started = spawn.Value("i", 0)
    seen = []
    for _ in range(3):
        with ProcessPoolExecutor(
            1, spawn, workers._start_worker, (replace(job, gpus=("5", "GPU-8e2")), started)
        ) as pool:
            seen.append(pool.submit(os.getenv, "CUDA_VISIBLE_DEVICES").result())
    assert seen == ["5", "GPU-8e2", "5"]


def test_there_are_two_processes_for_a_gpu_and_otherwise_one_for_a_core(job: Job) -> None:
    assert replace(job, gpus=("0", "1", "2")).most_processes == 6
    assert job.most_processes == available_cores()


def test_no_worker_is_a_fork_of_a_process_that_has_threads() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        assert not workers._may_fork()
    finally:
        ended.set()
        thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forks on Linux alone")
def test_workers_are_forks_before_the_models_library_is_loaded() -> None:
    program = "import processing_scripts.infer; from pipeline.inference import workers; print(workers._may_fork())"
    command = [sys.executable, "-c", program]
    answer = subprocess.run(command, cwd=ROOT, env=ONE_THREAD, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "True"
