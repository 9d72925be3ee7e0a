"""Processing jobs as the script in the container sees them, and what becomes of them."""

import json
import os
import select
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud

Run = Callable[..., dict[str, Any]]
Request = Callable[..., dict[str, Any]]

# Writes what the container can see into an output: one file a host.
LOOK = """
import json, os, pathlib, sys
root = pathlib.Path(os.environ["IMAGEBATCH_ROOT"])
inputs = root / "opt/ml/processing/input"
resources = json.loads((root / "opt/ml/config/resourceconfig.json").read_text())
seen = {
    "files": {str(path.relative_to(inputs)): path.read_text() for path in inputs.rglob("*") if path.is_file()},
    "arguments": sys.argv[1:],
    "word": os.environ.get("WORD"),
    "folder": os.getcwd(),
    "resources": resources,
    "job": json.loads((root / "opt/ml/config/processingjobconfig.json").read_text()),
    "endpoint": os.environ["AWS_ENDPOINT_URL"],
}
(root / "opt/ml/processing/output" / (resources["current_host"] + ".json")).write_text(json.dumps(seen))
"""
# Says that it runs by an object in S3, then waits for ever.
WAIT = """
import boto3, time
boto3.client("s3").put_object(Bucket="data", Key="running", Body=b"")
time.sleep(600)
"""


def source(name: str, uri: str, kind: str = "S3Prefix", distribution: str = "FullyReplicated") -> dict[str, Any]:
    place = {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/input/{name}", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": {**place, "S3DataType": kind, "S3DataDistributionType": distribution}}


def target(mode: str = "EndOfJob") -> dict[str, Any]:
    place = {"S3Uri": "s3://data/out", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": mode}
    return {"Outputs": [{"OutputName": "out", "S3Output": place}]}


def put(s3: Any, *keys: str) -> None:
    for key in keys:
        s3.put_object(Bucket="data", Key=key, Body=key.encode())


def seen_by(s3: Any, host: str = "algo-1") -> dict[str, Any]:
    seen: dict[str, Any] = json.load(s3.get_object(Bucket="data", Key=f"out/{host}.json")["Body"])
    return seen


def wait_for_object(s3: Any, key: str) -> None:
    s3.get_waiter("object_exists").wait(Bucket="data", Key=key, WaiterConfig={"Delay": 0.02, "MaxAttempts": 5000})


def test_a_job_sees_its_inputs_arguments_environment_and_configuration(cloud: LocalCloud, s3: Any, run: Run) -> None:
    put(s3, "in/a.txt", "in/sub/b.txt", "other.txt")
    request = {"ProcessingInputs": [source("in", "s3://data/in/")], "ProcessingOutputConfig": target()}
    job = run(LOOK, Environment={"WORD": "hello"}, **request)
    assert job["ProcessingJobStatus"] == "Completed"
    seen = seen_by(s3)
    assert seen["files"] == {"in/a.txt": "in/a.txt", "in/sub/b.txt": "in/sub/b.txt"}
    assert seen["word"] == "hello"
    assert seen["folder"] == str(Path(__file__).parents[3])
    assert seen["resources"] == {"current_host": "algo-1", "hosts": ["algo-1"]}
    assert seen["endpoint"] == cloud.endpoint_url
    assert seen["job"]["ProcessingJobArn"] == job["ProcessingJobArn"]
    assert seen["job"]["ProcessingInputs"] == request["ProcessingInputs"]


def test_arguments_follow_the_entrypoint(s3: Any, cloud: LocalCloud, job_request: Request, finished: Run) -> None:
    request = job_request(LOOK, ProcessingOutputConfig=target())
    request["AppSpecification"]["ContainerArguments"] = ["--name", "a b", "$HOME"]
    cloud.client("sagemaker").create_processing_job(**request)
    finished()
    assert seen_by(s3)["arguments"] == ["--name", "a b", "$HOME"]


def test_everything_that_was_given_comes_back(run: Run) -> None:
    members = {"Environment": {"WORD": "hello"}, "StoppingCondition": {"MaxRuntimeInSeconds": 100}}
    job = run("", **members)
    assert members.items() <= job.items()
    assert job["ProcessingResources"]["ClusterConfig"]["InstanceType"] == "ml.c5.xlarge"
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"]


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("s3://data/in/", "sub/b.txt"),
        ("s3://data/in", "sub/b.txt"),
        ("s3://data/in/sub/b", "b.txt"),
        ("s3://data/in/sub/b.txt", "b.txt"),
    ],
)
def test_a_prefix_becomes_a_folder_as_sagemaker_lays_it_out(s3: Any, run: Run, uri: str, path: str) -> None:
    put(s3, "in/sub/b.txt")
    run(LOOK, ProcessingInputs=[source("it", uri)], ProcessingOutputConfig=target())
    assert list(seen_by(s3)["files"]) == [f"it/{path}"]


