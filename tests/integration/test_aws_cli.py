"""The AWS CLI, as people have it, against `imagebatch up`: it knows nothing of us, and we nothing of it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.deployed.cloud_file import CloudFile
from pipeline.errors import UnknownDeployment

ROOT = Path(__file__).resolve().parents[2]
AWS = ROOT / ".venv" / "awscli" / "bin" / "aws"
PHOTOS = ROOT / "examples" / "photos"
ROLE = "arn:aws:iam::123456789012:role/local"
"""Nobody has made it, so it may do everything."""
BOUND = 90.0
"""Seconds that anything here may take on a busy machine."""

pytestmark = pytest.mark.skipif(not AWS.exists(), reason="the AWS CLI is not there: `make aws-cli` installs it")

Aws = Callable[..., str]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudFile]:
    """`imagebatch up` on a folder of its own."""
    state = tmp_path_factory.mktemp("up")
    with (state / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", "up", "--state", str(state), "--port", "0"],
            stdout=said,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=environment(),
        )
    found = None
    deadline = time.monotonic() + BOUND
    while found is None:
        assert process.poll() is None, (state / "said").read_text()
        assert time.monotonic() < deadline, (state / "said").read_text()
        time.sleep(0.05)
        try:
            found = CloudFile.read(state)
        except UnknownDeployment:
            continue
    yield found
    process.terminate()
    process.wait(BOUND)


def environment(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | more


@pytest.fixture(scope="module")
def aws(cloud: CloudFile, tmp_path_factory: pytest.TempPathFactory) -> Aws:
    """`aws(*arguments)` runs the AWS CLI, with what `imagebatch up` says to export and nothing else."""
    exported = {
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_REGION": cloud.region,
        "AWS_DEFAULT_REGION": cloud.region,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "HOME": str(tmp_path_factory.mktemp("home")),
    }

    def run(*arguments: object, given: bytes = b"") -> str:
        ended = subprocess.run(
            [AWS, *map(str, arguments)], input=given, capture_output=True, env=environment(**exported), timeout=BOUND
        )
        assert ended.returncode == 0, ended.stderr.decode()
        return ended.stdout.decode()

    return run


@pytest.fixture(scope="module")
def outputs(aws: Aws) -> dict[str, str]:
    described = json.loads(aws("cloudformation", "describe-stacks", "--stack-name", "imagebatch"))
    return {output["OutputKey"]: output["OutputValue"] for output in described["Stacks"][0]["Outputs"]}


@pytest.fixture(scope="module")
def finished(aws: Aws, outputs: dict[str, str]) -> dict[str, Any]:
    """A run that photos and a marker started: its execution, as list-executions tells it once it has ended."""
    inbox = f"s3://{outputs['ImagesBucket']}/incoming/"
    aws("s3", "cp", PHOTOS / "rocket.jpg", inbox)
    aws("s3", "sync", PHOTOS / "home", f"{inbox}home/")
    aws("s3", "cp", "-", f"{inbox}_READY", given=b"all of them")
    deadline = time.monotonic() + BOUND
    while time.monotonic() < deadline:
        machine = outputs["StateMachineArn"]
        listed = json.loads(aws("stepfunctions", "list-executions", "--state-machine-arn", machine))["executions"]
        if listed and listed[0]["status"] != "RUNNING":
            return dict(listed[0])
        time.sleep(0.2)
    raise AssertionError("the marker started no run, or it did not end")


def test_a_photo_and_a_marker_make_a_run_that_succeeds(aws: Aws, finished: dict[str, Any]) -> None:
    described = json.loads(aws("stepfunctions", "describe-execution", "--execution-arn", finished["executionArn"]))
    assert described["status"] == "SUCCEEDED"
    photos = sum(path.is_file() for path in (PHOTOS / "home").rglob("*"))
    assert json.loads(described["output"])["summary"]["listed"] == photos + 1


def test_results_are_listed_and_copied(
    aws: Aws, finished: dict[str, Any], outputs: dict[str, str], tmp_path: Path
) -> None:
    bucket = outputs["ResultsBucket"]
    listed = aws("s3", "ls", "--recursive", f"s3://{bucket}/runs/")
    names = {line.rpartition("/")[2] for line in listed.splitlines() if "/results/" in line}
    assert {"predictions.parquet", "rejected.csv", "summary.json"} <= names
    summary = next(line.split(maxsplit=3)[3] for line in listed.splitlines() if line.endswith("/results/summary.json"))
    aws("s3", "cp", f"s3://{bucket}/{summary}", tmp_path / "summary.json")
    assert json.loads((tmp_path / "summary.json").read_text())["counts"]["listed"] > 0


def test_a_folder_is_synchronised_and_what_is_the_same_is_not_copied_again(
    aws: Aws, outputs: dict[str, str], tmp_path: Path
) -> None:
    there = f"s3://{outputs['ImagesBucket']}/synchronised/"
    hostile = tmp_path / "fotos é" / "a+b & 100%.jpg"
    hostile.parent.mkdir()
    hostile.write_bytes(b"one")
    (tmp_path / "two").write_bytes(b"two")
    assert aws("s3", "sync", tmp_path, there).count("upload: ") == 2
    assert aws("s3", "sync", tmp_path, there) == ""
    back = tmp_path / "back"
    aws("s3", "sync", there, back)
    assert (back / "fotos é" / "a+b & 100%.jpg").read_bytes() == b"one"
    aws("s3", "rm", "--recursive", there)
    assert aws("s3", "ls", f"s3://{outputs['ImagesBucket']}/").find("synchronised") == -1


@pytest.mark.parametrize("algorithm", ["default", "CRC64NVME", "CRC32C", "SHA256"])
def test_a_large_file_goes_in_parts_and_comes_back(
    aws: Aws, outputs: dict[str, str], tmp_path: Path, algorithm: str
) -> None:
    content = bytes(range(256)) * (20 << 12)  # 20 MiB: the CLI's parts have 8
    (tmp_path / "large").write_bytes(content)
    address = f"s3://{outputs['ImagesBucket']}/large/{algorithm}"
    options = () if algorithm == "default" else ("--checksum-algorithm", algorithm)
    aws("s3", "cp", tmp_path / "large", address, *options)
    aws("s3", "cp", address, tmp_path / "back", *(() if algorithm == "default" else ("--checksum-mode", "ENABLED")))
    assert (tmp_path / "back").read_bytes() == content


def test_a_schedule_is_listed_made_and_fires(aws: Aws, cloud: CloudFile, outputs: dict[str, str]) -> None:
    listed = json.loads(aws("scheduler", "list-schedules"))["Schedules"]
    schedule = json.loads(
        aws("scheduler", "get-schedule", "--name", listed[0]["Name"], "--group-name", listed[0]["GroupName"])
    )
    assert schedule["Target"]["Arn"] == outputs["StateMachineAliasArn"]
    # Version 1 sends requests for SQS, and for no other service of ours, to AWS unless its command line says where to.
    sqs = ("sqs", "--endpoint-url", cloud.endpoint_url)
    queue = json.loads(aws(*sqs, "create-queue", "--queue-name", "fired"))["QueueUrl"]
    arn = f"arn:aws:sqs:{cloud.region}:{cloud.account}:fired"
    target = {"Arn": arn, "RoleArn": ROLE, "Input": "fired"}
    moment = datetime.now(UTC) + timedelta(seconds=3)
    aws(
        *("scheduler", "create-schedule", "--name", "once", "--flexible-time-window", "Mode=OFF"),
        *("--schedule-expression", f"at({moment:%Y-%m-%dT%H:%M:%S})", "--target", json.dumps(target)),
    )
    received = json.loads(aws(*sqs, "receive-message", "--queue-url", queue, "--wait-time-seconds", "20"))
    assert received["Messages"][0]["Body"] == "fired"


def test_a_synchronous_execution_is_asked_of_no_other_host(aws: Aws, outputs: dict[str, str]) -> None:
    definition = json.dumps({"StartAt": "Say", "States": {"Say": {"Type": "Pass", "Result": "said", "End": True}}})
    created = json.loads(
        aws(
            *("stepfunctions", "create-state-machine", "--name", "quick", "--type", "EXPRESS"),
            *("--role-arn", ROLE, "--definition", definition),
        )
    )
    ended = aws("stepfunctions", "start-sync-execution", "--state-machine-arn", created["stateMachineArn"])
    assert json.loads(ended)["output"] == '"said"'
