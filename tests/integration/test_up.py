"""`imagebatch up` as somebody uses it: a process that stays, other processes that use it, and ends of every kind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest

from pipeline.deployed.cloud_file import CloudFile
from pipeline.errors import UnknownDeployment

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = ROOT / "examples" / "photos"
PHOTO = (PHOTOS / "rocket.jpg").read_bytes()
BOUND = 90.0
"""Seconds that anything here may take on a busy machine."""

# Nothing of the AWS settings of whoever runs the tests.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


@dataclass
class Up:
    """A local cloud that was started on a folder."""

    process: subprocess.Popen[str]
    state: Path

    @property
    def said(self) -> str:
        return (self.state / "said").read_text()

    @property
    def found(self) -> CloudFile:
        return CloudFile.read(self.state)

    def client(self, service: str) -> Any:
        session: Any = boto3.Session("local", "local", region_name=self.found.region)
        return session.client(service, endpoint_url=self.found.endpoint_url)

    @property
    def outputs(self) -> dict[str, str]:
        (stack,) = self.client("cloudformation").describe_stacks(StackName=self.found.stack)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    @property
    def names(self) -> dict[str, str]:
        """What the outputs say that does not name the port."""
        return {name: value for name, value in self.outputs.items() if "127.0.0.1" not in value}

    def put(self, key: str, body: bytes) -> None:
        self.client("s3").put_object(Bucket=self.outputs["ImagesBucket"], Key=key, Body=body)

    def start(self, **run_input: Any) -> str:
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs["StateMachineAliasArn"], input=json.dumps(run_input)
        )
        return str(started["executionArn"])

    def ended(self, execution: str) -> dict[str, Any]:
        states = self.client("stepfunctions")
        return dict(
            waited_for(
                lambda: (
                    (described := states.describe_execution(executionArn=execution))["status"] != "RUNNING"
                    and described
                )
            )
        )

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal, and wait for the end: the exit code."""
        self.process.send_signal(number)
        return self.process.wait(BOUND)


def waited_for(what: Callable[[], Any]) -> Any:
    """What `what` answers, once that is something."""
    deadline = time.monotonic() + BOUND
    while not (answer := what()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
    return answer


def is_found(state: Path) -> bool:
    try:
        CloudFile.read(state)
    except UnknownDeployment:
        return False
    return True


@pytest.fixture
def up() -> Iterator[Callable[..., Up]]:
    """`up(state, *options)` starts a local cloud, and gives it when it is there."""
    started: list[Up] = []

    def start(state: Path, *options: object) -> Up:
        state.mkdir(exist_ok=True)
        with (state / "said").open("w") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.cli", "up", "--state", str(state), "--port", "0", *map(str, options)],
                stdout=said,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=ROOT,
                env=ENVIRONMENT,
                start_new_session=True,
            )
        cloud = Up(process, state)
        started.append(cloud)
        waited_for(lambda: process.poll() is not None or " is up at " in cloud.said)
        assert process.poll() is None, cloud.said
        return cloud

    yield start
    for cloud in started:
        if cloud.process.poll() is None:
            cloud.end()


def test_a_cloud_is_where_it_says_with_a_run_a_line(up: Callable[..., Up], tmp_path: Path) -> None:
    cloud = up(tmp_path / "state", "-v")
    waited_for(lambda: f"export AWS_ENDPOINT_URL={cloud.found.endpoint_url}" in cloud.said)
    cloud.put("incoming/rocket.jpg", PHOTO)
    cloud.put("incoming/_READY", b"all of them")
    waited_for(lambda: "succeeded after" in cloud.said)
    lines = [line[9:] for line in cloud.said.splitlines() if line[2:3] == ":"]
    run_id = lines[0].split()[0]
    assert lines[0] == f"{run_id} started by a marker"
    assert lines[1].startswith(f"{run_id} succeeded after")
    assert lines[1].endswith(", 1 listed, 1 predicted")
    waited_for(lambda: f"/runs/{run_id}/results/" in cloud.said)
    assert "means nothing on one machine: AWS::S3::BucketPolicy: " in cloud.said
    assert cloud.end() == 0
    assert f"`imagebatch up --state {cloud.state}` takes up again" in cloud.said
    assert not is_found(cloud.state)


def test_what_was_there_is_there_after_a_restart_and_runs(up: Callable[..., Up], tmp_path: Path) -> None:
    before = up(tmp_path / "state")
    before.put("incoming/rocket.jpg", PHOTO)
    execution = before.start()
    ended, names = before.ended(execution), before.names
    assert before.end(signal.SIGTERM) == 0
    after = up(tmp_path / "state")
    assert after.names == names
    assert after.client("stepfunctions").describe_execution(executionArn=execution)["output"] == ended["output"]
    again = after.ended(after.start())
    assert json.loads(again["output"])["summary"]["skipped"] == 1, (
        "the ledger does not know what the first run predicted"
    )
    assert after.ended(after.start(engine="transform"))["status"] == "SUCCEEDED"