@pytest.mark.parametrize(
    ("distribution", "first", "second"),
    [("FullyReplicated", "01234", "01234"), ("ShardedByS3Key", "024", "13")],
)
def test_objects_are_given_to_every_instance_or_dealt_out(
    s3: Any, run: Run, distribution: str, first: str, second: str
) -> None:
    put(s3, *[f"in/{number}" for number in range(5)])
    inputs = [source("x", "s3://data/in/", distribution=distribution)]
    run(LOOK, instances=2, ProcessingInputs=inputs, ProcessingOutputConfig=target())
    for host, expected in (("algo-1", first), ("algo-2", second)):
        seen = seen_by(s3, host)
        assert sorted(seen["files"]) == [f"x/{number}" for number in expected]
        assert seen["resources"] == {"current_host": host, "hosts": ["algo-1", "algo-2"]}


def test_a_manifest_names_the_objects(s3: Any, run: Run) -> None:
    put(s3, "in/a.txt", "in/sub/b.txt", "in/c.txt")
    manifest = [{"prefix": "s3://data/in/"}, "sub/b.txt", "c.txt"]
    s3.put_object(Bucket="data", Key="the.manifest", Body=json.dumps(manifest))
    inputs = [source("m", "s3://data/the.manifest", "ManifestFile")]
    run(LOOK, ProcessingInputs=inputs, ProcessingOutputConfig=target())
    assert seen_by(s3)["files"] == {"m/sub/b.txt": "in/sub/b.txt", "m/c.txt": "in/c.txt"}


@pytest.mark.parametrize(
    "manifest", [b"", b"{}", b"[]", b'[{"prefix": "s3://data/"}, 7]', b'[{"prefix": "s3://data/"}, "nix"]']
)
def test_a_manifest_that_does_not_read_fails_the_job(s3: Any, run: Run, manifest: bytes) -> None:
    s3.put_object(Bucket="data", Key="the.manifest", Body=manifest)
    job = run("", ProcessingInputs=[source("m", "s3://data/the.manifest", "ManifestFile")])
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: ")


def test_an_input_without_objects_fails_the_job(s3: Any, run: Run) -> None:
    put(s3, "elsewhere")
    job = run("", ProcessingInputs=[source("none", "s3://data/in/")])
    assert job["FailureReason"].startswith("ClientError: No S3 objects found under S3 URL 's3://data/in/'")


def test_a_key_that_leads_out_of_the_input_fails_the_job(s3: Any, run: Run) -> None:
    put(s3, "in/../../escaped")
    job = run("", ProcessingInputs=[source("in", "s3://data/in/")])
    assert job["ProcessingJobStatus"] == "Failed"
    assert "leads out of the input's folder" in job["FailureReason"]


@pytest.mark.parametrize("mode", ["EndOfJob", "Continuous"])
def test_outputs_are_uploaded_with_their_folders(s3: Any, run: Run, mode: str) -> None:
    script = """
import os, pathlib
folder = pathlib.Path(os.environ["IMAGEBATCH_ROOT"], "opt/ml/processing/output/deep/er")
folder.mkdir(parents=True)
(folder / "é +.bin").write_bytes(b"content")
"""
    run(script, ProcessingOutputConfig=target(mode))
    assert s3.get_object(Bucket="data", Key="out/deep/er/é +.bin")["Body"].read() == b"content"


def test_continuous_outputs_are_there_while_the_job_still_runs(
    s3: Any, cloud: LocalCloud, job_request: Request
) -> None:
    script = """
import os, pathlib, time
pathlib.Path(os.environ["IMAGEBATCH_ROOT"], "opt/ml/processing/output/early").write_bytes(b"1")
time.sleep(600)
"""
    client = cloud.client("sagemaker")
    client.create_processing_job(**job_request(script, ProcessingOutputConfig=target("Continuous")))
    wait_for_object(s3, "out/early")
    assert client.describe_processing_job(ProcessingJobName="job")["ProcessingJobStatus"] == "InProgress"


