"""`imagebatch resume`: whatever ended a run, it ends with the predictions of a run that nothing happened to."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from pipeline.local.faults import FaultPlan, Faults

PHOTOS = Path(__file__).resolve().parents[2] / "examples" / "photos" / "garden"
TINY = json.loads((Path(__file__).resolve().parents[1] / "data" / "tiny" / "contract.json").read_text())
CONTRACT = {**TINY, "output": {**TINY["output"], "top_k": 1}}


@pytest.fixture(scope="module")
def faults() -> Faults:
    return Faults()


@pytest.fixture(scope="module")
def upload(deployed: Callable[..., Any], classifier: Callable[..., bytes]) -> Callable[[bool], Any]:
    """`upload(True)` puts a model `tiny` that works, `upload(False)` one that answers what are no numbers; the
    deployment."""
    deployment = deployed()
    deployment.put({f"incoming/{path.name}": path.read_bytes() for path in PHOTOS.iterdir()})

    def put(works: bool) -> Any:
        model = onnx.load_from_string(classifier(3))
        if not works:
            weights = model.graph.initializer[0]
            weights.CopyFrom(onnx.numpy_helper.from_array(np.full((3, 3), np.nan, np.float32), weights.name))
        package = {"contract.json": json.dumps(CONTRACT).encode(), "labels.txt": b"a\nb\nc\n"}
        for file, body in {**package, "model.onnx": model.SerializeToString()}.items():
            bucket = deployment.stack.outputs["ResultsBucket"]
            deployment.s3.put_object(Bucket=bucket, Key=f"models/tiny/{file}", Body=body)
        return deployment

    return put


@pytest.fixture(scope="module")
def undisturbed(upload: Callable[[bool], Any]) -> Any:
    return upload(True).run(model="tiny")


@pytest.fixture
def resume(upload: Callable[[bool], Any], imagebatch: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: imagebatch("resume", *arguments, **upload(True).cloud.environment())


def run_id_of(deployment: Any, execution: str) -> str:
    history = deployment.cloud.client("stepfunctions").get_execution_history(executionArn=execution)
    exited = (event["stateExitedEventDetails"] for event in history["events"] if "stateExitedEventDetails" in event)
    run_id: str = json.loads(next(exited)["output"])["run"]["run_id"]
    return run_id


def of_run(deployment: Any, run_id: str) -> str:
    """The execution that has a run."""
    body = deployment.s3.get_object(Bucket=deployment.stack.outputs["ResultsBucket"], Key=f"runs/{run_id}/run.json")
    arn: str = json.loads(body["Body"].read())["execution_arn"]
    return arn


def published(deployment: Any, run_id: str) -> list[str]:
    """The keys of a run in the tables over all runs."""
    pages = deployment.s3.get_paginator("list_objects_v2").paginate(Bucket=deployment.stack.outputs["ResultsBucket"])
    found = [item["Key"] for page in pages for item in page["Contents"]]
    return [key for key in found if key.startswith(("predictions/", "rejected/")) and run_id in key]


def answers(ended: Any) -> dict[str, Any]:
    return {key: (row["etag"], row["label"], row["scores"]) for key, row in ended.predicted.items()}


def test_a_run_whose_jobs_failed_is_taken_over_and_validates_nothing_twice(
    upload: Callable[[bool], Any], undisturbed: Any, resume: Callable[..., Any]
) -> None:
    deployment = upload(False)
    failed = deployment.run(model="tiny")
    run_id = run_id_of(deployment, failed.description["executionArn"])
    assert failed.description["error"] == "TooManyFailed"

    resumed = resume(run_id, "--wait")

    assert resumed.code == 0, resumed.stderr
    assert resumed.stdout.startswith("Started: ")
    ended = deployment.wait(of_run(deployment, run_id))
    assert ended.description["executionArn"] != failed.description["executionArn"]
    assert (ended.counts, answers(ended)) == (undisturbed.counts, answers(undisturbed))
    assert "validated before" in deployment.cloud.logs(deployment.stack.resources["ValidateImagesFunction"])


def test_a_run_that_failed_is_published_when_it_was_resumed_and_once(
    upload: Callable[[bool], Any], resume: Callable[..., Any]
) -> None:
    deployment = upload(False)
    failed = deployment.run(model="tiny")
    run_id = run_id_of(deployment, failed.description["executionArn"])
    before = published(deployment, run_id)

    resumed = resume(run_id, "--wait")

    assert resumed.code == 0, resumed.stderr
    assert before == []
    (predictions, rejected) = published(deployment, run_id)
    assert predictions.startswith(f"predictions/run_date={run_id[:10]}/run_id={run_id}/")
    assert rejected.startswith(f"rejected/run_date={run_id[:10]}/run_id={run_id}/")


def test_a_run_that_was_resumed_is_done_and_cannot_be_resumed_again(
    upload: Callable[[bool], Any], undisturbed: Any, resume: Callable[..., Any]
) -> None:
    again = resume(undisturbed.output["summary"]["run_id"])

    assert again.code == 1
    assert "has succeeded: there is nothing to resume" in again.stderr


def start_and_stop(deployment: Any) -> str:
    machine = deployment.cloud.client("stepfunctions")
    started: str = machine.start_execution(
        stateMachineArn=deployment.stack.outputs["StateMachineAliasArn"], input=json.dumps({"model": "tiny"})
    )["executionArn"]
    machine.stop_execution(executionArn=started)
    return started


def test_a_run_that_was_stopped_is_redriven(
    upload: Callable[[bool], Any], undisturbed: Any, resume: Callable[..., Any]
) -> None:
    deployment = upload(True)
    started = start_and_stop(deployment)

    resumed = resume(started, "--wait")

    assert resumed.code == 0, resumed.stderr
    assert resumed.stdout.startswith(f"Redriven: {started}\n")
    assert answers(deployment.wait(started)) == answers(undisturbed)


def test_the_time_between_a_failure_and_who_goes_on_is_not_told_as_the_runs(
    upload: Callable[[bool], Any], resume: Callable[..., Any]
) -> None:
    deployment = upload(True)
    machine = deployment.cloud.client("stepfunctions")
    started = start_and_stop(deployment)
    assert resume(started, "--wait").code == 0

    events = machine.get_execution_history(executionArn=started)["events"]
    when = {event["type"]: event["timestamp"] for event in events}
    key = f"runs/{run_id_of(deployment, started)}/results/summary.json"
    body = deployment.s3.get_object(Bucket=deployment.stack.outputs["ResultsBucket"], Key=key)["Body"]
    summary = json.loads(body.read())
    finished = datetime.fromisoformat(summary["finished_at"])
    ran = when["ExecutionAborted"] - when["ExecutionStarted"] + (finished - when["ExecutionRedriven"])
    assert when["ExecutionRedriven"] > when["ExecutionAborted"]
    assert summary["seconds"] == pytest.approx(ran.total_seconds(), abs=0.002)  # of rounded times
    assert summary["cost"]["used_seconds"] == round(summary["seconds"], 1)


def test_a_run_whose_model_was_replaced_is_predicted_anew_and_not_redriven(
    upload: Callable[[bool], Any], undisturbed: Any, resume: Callable[..., Any], faults: Faults
) -> None:
    deployment = upload(True)
    deployment.s3.put_object(
        Bucket=deployment.stack.outputs["ResultsBucket"], Key="models/tiny/labels.txt", Body=b"x\ny\nz\n"
    )
    # At once, and not as it answers: a run that has its results by then is redriven, whatever its model.
    dies = {"on": "function", "name": "*-aggregate-predictions", "fault": "killed", "probability": 1, "times": 9}
    faults.use(FaultPlan.from_json({"retry_pace": 0.03, "faults": [{**dies, "seconds": 0}]}))
    failed = deployment.run(model="tiny")
    faults.rest()
    run_id = run_id_of(deployment, failed.description["executionArn"])
    assert failed.status == "FAILED"

    resumed = resume(run_id, "--wait")

    assert resumed.code == 0, resumed.stderr
    assert resumed.stdout.startswith("Started: ")
    assert answers(deployment.wait(of_run(deployment, run_id))) == answers(undisturbed)


def test_an_execution_whose_run_was_taken_over_goes_no_further(
    upload: Callable[[bool], Any], undisturbed: Any, resume: Callable[..., Any]
) -> None:
    deployment = upload(False)
    failed = deployment.run(model="tiny").description
    run_id = run_id_of(deployment, failed["executionArn"])
    assert resume(run_id, "--wait").code == 0

    by_name = resume(failed["name"])
    deployment.cloud.client("stepfunctions").redrive_execution(executionArn=failed["executionArn"])
    redriven = deployment.wait(failed["executionArn"]).description

    owner = of_run(deployment, run_id)
    assert (by_name.code, owner in by_name.stderr) == (1, True), by_name
    assert (redriven["status"], redriven["error"]) == ("FAILED", "RunTakenOver")
    assert owner in redriven["cause"]
    assert answers(deployment.wait(owner)) == answers(undisturbed)


def test_two_people_who_resume_a_run_at_once_resume_one(
    upload: Callable[[bool], Any], undisturbed: Any, resume: Callable[..., Any]
) -> None:
    deployment = upload(False)
    failed = deployment.run(model="tiny")
    run_id = run_id_of(deployment, failed.description["executionArn"])

    with ThreadPoolExecutor(2) as pool:
        both = [future.result() for future in [pool.submit(resume, run_id) for _ in range(2)]]

    # Who comes when the other has the run already is told so.
    assert all(each.code == 0 or "there is nothing to resume" in each.stderr for each in both)
    (arn,) = {each.stdout.splitlines()[0].partition(": ")[2] for each in both if each.code == 0}
    assert answers(deployment.wait(arn)) == answers(undisturbed)
    assert of_run(deployment, run_id) == arn


def test_a_run_that_is_taken_over_while_it_goes_on_is_left_alone(
    upload: Callable[[bool], Any], undisturbed: Any
) -> None:
    ended = upload(True).run(resume=undisturbed.output["summary"]["run_id"])

    assert ended.status == "SUCCEEDED"
    assert "has succeeded" in ended.output["note"]


def test_an_input_that_is_wrong_is_not_resumed(upload: Callable[[bool], Any], resume: Callable[..., Any]) -> None:
    failed = upload(True).run(prefixs=[])

    refused = resume(failed.description["name"])

    assert refused.code == 1
    assert "start it with another. The input has no field 'prefixs'" in refused.stderr
