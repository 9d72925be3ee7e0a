"""The handlers, with the events that the state machine sends: a whole run, one step after another."""

import importlib
import json
import logging
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pipeline import aws, objects
from pipeline.contract import ModelContract
from pipeline.errors import MissingSetting
from pipeline.inference.predictions import Prediction, Ranked
from pipeline.runs import keys
from pipeline.validation import verdicts
from pipeline.validation.verdicts import Accepted

IMAGES, RESULTS = "example-images", "example-results"
EXECUTION = {
    "arn": "arn:aws:states:us-east-1:123456789012:execution:imagebatch:first",
    "name": "first",
    "started_at": "2026-11-20T02:00:03.123Z",
}
ENVIRONMENT = {
    "IMAGES_BUCKET": IMAGES,
    "RESULTS_BUCKET": RESULTS,
    "DEFAULT_MODEL": "tiny",
    "DEFAULT_PREFIX": "incoming/",
    "DEFAULT_INSTANCE_TYPE": "ml.c7i.xlarge",
    "TRANSFORM_MODEL": "tiny",
    "AWS_DEFAULT_REGION": "us-east-1",
}
STEPS = ("start_run", "validate_images", "plan_inference", "plan_retry", "aggregate_predictions")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """Every step, as a cold start in its function's environment leaves it."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return {name: importlib.reload(importlib.import_module(f"steps.{name}")) for name in STEPS}


@pytest.fixture
def call(steps: dict[str, ModuleType], context: object) -> Callable[[str, Any], Any]:
    """Calls a step as Lambda does: JSON in, JSON out."""

    def call(step: str, event: Any) -> Any:
        return json.loads(json.dumps(steps[step].handler(json.loads(json.dumps(event)), context)))

    return call


@pytest.fixture
def _log_level() -> Iterator[None]:
    before = logging.getLogger("pipeline").level
    yield
    logging.getLogger("pipeline").setLevel(before)


@pytest.mark.usefixtures("_log_level")
@pytest.mark.parametrize("level", ["DEBUG", "ERROR"])
def test_log_level_says_how_much_is_logged(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    monkeypatch.setenv("LOG_LEVEL", level)
    importlib.reload(importlib.import_module("steps"))
    assert logging.getLogger("pipeline.validation.batch").getEffectiveLevel() == getattr(logging, level)


@pytest.fixture
def model(s3: Any, contract: ModelContract, classifier: Callable[..., bytes]) -> None:
    bodies = {
        "contract.json": json.dumps(contract.to_json()).encode(),
        "labels.txt": b"cat\ndog\n",
        "model.onnx": classifier(classes=2),
    }
    for name, body in bodies.items():
        s3.put_object(Bucket=RESULTS, Key=f"models/tiny/{name}", Body=body)


class MapRuns:
    """Every service but S3: three items were validated, and SageMaker knows no job."""

    meta = SimpleNamespace(region_name="us-east-1")

    def get_paginator(self, name: str) -> Any:
        return SimpleNamespace(paginate=lambda **request: [])

    def describe_map_run(self, **request: str) -> dict[str, Any]:
        return {"itemCounts": {"total": 3}}


def write_map_results(s3: Any, run_id: str, batches: list[Any]) -> dict[str, Any]:
    folder = f"runs/{run_id}/map/0/uuid/"
    objects.put_bytes(s3, RESULTS, f"{folder}SUCCEEDED_0.jsonl", objects.dump_lines(batches))
    files = {"SUCCEEDED": [{"Key": f"{folder}SUCCEEDED_0.jsonl", "Size": 1}], "FAILED": [], "PENDING": []}
    objects.put_json(s3, RESULTS, f"{folder}manifest.json", {"DestinationBucket": RESULTS, "ResultFiles": files})
    return {"MapRunArn": "map0", "ResultWriterDetails": {"Bucket": RESULTS, "Key": f"{folder}manifest.json"}}


def infer(s3: Any, run_id: str, batch: dict[str, Any]) -> None:
    """What the job of the only partition does."""
    contract = objects.get_json(s3, RESULTS, keys.run_key(run_id))["contract_digest"]
    for shard in batch["shards"]:
        found = map(verdicts.from_json, objects.get_lines(s3, RESULTS, batch["verdicts"]))
        lines = "".join(
            Prediction(v.row, "tiny", contract, run_id, shard["id"], (Ranked("cat", 0, 0.5),)).to_line()
            for v in found
            if isinstance(v, Accepted)
        )
        objects.put_bytes(s3, RESULTS, keys.predictions_key(run_id, "p0000", shard["id"]), lines.encode())


@pytest.mark.usefixtures("model")
def test_a_run_goes_through_every_step(
    s3: Any, call: Callable[[str, Any], Any], photo: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "client", lambda service: s3 if service == "s3" else MapRuns())
    bodies = {"incoming/": b"", "incoming/a.jpg": photo(), "incoming/b.jpg": b"hello"}
    items = [
        {"Key": key, "Etag": s3.put_object(Bucket=IMAGES, Key=key, Body=body)["ETag"], "Size": len(body)}
        for key, body in bodies.items()
    ]

    run = call("start_run", {"execution": EXECUTION, "input": {}})
    batch = call("validate_images", {"run": run, "bucket": IMAGES, "items": items})
    mapped = write_map_results(s3, run["run_id"], [batch])
    plan = call("plan_inference", {"run": run, "validated": [mapped]})
    infer(s3, run["run_id"], batch)
    partitions = [{"id": partition["id"], "status": "Completed"} for partition in plan["partitions"]]
    results = call("aggregate_predictions", {"run": run, "plan": plan, "partitions": partitions})

    counts = {"listed": 2, "passed_over": 1, "predicted": 1, "rejected": 1, "failed": 0, "skipped": 0}
    assert results["summary"] == {"run_id": run["run_id"], **counts}


@pytest.mark.usefixtures("model")
def test_what_a_transform_job_left_out_is_planned_again(
    s3: Any, call: Callable[[str, Any], Any], photo: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "client", lambda service: s3 if service == "s3" else MapRuns())
    bodies = {f"incoming/{name}.jpg": photo() for name in "abc"}
    items = [
        {"Key": key, "Etag": s3.put_object(Bucket=IMAGES, Key=key, Body=body)["ETag"], "Size": len(body)}
        for key, body in bodies.items()
    ]
    run = call("start_run", {"execution": EXECUTION, "input": {"engine": "transform"}})
    batch = call("validate_images", {"run": run, "bucket": IMAGES, "items": items})
    mapped = write_map_results(s3, run["run_id"], [batch])
    (partition,) = call("plan_inference", {"run": run, "validated": [mapped]})["partitions"]

    retried = call("plan_retry", {"run": run, "partition": partition})

    assert (retried["missing"], retried["retry_of"]) == (1, partition["job_name"])


@pytest.mark.usefixtures("model")
def test_an_image_that_killed_its_function_is_condemned(s3: Any, call: Callable[[str, Any], Any]) -> None:
    run = call("start_run", {"execution": EXECUTION, "input": {}})
    item = {"Key": "incoming/a.jpg", "Etag": '"e"', "Size": 5}
    condemn = {"Error": "Runtime.ExitError", "Cause": "signal: killed"}

    batch = call("validate_images", {"run": run, "bucket": IMAGES, "items": [item], "condemn": condemn})

    assert (batch["accepted"], batch["rejected"]) == (0, 1)


def test_a_function_without_its_settings_says_so_at_cold_start(
    steps: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEFAULT_MODEL")

    with pytest.raises(MissingSetting, match="DEFAULT_MODEL is not set"):
        importlib.reload(steps["start_run"])