def test_a_script_that_fails_fails_the_job_with_its_last_words(s3: Any, run: Run, cloud: LocalCloud) -> None:
    script = """
import os, pathlib
pathlib.Path(os.environ["IMAGEBATCH_ROOT"], "opt/ml/processing/output/partial").write_bytes(b"1")
raise SystemExit("the model does not load")
"""
    job = run(script, ProcessingOutputConfig=target())
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: the model does not load, exit code: 1"
    assert "the model does not load" in cloud.job_log("job")
    assert s3.get_object(Bucket="data", Key="out/partial")["Body"].read() == b"1"


def test_the_message_that_a_script_leaves_is_told(run: Run) -> None:
    leave = """
import os, pathlib
pathlib.Path(os.environ["IMAGEBATCH_ROOT"], "opt/ml/output/message").write_text("2 images skipped")
"""
    assert run(leave, "good")["ExitMessage"] == "2 images skipped"
    job = run(leave + "raise SystemExit(4)", "bad")
    assert job["ExitMessage"] == "2 images skipped"
    assert job["FailureReason"] == "AlgorithmError: 2 images skipped, exit code: 4"


def test_an_instance_that_fails_takes_the_others_with_it(run: Run) -> None:
    script = """
import json, os, pathlib, time
path = pathlib.Path(os.environ["IMAGEBATCH_ROOT"], "opt/ml/config/resourceconfig.json")
if json.loads(path.read_text())["current_host"] == "algo-1":
    time.sleep(600)
raise SystemExit(9)
"""
    assert run(script, instances=2)["FailureReason"].endswith("exit code: 9")


def test_a_job_that_is_stopped_gets_the_chance_to_end(
    s3: Any, cloud: LocalCloud, job_request: Request, finished: Run
) -> None:
    script = """
import os, pathlib, signal
def end(*_):
    pathlib.Path(os.environ["IMAGEBATCH_ROOT"], "opt/ml/processing/output/farewell").write_bytes(b"1")
    raise SystemExit(1)
signal.signal(signal.SIGTERM, end)
"""
    client = cloud.client("sagemaker")
    client.create_processing_job(**job_request(script + WAIT, ProcessingOutputConfig=target()))
    wait_for_object(s3, "running")
    client.stop_processing_job(ProcessingJobName="job")
    job = finished()
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "FailureReason" not in job
    assert s3.get_object(Bucket="data", Key="out/farewell")["Body"].read() == b"1"


def test_a_job_that_does_not_listen_is_killed_after_the_grace_period(
    s3: Any, cloud: LocalCloud, job_request: Request, finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.local.sagemaker.processing.STOP_GRACE", 0.05)
    client = cloud.client("sagemaker")
    ignore = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    client.create_processing_job(**job_request(ignore + WAIT))
    wait_for_object(s3, "running")
    client.stop_processing_job(ProcessingJobName="job")
    assert finished()["ProcessingJobStatus"] == "Stopped"


def test_a_job_that_outlives_its_limit_is_stopped(run: Run) -> None:
    job = run("import time; time.sleep(600)", StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "MaxRuntimeInSeconds (1)" in job["FailureReason"]


def test_a_command_that_does_not_exist_fails_the_job(cloud: LocalCloud, job_request: Request, finished: Run) -> None:
    request = job_request("")
    request["AppSpecification"]["ContainerEntrypoint"] = ["/no/such/command"]
    cloud.client("sagemaker").create_processing_job(**request)
    assert finished()["FailureReason"].endswith("exit code: 127")


def test_closing_the_cloud_ends_its_jobs(tmp_path: Path, job_request: Request) -> None:
    fifo = tmp_path / "alive"
    # The reading end is told of the end of file when the job, which holds the writing end, is gone.
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    script = f"import time\nalive = open({str(fifo)!r}, 'wb', buffering=0)\nalive.write(b'1')\ntime.sleep(600)"
    with LocalCloud() as cloud:
        cloud.client("sagemaker").create_processing_job(**job_request(script))
        select.select([reader], [], [])
        os.set_blocking(reader, True)
    assert os.read(reader, 10) == b"1"
    assert os.read(reader, 10) == b""
    os.close(reader)
