"""The engine `transform`: the same predictions as `processing`, and a job that fails costs what is missing in it.

What spoils a shard does so between two states, where nobody looks: a wrapper around a step, which the function finds on
its path, where AWS puts what a layer brings.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "examples" / "models" / "efficientnet-lite0"

LAYER = '''
from pipeline import aws


def plan_and_spoil(event, context):
    """Cuts a shard in half once the jobs are planned, unless the run is called `good`."""
    from steps import plan_inference  # reads the settings of this function alone

    plan = plan_inference.handler(event, context)
    run = event["run"]
    if "-good-" not in run["run_id"]:
        key = _first_shard(run)
        _put(run, "original", _get(run, key))
        _put(run, key, _get(run, key)[:5000])
    return plan


def heal_and_plan(event, context):
    """Makes it whole again before the retry, where the run is called `healed`."""
    from steps import plan_retry

    run = event["run"]
    if "-healed-" in run["run_id"]:
        _put(run, _first_shard(run), _get(run, "original"))
    return plan_retry.handler(event, context)


def _first_shard(run):
    prefix = f"runs/{run['run_id']}/shards/"
    return aws.client("s3").list_objects_v2(Bucket=run["bucket"], Prefix=prefix)["Contents"][0]["Key"]


def _get(run, key):
    return aws.client("s3").get_object(Bucket=run["bucket"], Key=key)["Body"].read()


def _put(run, key, body):
    aws.client("s3").put_object(Bucket=run["bucket"], Key=key, Body=body)
'''
WRAPPED = {"PlanInferenceFunction": "layer.plan_and_spoil", "PlanRetryFunction": "layer.heal_and_plan"}
# A prefix is a map run of its own, so each is at least a batch, and a shard.
PREFIXES = ["a/", "b/", "c/"]
IMAGES_OF_A_PREFIX = 2


def photo(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), (shade, 100, 200)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def deployment(deployed: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The stack with a SageMaker model, six photos, and steps that spoil and heal a shard."""
    layer = tmp_path_factory.mktemp("layer")
    (layer / "layer.py").write_text(LAYER)
    deployment = deployed(for_sagemaker=True)
    deployment.wrap(WRAPPED, layer)
    deployment.put(
        {
            f"{prefix}{number}.png": photo(40 * number + index)
            for index, prefix in enumerate(PREFIXES)
            for number in range(IMAGES_OF_A_PREFIX)
        }
    )
    return deployment


@pytest.fixture(scope="module")
def run(deployment: Any) -> Callable[..., Any]:
    """`run("spoiled")`: the run of that name over all photos, once it has ended."""
    ended: dict[str, Any] = {}

    def run(name: str) -> Any:
        if name not in ended:
            ended[name] = deployment.run(name=name, prefixes=PREFIXES, engine="transform", max_failed_fraction=0.5)
        return ended[name]

    return run


@pytest.fixture(scope="module")
def jobs(deployment: Any) -> Callable[[str], list[tuple[str, str]]]:
    """The names and ends of a run's transform jobs, the first first: `jobs("spoiled")`."""

    def jobs(name: str) -> list[tuple[str, str]]:
        listed = deployment.cloud.client("sagemaker").list_transform_jobs(
            NameContains=f"-{name}-", SortBy="CreationTime", SortOrder="Ascending", MaxResults=100
        )["TransformJobSummaries"]
        return [(job["TransformJobName"], job["TransformJobStatus"]) for job in listed]

    return jobs


