"""`start`, `status`, `watch`, `stop` and `runs`, as somebody types them, against the template in a local cloud.

What a run takes long over is its model: a loop that ONNX Runtime goes round a few million times for each shard.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import psutil
import pytest

from pipeline.deployed.cloud_file import CloudFile

TINY = json.loads((Path(__file__).resolve().parents[1] / "data" / "tiny" / "contract.json").read_text())
CONTRACT = {**TINY, "output": {**TINY["output"], "top_k": 1}}
PHOTO = (Path(__file__).resolve().parents[2] / "examples" / "photos" / "garden" / "daisy.jpg").read_bytes()
ROUNDS = 3_000_000
FOLDERS = 6
BOUND = 90
"""Seconds after which something that has not happened is not going to."""


def slow_model() -> bytes:
    """The means of the channels, after a number has been counted up in a loop."""
    helper, kinds = onnx.helper, onnx.TensorProto
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["goes"]),
            helper.make_node("Add", ["count", "one"], ["counted"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", kinds.INT64, []),
            helper.make_tensor_value_info("go", kinds.BOOL, []),
            helper.make_tensor_value_info("count", kinds.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("goes", kinds.BOOL, []),
            helper.make_tensor_value_info("counted", kinds.FLOAT, [1]),
        ],
        [onnx.numpy_helper.from_array(np.zeros(1, np.float32), "one")],
    )
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["input"], ["means"], axes=[2, 3], keepdims=0),
            helper.make_node("ReduceMean", ["means"], ["start"], axes=[0, 1], keepdims=0),
            helper.make_node("Reshape", ["start", "shape"], ["first"]),
            helper.make_node("Loop", ["rounds", "true", "first"], ["last"], body=body),
            helper.make_node("Sub", ["last", "last"], ["nothing"]),
            helper.make_node("Add", ["means", "nothing"], ["logits"]),
        ],
        "slow",
        [helper.make_tensor_value_info("input", kinds.FLOAT, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info("logits", kinds.FLOAT, ["batch", 3])],
        [
            onnx.numpy_helper.from_array(np.array([1], np.int64), "shape"),
            onnx.numpy_helper.from_array(np.array(ROUNDS, np.int64), "rounds"),
            onnx.numpy_helper.from_array(np.array(True), "true"),
        ],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def deployment(deployed: Callable[..., Any], classifier: Callable[..., bytes]) -> Any:
    """The stack with three models, of which one is slow and one answers what are no numbers."""
    deployment = deployed()
    broken = onnx.load_from_string(classifier(3))
    broken.graph.initializer[0].CopyFrom(
        onnx.numpy_helper.from_array(np.full((3, 3), np.nan, np.float32), broken.graph.initializer[0].name)
    )
    for name, model in (("slow", slow_model()), ("broken", broken.SerializeToString())):
        package = {"contract.json": json.dumps(CONTRACT).encode(), "labels.txt": b"a\nb\nc\n", "model.onnx": model}
        for file, body in package.items():
            bucket = deployment.stack.outputs["ResultsBucket"]
            deployment.s3.put_object(Bucket=bucket, Key=f"models/{name}/{file}", Body=body)
    deployment.put({"incoming/daisy.jpg": PHOTO, "incoming/notes.jpg": b"no image"})
    deployment.put({f"slow/{folder}/daisy.jpg": PHOTO for folder in range(FOLDERS)})
    return deployment


@pytest.fixture(scope="module")
def command(deployment: Any, imagebatch: Callable[..., Any]) -> Callable[..., Any]:
    """`command(*arguments)` runs the command to its end, with the local cloud for AWS."""
    return lambda *arguments, **changes: imagebatch(*arguments, **(deployment.cloud.environment() | changes))


SLOW = ("start", *(f"slow/{folder}/" for folder in range(FOLDERS)), "--model", "slow", "--json")


@dataclass(frozen=True)
class UnderWay:
    """A run whose job is under way."""

    run_id: str
    execution: str
    job: str
    processes: list[psutil.Process]


@pytest.fixture
def under_way(deployment: Any, command: Callable[..., Any]) -> Iterator[UnderWay]:
    started = command(*SLOW).report
    jobs, machine = deployment.cloud.client("sagemaker"), deployment.cloud.client("stepfunctions")
    deadline = time.monotonic() + BOUND
    processes: list[psutil.Process] = []
    while not processes:
        described = machine.describe_execution(executionArn=started["execution"])
        assert described["status"] == "RUNNING", described
        assert time.monotonic() < deadline, described
        listed = jobs.list_processing_jobs(NameContains=started["run_id"][-6:])["ProcessingJobSummaries"]
        processes = children_of_jobs() if listed else []
        time.sleep(0.1)
    yield UnderWay(started["run_id"], started["execution"], listed[0]["ProcessingJobName"], processes)
    machine.stop_execution(executionArn=started["execution"])
    psutil.wait_procs(processes, timeout=BOUND)


def children_of_jobs() -> list[psutil.Process]:
    """The processes of Processing jobs that this process's local cloud runs, with all that they started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            is_fork = process.name() == "entrypoint"  # whose command line is its server's
            if is_fork or any(argument.startswith("processing_scripts.") for argument in process.cmdline()):
                found += [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    return found


def test_a_run_is_started_and_followed_to_its_end(command: Callable[..., Any]) -> None:
    finished = command("start", "incoming/", "--top-k", "2", "--wait")

    assert finished.code == 0, finished.stderr
    assert "images     2 listed, 2 validated, 1 rejected, 1 predicted" in finished.stdout
    assert "/results/" in finished.stdout


def test_a_run_is_told_by_its_id(command: Callable[..., Any]) -> None:
    started = command("start", "--name", "by id", "--wait", "--json").report

    told = command("status", started["run_id"], "--json").report

    assert "-by-id-" in told["run_id"]
    assert (told["status"], told["trigger"], told["duplicate"]) == ("SUCCEEDED", "manual", False)
    assert told["counts"] == {"listed": 2, "validated": 2, "rejected": 1, "predicted": 1, "failed": 0}
    assert told["shards"] == {"planned": 1, "predicted": 1, "failed": 0}
    assert [job["status"] for job in told["jobs"]] == ["Completed"]
    assert told["results"] == told["summary"]["results"]


def test_without_a_run_the_latest_is_told(command: Callable[..., Any]) -> None:
    started = command("start", "--json").report

    assert command("status", "--json").report["run_id"] == started["run_id"]


def test_a_wrong_input_is_refused_in_the_words_of_the_state_machine(command: Callable[..., Any]) -> None:
    finished = command("start", "--input", '{"prefixs": ["incoming/"]}')

    assert finished.code == 2
    assert "imagebatch: InvalidRunInput: The input has no field 'prefixs'; the fields are name, " in finished.stderr


def test_a_run_that_failed_is_told_with_its_cause(command: Callable[..., Any]) -> None:
    finished = command("start", "--model", "broken", "--wait")
    told = command("status")

    assert finished.code == 1
    assert (told.code, told.stderr) == (0, "")
    assert "status     FAILED" in told.stdout
    assert "error      TooManyFailed" in told.stdout
    assert "1 failed" in told.stdout


def test_two_terminals_that_start_the_same_start_two_runs(command: Callable[..., Any]) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = [future.result().report for future in [pool.submit(command, "start", "--json") for _ in range(2)]]

    assert runs[0]["run_id"] != runs[1]["run_id"]


def test_an_execution_that_has_a_name_is_started_once(command: Callable[..., Any]) -> None:
    nightly = ("start", "--execution", "nightly-2026-11-20", "--json")
    first = command(*nightly, "--wait").report
    again = command(*nightly).report
    other = command(*nightly, "--top-k", "2")

    assert (again["run_id"], again["is_new"]) == (first["run_id"], False)
    assert other.code == 2
    assert "there is an execution 'nightly-2026-11-20' already, with another input" in other.stderr


def test_runs_are_listed_newest_first(command: Callable[..., Any]) -> None:
    started = [command("start", "--name", name, "--wait", "--json").report["run_id"] for name in ("older", "newer")]

    listed = command("runs", "--limit", "2", "--json").report["runs"]
    table = command("runs", "--limit", "2").stdout.splitlines()

    assert [run["run_id"] for run in listed] == started[::-1]
    assert {(run["status"], run["listed"], run["predicted"], run["rejected"]) for run in listed} == {
        ("SUCCEEDED", 2, 1, 1)
    }
    assert [line.split()[0] for line in table] == ["RUN", *started[::-1]]


def test_a_run_under_way_is_told_with_its_job(command: Callable[..., Any], under_way: UnderWay) -> None:
    told = command("status", under_way.run_id, "--json").report
    (listed,) = command("runs", "--status", "running", "--json").report["runs"]

    assert told["status"] == "RUNNING"
    assert {"RunProcessingJobs", "RunProcessingJob"} <= set(told["states"])
    assert told["batches"] == {"planned": FOLDERS, "validated": FOLDERS}
    assert told["shards"]["planned"] == FOLDERS
    assert told["jobs"] == [{"name": under_way.job, "status": "InProgress", "reason": None}]
    assert (listed["run_id"], listed["state"]) == (under_way.run_id, "RunProcessingJob")


def test_who_stops_watching_leaves_the_run_running(
    deployment: Any, start_imagebatch: Callable[..., subprocess.Popen[str]], under_way: UnderWay, tmp_path: Path
) -> None:
    here(deployment).write(tmp_path)
    watching = start_imagebatch("watch", under_way.run_id, f"--local={tmp_path}")
    assert watching.stderr is not None
    first = watching.stderr.readline()  # it watches
    os.killpg(watching.pid, signal.SIGINT)
    _, said = watching.communicate(timeout=BOUND)

    described = deployment.cloud.client("stepfunctions").describe_execution(executionArn=under_way.execution)
    assert first.startswith("RunProcessingJob")
    assert watching.returncode == 130
    assert f"the run goes on. `imagebatch watch {under_way.run_id} --local={tmp_path}` takes it up again" in said
    assert described["status"] == "RUNNING"


def test_a_run_is_stopped_with_its_jobs_and_their_processes(
    deployment: Any, command: Callable[..., Any], under_way: UnderWay
) -> None:
    stopped = command("stop", under_way.run_id, "--reason", "the wrong photos")

    described = deployment.cloud.client("stepfunctions").describe_execution(executionArn=under_way.execution)
    job = deployment.cloud.client("sagemaker").describe_processing_job(ProcessingJobName=under_way.job)
    _, alive = psutil.wait_procs(under_way.processes, timeout=BOUND)
    assert stopped.code == 0, stopped.stderr
    assert f"Stopped: {under_way.run_id}\nStopped with it: {under_way.job}\nSafe:    verdicts" in stopped.stdout
    assert (described["status"], described["cause"]) == ("ABORTED", "the wrong photos")
    assert job["ProcessingJobStatus"] == "Stopped"
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_a_run_that_was_stopped_goes_on_where_it_was(
    deployment: Any, command: Callable[..., Any], under_way: UnderWay
) -> None:
    command("stop", under_way.run_id)

    deployment.cloud.client("stepfunctions").redrive_execution(executionArn=under_way.execution)

    finished = command("watch", under_way.run_id, "--json")
    assert finished.code == 0, finished.stderr
    assert finished.report["counts"]["predicted"] == FOLDERS
    assert [job["status"] for job in finished.report["jobs"]] == ["Stopped", "Completed"]


def test_a_run_that_was_stopped_can_be_stopped_again(command: Callable[..., Any], under_way: UnderWay) -> None:
    command("stop", under_way.run_id)

    again = command("stop", under_way.run_id)

    assert again.code == 0
    assert f"There was nothing to stop: {under_way.run_id}. The run was stopped after " in again.stdout


def test_a_run_that_has_succeeded_cannot_be_stopped(command: Callable[..., Any]) -> None:
    run_id = command("start", "--wait", "--json").report["run_id"]

    finished = command("stop", run_id)

    assert finished.code == 1
    assert f"There was nothing to stop: {run_id}. The run succeeded after " in finished.stdout


def here(deployment: Any, **changes: Any) -> CloudFile:
    """What `imagebatch up` would write of the cloud that the tests run."""
    cloud = deployment.cloud
    values: Mapping[str, Any] = {
        "endpoint_url": cloud.endpoint_url,
        "region": cloud.region,
        "account": cloud.account_id,
        "stack": deployment.stack.name,
        "pid": os.getpid(),
    }
    return CloudFile(**{**values, **changes})


def test_a_local_cloud_is_found_by_its_folder(deployment: Any, imagebatch: Callable[..., Any], tmp_path: Path) -> None:
    here(deployment).write(tmp_path)

    started = imagebatch("start", f"--local={tmp_path}", "--json", AWS_PROFILE="of-the-user", AWS_REGION="eu-west-1")

    assert started.code == 0, started.stderr
    assert started.report["console"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("status", "no-such-run"), "There is no run 'no-such-run' in s3://"),
        (
            ("runs", "--stack", "photos"),
            "There is no stack 'photos' in us-east-1; of this product there are imagebatch",
        ),
        (("watch", "arn:aws:states:us-east-1:123456789012:execution:imagebatch-batch:gone"), "There is no run 'arn:"),
        (("start", "--input", "[]"), "--input: expected a JSON object such as {}"),
        (("start", "--input", "@no-such-file"), "--input: [Errno 2] No such file or directory: 'no-such-file'"),
        (("runs", "--local", "no-such-folder"), "No local cloud is running on 'no-such-folder'"),
    ],
)
def test_what_is_not_there_is_named(command: Callable[..., Any], arguments: tuple[str, ...], said: str) -> None:
    finished = command(*arguments)

    assert finished.code == 2
    assert said in finished.stderr
    assert "Traceback" not in finished.stderr


def test_an_endpoint_that_does_not_answer_is_named(command: Callable[..., Any]) -> None:
    finished = command("runs", AWS_ENDPOINT_URL="http://127.0.0.1:9")

    assert finished.code == 1
    assert "Nothing answers at http://127.0.0.1:9/: is `imagebatch up` running?" in finished.stderr