def test_a_run_whose_cloud_was_killed_is_told_and_goes_on_by_the_command_that_is_named(
    up: Callable[..., Up], imagebatch: Callable[..., Any], tmp_path: Path
) -> None:
    killed = up(tmp_path / "state")
    killed.put("incoming/rocket.jpg", PHOTO)
    execution = killed.start()
    jobs = killed.client("sagemaker")
    waited_for(lambda: jobs.list_processing_jobs()["ProcessingJobSummaries"])
    children = psutil.Process(killed.process.pid).children(recursive=True)
    assert killed.end(signal.SIGKILL) == -signal.SIGKILL
    _, alive = psutil.wait_procs(children, timeout=BOUND)
    assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]
    with pytest.raises(UnknownDeployment, match="has ended"):
        CloudFile.read(killed.state)

    again = up(tmp_path / "state")
    states = again.client("stepfunctions")
    assert states.describe_execution(executionArn=execution)["status"] == "ABORTED"
    name = execution.rpartition(":")[2]
    waited_for(lambda: f"  imagebatch resume {name} --local={again.state}\n" in again.said)
    assert imagebatch("resume", name, f"--local={again.state}").code == 0
    ended = again.ended(execution)
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"])["summary"]["predicted"] == 1


def test_a_ledger_that_was_being_written_when_its_cloud_was_killed_knows_each_photo_once_the_run_has_gone_on(
    up: Callable[..., Up], imagebatch: Callable[..., Any], tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    written = {"on": "request", "service": "dynamodb", "operation": "BatchWriteItem"}
    plan.write_text(json.dumps({"faults": [{**written, "fault": "cloud_killed", "occurrences": [2], "seconds": 0}]}))
    killed = up(tmp_path / "state", "--faults", plan)
    killed.put("incoming/known.jpg", PHOTO)
    first = json.loads(killed.ended(killed.start())["output"])["summary"]
    killed.put("incoming/new.jpg", PHOTO)
    execution = killed.start()
    assert killed.process.wait(BOUND) == -signal.SIGKILL

    again = up(tmp_path / "state", "--faults", plan)
    resumed = imagebatch("resume", execution.rpartition(":")[2], f"--local={again.state}", "--wait")
    second = json.loads(again.ended(execution)["output"])["summary"]
    third = json.loads(again.ended(again.start())["output"])["summary"]

    assert resumed.code == 0, resumed.stderr
    assert (first["predicted"], first["skipped"]) == (1, 0)
    assert (second["predicted"], second["skipped"]) == (1, 1)
    assert (third["predicted"], third["skipped"]) == (0, 2)
    images = again.outputs["ImagesBucket"]
    for name, run in (("known", first), ("new", second)):
        found = imagebatch("lookup", f"s3://{images}/incoming/{name}.jpg", "--json", f"--local={again.state}")
        assert [each["run_id"] for each in found.report["predictions"]] == [run["run_id"]]


def test_a_run_that_is_under_way_at_the_end_is_aborted_and_told(up: Callable[..., Up], tmp_path: Path) -> None:
    cloud = up(tmp_path / "state")
    cloud.put("incoming/rocket.jpg", PHOTO)
    execution = cloud.start()
    assert cloud.end() == 0
    assert f"  imagebatch resume {execution.rpartition(':')[2]} --local={cloud.state}\n" in cloud.said


def test_a_second_cloud_on_a_folder_is_refused_and_one_on_another_is_not(
    up: Callable[..., Up], imagebatch: Callable[..., Any], tmp_path: Path
) -> None:
    first, other = up(tmp_path / "state"), up(tmp_path / "other")
    second = imagebatch("up", "--state", first.state, "--port", 0)
    assert second.code == 2
    assert f"already, at {first.found.endpoint_url}, as process {first.process.pid}" in second.stderr
    assert first.names == other.names


def test_a_port_that_is_taken_is_refused(imagebatch: Callable[..., Any], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        refused = imagebatch("up", "--state", tmp_path, "--port", port)
    assert refused.code == 2
    assert f"Port {port} cannot be had" in refused.stderr


def test_models_are_there_under_their_folders_names(up: Callable[..., Up], tmp_path: Path) -> None:
    models = [ROOT / "examples" / "models" / name for name in ("yolox-nano", "efficientnet-lite0")]
    cloud = up(tmp_path / "state", *(part for model in models for part in ("--model", model)))
    listed = cloud.client("s3").list_objects_v2(Bucket=cloud.outputs["ResultsBucket"], Prefix="models/")["Contents"]
    keys = {item["Key"] for item in listed}
    assert {"models/yolox-nano.tar.gz", "models/yolox-nano/model.onnx", "models/efficientnet-lite0/model.onnx"} <= keys
    cloud.put("incoming/rocket.jpg", PHOTO)
    ended = cloud.ended(cloud.start(model="efficientnet-lite0"))
    assert ended["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--model", "nowhere"), "nowhere is not a folder"),
        (("--model", "examples/models/yolox-nano", "--model", "examples/models/yolox-nano"), "the same name"),
        (("--param", "Nonsense=1"), "Nonsense"),
        (("--state", "README.md"), "State cannot be kept in 'README.md'"),
        (("--port", "70000"), "expected a number from 0 to 65535"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    imagebatch: Callable[..., Any], tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    refused = imagebatch("up", "--state", tmp_path, "--port", "0", *options)
    assert refused.code == 2
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