@pytest.fixture(scope="module")
def transformed(imagebatch: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    return imagebatch(
        "run", "examples/photos", "--engine", "transform", "--json", "--out", tmp_path_factory.mktemp("out")
    )


def test_both_engines_give_the_same_labels(transformed: Any, example_run: Any) -> None:
    assert transformed.code == 0, transformed.stderr

    def labels(finished: Any) -> dict[str, Any]:
        return {key: row["labels"] for key, row in finished.predictions.items()}

    assert labels(transformed) == labels(example_run)


def test_both_engines_give_the_same_scores(transformed: Any, example_run: Any) -> None:
    """Up to what it changes that other images are in the same forward pass."""

    def scores(finished: Any) -> dict[str, Any]:
        return {key: pytest.approx(row["scores"], abs=1e-5) for key, row in finished.predictions.items()}

    assert {key: row["scores"] for key, row in transformed.predictions.items()} == scores(example_run)


def test_a_job_without_a_failure_is_the_only_one(run: Callable[..., Any], jobs: Callable[..., Any]) -> None:
    assert run("good").counts["predicted"] == len(PREFIXES) * IMAGES_OF_A_PREFIX
    assert [status for _, status in jobs("good")] == ["Completed"]


def test_a_spoiled_shard_costs_only_its_own_images(run: Callable[..., Any]) -> None:
    counts = run("spoiled").counts
    assert (counts["predicted"], counts["failed"]) == (2 * IMAGES_OF_A_PREFIX, IMAGES_OF_A_PREFIX)


def test_a_failed_job_is_tried_again_once_under_another_name(run: Callable[..., Any], jobs: Callable[..., Any]) -> None:
    assert run("spoiled").status == "SUCCEEDED"
    (first, first_status), (second, second_status) = jobs("spoiled")
    assert (first_status, second_status) == ("Failed", "Failed")
    assert (first[-12:], second[-18:]) == ("-p0000-0-0-0", "-p0000-retry-0-0-0")


def test_only_what_is_missing_is_tried_again(deployment: Any, run: Callable[..., Any]) -> None:
    run_id = json.loads(run("spoiled").description["output"])["summary"]["run_id"]
    results = deployment.stack.outputs["ResultsBucket"]
    retried = deployment.s3.get_object(Bucket=results, Key=f"runs/{run_id}/plan/p0000-retry.manifest")["Body"].read()
    prefix, *shards = json.loads(retried)
    assert prefix == {"prefix": f"s3://{results}/runs/{run_id}/shards/"}
    assert len(shards) == 1


def test_what_the_retry_predicts_counts(run: Callable[..., Any], jobs: Callable[..., Any]) -> None:
    counts = run("healed").counts
    assert (counts["predicted"], counts["failed"]) == (len(PREFIXES) * IMAGES_OF_A_PREFIX, 0)
    assert [status for _, status in jobs("healed")] == ["Failed", "Completed"]


@pytest.fixture(scope="module")
def hopeless(
    imagebatch: Callable[..., Any], classifier: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Path]:
    """A run with a model whose answers are NaN, and where its results go."""
    folder = tmp_path_factory.mktemp("hopeless")
    package, photos = folder / "nan", folder / "photos"
    package.mkdir()
    photos.mkdir()
    document = json.loads((MODEL / "contract.json").read_text())
    document["input"] |= {"name": "input", "layout": "NCHW", "height": 8, "width": 8}
    document["output"] = {"name": "logits", "activation": "softmax", "top_k": 1}
    (package / "contract.json").write_text(json.dumps(document))
    model = onnx.load_from_string(classifier(classes=9))
    (weights,) = model.graph.initializer
    weights.CopyFrom(onnx.numpy_helper.from_array(np.full((3, 9), np.nan, np.float32), weights.name))
    (package / "model.onnx").write_bytes(model.SerializeToString())
    (photos / "only.png").write_bytes(photo(7))
    out = folder / "out"
    return imagebatch("run", photos, "--model", package, "--engine", "transform", "--json", "--out", out), out


def test_a_run_that_predicts_nothing_fails_and_says_which_job_to_look_at(hopeless: tuple[Any, Path]) -> None:
    finished, _ = hopeless
    assert (finished.code, finished.report["error"]) == (1, "TooManyFailed")
    assert "-p0000-retry-0-0-0: ClientError: See job logs" in finished.report["cause"]


def test_the_logs_of_both_transform_jobs_are_kept_and_say_why(hopeless: tuple[Any, Path]) -> None:
    _, out = hopeless
    logs = sorted(out.glob("*/logs/*-p0000-*.log"))
    assert [log.name.rpartition("-p0000-")[2] for log in logs] == ["0-0-0.log", "retry-0-0-0.log"]
    assert all("InvalidPrediction" in log.read_text() for log in logs)
