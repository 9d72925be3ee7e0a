"""The inference job as SageMaker starts it: folders in, predictions and an exit code out."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline import shards
from pipeline.contract.packages import load_package
from pipeline.inference.assembly import ShardOutcome
from pipeline.inference.division import Piece
from pipeline.inference.workers import Job
from pipeline.shards import Row
from processing_scripts import infer

EXAMPLE = Path(__file__).parents[2] / "examples/models/efficientnet-lite0"


@pytest.fixture(autouse=True)
def _signal_handlers() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folders of a job with one shard of two images, deep in a folder as a ManifestFile input may leave it."""
    inputs = tmp_path / "opt/ml/processing/input"
    shutil.copytree(EXAMPLE, inputs / "model")
    contract = load_package(EXAMPLE).contract
    run = {"run_id": "a-run", "contract_digest": contract.digest, "top_k": 2}
    (inputs / "run").mkdir()
    (inputs / "run/run.json").write_text(json.dumps(run))
    images = np.zeros((2, 224, 224, 3), np.uint8)
    rows = [Row("bucket", f"{index}.jpg", "etag", 1, 2, 3) for index in range(2)]
    (inputs / "shards/runs/a-run").mkdir(parents=True)
    (inputs / "shards/runs/a-run/b-0.safetensors").write_bytes(shards.pack(images, rows, contract).read())
    return tmp_path


def run_job(root: Path) -> int:
    return infer.main({"IMAGEBATCH_ROOT": str(root)})


def outputs(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "opt/ml/processing/output/predictions").iterdir())


def message(root: Path) -> str:
    return (root / "opt/ml/output/message").read_text()


def add_bad_shard(root: Path) -> None:
    (root / "opt/ml/processing/input/shards/b-1.safetensors").write_bytes(b"broken")


def test_the_module_runs_as_the_container_starts_it(root: Path) -> None:
    environment = {**os.environ, "IMAGEBATCH_ROOT": str(root)}
    command = [sys.executable, "-m", "processing_scripts.infer"]
    subprocess.run(command, cwd=EXAMPLE.parents[2], env=environment, check=True, capture_output=True)
    assert outputs(root) == ["b-0.jsonl"]


def test_a_job_writes_into_the_folder_of_its_output_and_nowhere_else(root: Path) -> None:
    """Each output is a mount: a file that lies elsewhere cannot be renamed into it."""
    before = set(root.rglob("*"))
    assert run_job(root) == 0
    written = [path.relative_to(root).as_posix() for path in set(root.rglob("*")) - before]
    assert sorted(written) == [
        "opt/ml/processing/output",
        "opt/ml/processing/output/predictions",
        "opt/ml/processing/output/predictions/b-0.jsonl",
    ]


def test_the_largest_shards_are_predicted_first(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = load_package(EXAMPLE).contract
    for count in (1, 3):
        rows = [Row("bucket", f"{index}.jpg", "etag", 1, 2, 3) for index in range(count)]
        packed = shards.pack(np.zeros((count, 224, 224, 3), np.uint8), rows, contract)
        (root / f"opt/ml/processing/input/shards/of-{count}.safetensors").write_bytes(packed.read())
    begun: list[Piece] = []

    def begin(job: Job, pieces: Iterable[Piece], *others: object) -> Iterator[ShardOutcome]:
        begun.extend(pieces)
        return iter(())

    monkeypatch.setattr(infer, "predict_partition", begin)
    run_job(root)
    assert [piece.shard_id for piece in begun] == ["of-3", "b-0", "of-1"]


def test_a_prediction_has_as_many_answers_as_the_run_asks_for(root: Path) -> None:
    assert run_job(root) == 0
    lines = (root / "opt/ml/processing/output/predictions/b-0.jsonl").read_text().splitlines()
    assert [(json.loads(line)["run_id"], len(json.loads(line)["top"])) for line in lines] == [("a-run", 2)] * 2


def test_a_job_with_a_bad_shard_among_good_ones_succeeds(root: Path) -> None:
    add_bad_shard(root)
    assert run_job(root) == 0
    assert outputs(root) == ["b-0.jsonl", "b-1.failed.json"]


def test_a_job_without_a_good_shard_fails_and_says_why(root: Path) -> None:
    (root / "opt/ml/processing/input/shards/runs/a-run/b-0.safetensors").unlink()
    add_bad_shard(root)
    assert run_job(root) == 1
    assert "Not one of 1 shards was predicted. The first: CorruptShard" in message(root)


def test_a_job_without_shards_fails(root: Path) -> None:
    shutil.rmtree(root / "opt/ml/processing/input/shards")
    assert run_job(root) == 1
    assert "holds no shards" in message(root)


def test_a_model_that_does_not_load_fails_the_job(root: Path) -> None:
    (root / "opt/ml/processing/input/model/model.onnx").write_bytes(b"no model")
    assert run_job(root) == 1
    assert message(root).startswith("InvalidModelPackage: ")


@pytest.mark.parametrize("document", ["", "[]", '{"run_id": "a-run"}'])
def test_a_run_that_does_not_read_fails_the_job(root: Path, document: str) -> None:
    (root / "opt/ml/processing/input/run/run.json").write_text(document)
    assert run_job(root) == 1
    assert "does not read as a run" in message(root)


def test_an_error_that_nobody_foresaw_is_in_the_message(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*arguments: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(infer, "predict_partition", full_disk)
    assert run_job(root) == 1
    assert message(root) == "OSError: No space left on device"


def test_a_message_fits_sagemakers_kilobyte(root: Path) -> None:
    deep = root / ("d" * 200) / ("e" * 200) / ("f" * 200) / ("g" * 200) / ("h" * 200)
    assert infer.main({"IMAGEBATCH_ROOT": str(deep)}) == 1
    assert (deep / "opt/ml/output/message").stat().st_size == 1024


def test_a_message_that_is_cut_is_still_text(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise OSError("é" * 1024)

    monkeypatch.setattr(infer, "predict_partition", fail)
    assert run_job(root) == 1
    assert message(root) == "OSError: " + "é" * 507


def test_a_job_that_is_told_to_stop_says_so_in_its_exit_code(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(infer.StopSignal):
        """SIGTERM comes as soon as somebody listens."""

        def __init__(self) -> None:
            super().__init__()
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(infer, "StopSignal", Stopped)
    assert run_job(root) == 143
    assert outputs(root) == []
    assert message(root).startswith("Stopped: ")
