"""Transform jobs as the model server sees them, and what becomes of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud

Run = Callable[..., dict[str, Any]]
CreateModel = Callable[..., str]
Put = Callable[[dict[str, str | bytes]], None]
Outputs = Callable[[], dict[str, str]]
Pack = Callable[..., bytes]


def hear(fifo: Path) -> None:
    """Wait until the server has opened the FIFO and written into it."""
    with fifo.open() as opened:
        assert opened.read(1) == "x"


def test_every_object_becomes_one_answer_below_the_output_path(
    create_model: CreateModel, put: Put, transform: Run, outputs: Outputs
) -> None:
    create_model()
    put({"in/a.txt": "one", "in/deep/er/é +.txt": "two\nlines", "in/folder/": "", "other.txt": "three"})
    job = transform()
    assert job["TransformJobStatus"] == "Completed"
    assert outputs() == {"a.txt.out": "one", "deep/er/é +.txt.out": "two\nlines"}


def test_a_server_gets_its_model_its_variables_and_the_types_of_the_job(
    cloud: LocalCloud,
    create_model: CreateModel,
    put: Put,
    packed: Callable[..., bytes],
    transform: Run,
    outputs: Outputs,
) -> None:
    put({"in/a": "look", "model.tar.gz": packed(("labels.txt", b"cat"), ("deep/net.onnx", b"weights"))})
    create_model(data="s3://data/model.tar.gz", COLOUR="red", SIZE="1")
    transform(Environment={"SIZE": "2"}, MaxPayloadInMB=24, MaxConcurrentTransforms=4, BatchStrategy="SingleRecord")
    seen = json.loads(outputs()["a.out"])
    assert seen["files"] == {"labels.txt": "cat", "deep/net.onnx": "weights"}
    assert seen["headers"]["Content-Type"] == "text/plain"
    assert seen["headers"]["Accept"] == "application/jsonlines"
    assert {
        "COLOUR": "red",
        "SIZE": "2",
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "24",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "4",
        "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD",
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
    }.items() <= seen["environment"].items()


def test_a_container_is_told_nothing_of_what_the_request_leaves_open(
    create_model: CreateModel, put: Put, transform: Run, outputs: Outputs
) -> None:
    create_model()
    put({"in/a": "look"})
    transform()
    assert not [name for name in json.loads(outputs()["a.out"])["environment"] if name.startswith("SAGEMAKER_MAX")]


def test_a_manifest_names_the_objects(create_model: CreateModel, put: Put, transform: Run, outputs: Outputs) -> None:
    create_model()
    put({"in/a": "1", "in/sub/b": "2", "in/c": "3"})
    put({"the.manifest": json.dumps([{"prefix": "s3://data/in/"}, "sub/b", "c"])})
    source = {"S3DataType": "ManifestFile", "S3Uri": "s3://data/the.manifest"}
    transform(TransformInput={"DataSource": {"S3DataSource": source}})
    assert outputs() == {"sub/b.out": "2", "c.out": "3"}


def test_lines_are_ended_where_the_job_says_so(
    create_model: CreateModel, put: Put, transform: Run, outputs: Outputs
) -> None:
    create_model()
    put({"in/a": "one"})
    transform(TransformOutput={"S3OutputPath": "s3://data/out/", "AssembleWith": "Line"})
    assert outputs() == {"a.out": "one\n"}


def test_as_many_requests_are_under_way_as_the_job_allows_and_no_more(
    create_model: CreateModel, put: Put, transform: Run, outputs: Outputs
) -> None:
    create_model(MEETING="3")
    put({f"in/{number}": "meet" for number in range(9)})
    transform(MaxConcurrentTransforms=3)
    assert sorted(outputs().values())[-1] == "3"
    assert len(outputs()) == 9


def test_the_container_decides_what_the_job_leaves_open(
    cloud: LocalCloud, create_model: CreateModel, put: Put, transform: Run
) -> None:
    answer = {"MaxConcurrentTransforms": 2, "MaxPayloadInMB": 24, "BatchStrategy": "SINGLE_RECORD"}
    create_model(MEETING="2", PARAMETERS=json.dumps(answer))
    put({"in/a": "meet", "in/b": "meet"})
    assert transform()["TransformJobStatus"] == "Completed"
    assert ": MaxConcurrentTransforms=2, MaxPayloadInMB=24, BatchStrategy=SINGLE_RECORD\n" in cloud.job_log("job")


def test_execution_parameters_that_do_not_read_fail_the_job(
    create_model: CreateModel, put: Put, transform: Run
) -> None:
    create_model(PARAMETERS='{"MaxConcurrentTransforms": "4"}')
    put({"in/a": "1"})
    reason = "AlgorithmError: /execution-parameters answers MaxConcurrentTransforms '4': expected 1 to 100"
    assert transform()["FailureReason"] == reason


def test_objects_are_dealt_out_among_instances_that_serve_side_by_side(
    create_model: CreateModel, put: Put, transform: Run, outputs: Outputs
) -> None:
    create_model()
    put({f"in/{number}": "look" for number in range(3)})
    assert transform(instances=5)["TransformJobStatus"] == "Completed"
    roots = [Path(json.loads(told)["environment"]["IMAGEBATCH_ROOT"]).name for _, told in sorted(outputs().items())]
    assert roots == ["algo-1", "algo-2", "algo-3"]


@pytest.mark.parametrize(
    ("status", "whose", "line"),
    [
        (413, "ClientError", "data/in/bad: ClientError: 413"),
        (400, "ClientError", "data/in/bad: ClientError: 400"),
        (500, "AlgorithmError", "data/in/bad: Bad HTTP status received from algorithm: 500"),
        (302, "AlgorithmError", "data/in/bad: Bad HTTP status received from algorithm: 302"),
    ],
)
def test_an_object_that_is_refused_fails_the_job_and_the_others_keep_their_outputs(
    cloud: LocalCloud,
    create_model: CreateModel,
    put: Put,
    transform: Run,
    outputs: Outputs,
    status: int,
    whose: str,
    line: str,
) -> None:
    create_model()
    put({"in/a": "1", "in/bad": f"status {status}", "in/c": "2"})
    job = transform()
    assert (job["TransformJobStatus"], job["FailureReason"]) == (
        "Failed",
        f"{whose}: See job logs for more information",
    )
    assert outputs() == {"a.out": "1", "c.out": "2"}
    assert f":[sagemaker logs]: {line}\n" in cloud.job_log("job")


def test_what_a_server_says_to_an_object_stands_in_the_log(
    cloud: LocalCloud, create_model: CreateModel, put: Put, transform: Run
) -> None:
    create_model()
    put({"in/new\nline": "status 400"})
    transform()
    log = cloud.job_log("job")
    assert "data/in/new\\nline: Message:\n" in log
    assert "data/in/new\\nline: told to say 400\n" in log
    assert "data/in/new\\nline: and more\n" in log


def test_a_request_that_fails_is_tried_again_as_often_as_the_job_says(
    create_model: CreateModel, put: Put, transform: Run, outputs: Outputs
) -> None:
    create_model()
    put({"in/a": "flaky 2"})
    transform(ModelClientConfig={"InvocationsTimeoutInSeconds": 60, "InvocationsMaxRetries": 2})
    assert outputs() == {"a.out": "3"}


def test_a_request_that_the_server_calls_wrong_is_not_tried_again(
    cloud: LocalCloud, create_model: CreateModel, put: Put, transform: Run
) -> None:
    create_model()
    put({"in/a": "status 422"})
    transform(ModelClientConfig={"InvocationsTimeoutInSeconds": 60, "InvocationsMaxRetries": 3})
    assert cloud.job_log("job").count("ClientError: 422") == 1


@pytest.mark.parametrize("silence", ["wait", "drop"])
def test_an_object_that_gets_no_answer_fails_the_job(
    cloud: LocalCloud, create_model: CreateModel, put: Put, transform: Run, silence: str
) -> None:
    create_model(FIFO="/dev/null")
    put({"in/a": silence})
    job = transform(ModelClientConfig={"InvocationsTimeoutInSeconds": 1, "InvocationsMaxRetries": 0})
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert "data/in/a: Unable to get response from algorithm\n" in cloud.job_log("job")


def test_an_object_over_the_payload_limit_is_not_sent(
    cloud: LocalCloud, create_model: CreateModel, put: Put, transform: Run, outputs: Outputs
) -> None:
    create_model()
    put({"in/fits": b"x" * (1 << 20), "in/large": b"x" * ((1 << 20) + 1)})
    job = transform(MaxPayloadInMB=1)
    assert job["FailureReason"] == "ClientError: See job logs for more information"
    assert list(outputs()) == ["fits.out"]
    assert "data/in/large: Too much data for max payload size: 1048577 bytes" in cloud.job_log("job")


def test_a_payload_limit_of_zero_is_none_and_sends_chunks(
    create_model: CreateModel, put: Put, transform: Run, outputs: Outputs
) -> None:
    create_model()
    put({"in/large": b"x" * (7 << 20), "in/look": "look"})
    transform(MaxPayloadInMB=0)
    assert len(outputs()["large.out"]) == 7 << 20
    assert json.loads(outputs()["look.out"])["headers"]["Transfer-Encoding"] == "chunked"


def test_a_server_that_crashes_fails_the_job_and_what_was_written_stays(
    create_model: CreateModel, put: Put, transform: Run, outputs: Outputs
) -> None:
    create_model()
    put({"in/a": "1", "in/b": "crash", "in/c": "2"})
    job = transform(ModelClientConfig={"InvocationsTimeoutInSeconds": 60, "InvocationsMaxRetries": 3})
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: The model server ended with exit code 9: ")
    assert job["FailureReason"].endswith("the model ran out of memory")
    assert outputs() == {"a.out": "1"}


def test_a_server_that_does_not_start_fails_the_job_with_its_last_words(
    create_model: CreateModel, put: Put, transform: Run
) -> None:
    create_model(script='raise SystemExit("no such model")')
    put({"in/a": "1"})
    reason = transform()["FailureReason"]
    assert reason.startswith("AlgorithmError: Model container failed to respond to ping.")
    assert reason.endswith("The model server ended with exit code 1: no such model")


def test_a_server_is_asked_until_it_is_ready(create_model: CreateModel, put: Put, transform: Run) -> None:
    create_model(FAILING_PINGS="3")
    put({"in/a": "1"})
    assert transform()["TransformJobStatus"] == "Completed"


def test_a_server_that_never_gets_ready_fails_the_job(
    create_model: CreateModel, put: Put, transform: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.local.sagemaker.transform.PING_LIMIT", 0.1)
    create_model(FAILING_PINGS="1000000")
    put({"in/a": "1"})
    assert transform()["FailureReason"].startswith("AlgorithmError: Model container failed to respond to ping.")


def test_a_job_that_is_stopped_keeps_what_was_written(
    cloud: LocalCloud,
    create_model: CreateModel,
    put: Put,
    transform_request: Run,
    transformed: Run,
    outputs: Outputs,
    fifo: Path,
) -> None:
    create_model()
    put({"in/a": "1", "in/b": "wait", "in/c": "2"})
    client = cloud.client("sagemaker")
    client.create_transform_job(**transform_request())
    hear(fifo)
    assert client.describe_transform_job(TransformJobName="job")["TransformJobStatus"] == "InProgress"
    client.stop_transform_job(TransformJobName="job")
    job = transformed()
    assert job["TransformJobStatus"] == "Stopped"
    assert "FailureReason" not in job
    assert outputs() == {"a.out": "1"}


def test_a_job_that_is_stopped_before_its_server_is_ready_ends(
    cloud: LocalCloud, create_model: CreateModel, put: Put, transform_request: Run, transformed: Run, fifo: Path
) -> None:
    create_model(script="import os, time\nwith open(os.environ['FIFO'], 'w') as f:\n f.write('x')\ntime.sleep(600)")
    put({"in/a": "1"})
    cloud.client("sagemaker").create_transform_job(**transform_request())
    hear(fifo)
    cloud.client("sagemaker").stop_transform_job(TransformJobName="job")
    assert transformed()["TransformJobStatus"] == "Stopped"


def test_a_server_that_does_not_listen_is_killed_after_the_grace_period(
    create_model: CreateModel, put: Put, transform: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.local.sagemaker.serving.STOP_GRACE", 0.05)
    create_model(DEAF="yes")
    put({"in/a": "1"})
    assert transform()["TransformJobStatus"] == "Completed"


def test_the_servers_of_a_job_end_with_the_cloud(
    cloud: LocalCloud, create_model: CreateModel, put: Put, transform_request: Run, fifo: Path
) -> None:
    create_model()
    put({"in/a": "wait"})
    cloud.client("sagemaker").create_transform_job(**transform_request())
    with fifo.open() as signal:
        assert signal.read(1) == "x"
        cloud.close()
        # The server was the only writer of this.
        assert signal.read() == ""
