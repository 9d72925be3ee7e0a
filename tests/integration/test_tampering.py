"""What somebody, or a disk, did to a run's objects between two states: each is detected and named, and the run fails.

It happens where nobody looks: a wrapper around a step, which the function finds on its path, where AWS puts what a
layer brings. The name of a run says what happens in it.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]

LAYER = '''
import json

from pipeline import aws


def plan_and_spoil(event, context):
    """What happens before the plan is made, and before the jobs."""
    from steps import plan_inference  # reads the settings of this function alone

    spoil(event["run"], BEFORE_PLAN)
    plan = plan_inference.handler(event, context)
    spoil(event["run"], BEFORE_JOBS)
    return plan


def spoil_and_aggregate(event, context):
    """What happens before the results are gathered."""
    from steps import aggregate_predictions

    spoil(event["run"], BEFORE_RESULTS)
    return aggregate_predictions.handler(event, context)


def spoil(run, ways):
    what = run["run_id"].rpartition("-")[0].partition("-x-")[2]
    if what in ways:
        ways[what](run)


def _first(run, kind, part=""):
    prefix = f"runs/{run['run_id']}/{kind}"
    found = aws.client("s3").list_objects_v2(Bucket=run["bucket"], Prefix=prefix)["Contents"]
    return next(item["Key"] for item in found if part in item["Key"])


def _get(run, key):
    return aws.client("s3").get_object(Bucket=run["bucket"], Key=key)["Body"].read()


def _put(run, key, body):
    aws.client("s3").put_object(Bucket=run["bucket"], Key=key, Body=body)


def _delete(kind):
    return lambda run: aws.client("s3").delete_object(Bucket=run["bucket"], Key=_first(run, kind))


def _change(kind, change, part=""):
    def changed(run):
        key = _first(run, kind, part)
        _put(run, key, change(_get(run, key)))

    return changed


def _half(body):
    return body[: len(body) // 2]


def _lines(change):
    return lambda body: b"".join(change(body.splitlines(keepends=True)))


def _plan(change):
    def changed(body):
        plan = json.loads(body)
        change(plan)
        return json.dumps(plan).encode()

    return _change("plan.json", changed)


def _forget_a_batch(plan):
    """A batch, and its images in the counts: the plan agrees with itself."""
    batch = plan["batches"].pop()
    for name in plan["counts"]:
        plan["counts"][name] -= batch[name]


def _renamed(line):
    return line.replace(b"0.png", b"7.png")


def _elsewhere(line):
    return line.replace(b'"batch":"', b'"batch":"0')


BEFORE_PLAN = {
    "batch-left-out": _change("map/0/", lambda body: b"", "SUCCEEDED"),
    "batch-of-more": _change("map/0/", lambda body: body.replace(b'"passed_over":0', b'"passed_over":1'), "SUCCEEDED"),
    "batch-invented": _change("map/0/", _lines(lambda lines: [*lines, *map(_elsewhere, lines)]), "SUCCEEDED"),
}
BEFORE_JOBS = {
    "shard-deleted": _delete("shards/"),
    "shard-halved": _change("shards/", _half),
    "shard-overwritten": _change("shards/", lambda body: bytes(len(body))),
}
BEFORE_RESULTS = {
    "verdicts-halved": _change("verdicts/", _half),
    "verdicts-deleted": _delete("verdicts/"),
    "verdicts-no-text": _change("verdicts/", lambda body: bytes(range(256))),
    "verdict-left-out": _change("verdicts/", _lines(lambda lines: lines[1:])),
    "verdict-twice": _change("verdicts/", _lines(lambda lines: lines[:1] + lines)),
    "verdict-renamed": _change("verdicts/", _renamed),
    "predictions-halved": _change("predictions/", _half),
    "predictions-deleted": _delete("predictions/"),
    "predictions-foreign": _change("predictions/", lambda body: body.replace(b"-x-predictions", b"-y-")),
    "prediction-left-out": _change("predictions/", _lines(lambda lines: lines[1:])),
    "prediction-twice": _change("predictions/", _lines(lambda lines: lines[:1] + lines)),
    "prediction-renamed": _change("predictions/", _renamed),
    "plan-halved": _change("plan.json", _half),
    "plan-deleted": _delete("plan.json"),
    "plan-of-less": _plan(lambda plan: plan.pop("batches")),
    "plan-batch-left-out": _plan(lambda plan: plan["batches"].pop()),
    "plan-batch-forgotten": _plan(_forget_a_batch),
    "plan-batch-twice": _plan(lambda plan: plan["batches"].append(plan["batches"][0])),
    "plan-more-rows": _plan(lambda plan: plan["batches"][0]["shards"][0].update(rows=9)),
}
'''
WRAPPED = {
    "PlanInferenceFunction": "layer.plan_and_spoil",
    "AggregatePredictionsFunction": "layer.spoil_and_aggregate",
}
PREFIXES = ["a/", "b/"]
IMAGES_OF_A_PREFIX = 3

# The error, and words of its cause, by what happens: the key of what was spoiled, or of the image that is concerned.
SPOILED = {
    "batch-left-out": ("RunDoesNotAddUp", "3 too few. Without an account: 'a/0.png', 'a/1.png', 'a/2.png'. Look"),
    "batch-of-more": (
        "RunDoesNotAddUp",
        "account for 4, 1 too many. Batches of which their executions answered otherwise: '",
    ),
    "batch-invented": ("RunDoesNotAddUp", "account for 6, 3 too many. Batches that it did not make: '0"),
    "shard-deleted": ("TooManyFailed", "/shards/"),
    "shard-halved": ("TooManyFailed", "CorruptShard"),
    "shard-overwritten": ("TooManyFailed", "CorruptShard"),
    "verdicts-halved": ("CorruptVerdicts", "/verdicts/"),
    "verdicts-deleted": ("CorruptVerdicts", "/verdicts/"),
    "verdicts-no-text": ("CorruptVerdicts", "/verdicts/"),
    "verdict-left-out": ("RunDoesNotAddUp", "/0.png"),
    "verdict-twice": ("RunDoesNotAddUp", "/0.png"),
    "verdict-renamed": ("RunDoesNotAddUp", "/7.png"),
    "predictions-halved": ("TooManyFailed", "CorruptPredictions"),
    "predictions-deleted": ("TooManyFailed", "NoPredictions"),
    "predictions-foreign": ("TooManyFailed", "CorruptPredictions"),
    "prediction-left-out": ("RunDoesNotAddUp", "/0.png"),
    "prediction-twice": ("RunDoesNotAddUp", "/0.png"),
    "prediction-renamed": ("RunDoesNotAddUp", "/7.png"),
    "plan-halved": ("CorruptArtifact", "/plan.json"),
    "plan-deleted": ("CorruptArtifact", "/plan.json"),
    "plan-of-less": ("CorruptArtifact", "/plan.json"),
    "plan-batch-left-out": ("RunDoesNotAddUp", "of no batch of the plan: 'b/0.png', 'b/1.png', 'b/2.png'. "),
    "plan-batch-forgotten": ("RunDoesNotAddUp", "/plan.json"),
    "plan-batch-twice": ("RunDoesNotAddUp", "has more than once: 'a/0.png', 'a/1.png', 'a/2.png'. "),
    "plan-more-rows": ("RunDoesNotAddUp", "packed"),
}


def photo(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), (shade, 100, 200)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def deployment(
    deployed: Callable[..., Any],
    tiny_model: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """The stack with a small model, six photos, and steps that spoil what lies between them."""
    layer = tmp_path_factory.mktemp("layer")
    (layer / "layer.py").write_text(LAYER)
    deployment = deployed(DefaultModel="tiny")
    for name, body in tiny_model.items():
        deployment.s3.put_object(Bucket=deployment.stack.outputs["ResultsBucket"], Key=f"models/tiny/{name}", Body=body)
    deployment.wrap(WRAPPED, layer)
    deployment.put(
        {f"{prefix}{n}.png": photo(40 * n + i) for i, prefix in enumerate(PREFIXES) for n in range(IMAGES_OF_A_PREFIX)}
    )
    return deployment


@pytest.fixture(scope="module")
def tiny_model(classifier: Callable[..., bytes]) -> dict[str, bytes]:
    """A model package of few bytes."""
    document = json.loads((ROOT / "examples" / "models" / "efficientnet-lite0" / "contract.json").read_text())
    document["input"] |= {"name": "input", "layout": "NCHW", "height": 8, "width": 8}
    document["output"] = {"name": "logits", "activation": "softmax", "top_k": 1}
    return {"contract.json": json.dumps(document).encode(), "model.onnx": classifier()}


@pytest.fixture(scope="module")
def started(deployment: Any) -> dict[str, str]:
    """The executions by what happens in them, all under way together."""
    machine, arn = deployment.cloud.client("stepfunctions"), deployment.stack.outputs["StateMachineAliasArn"]
    return {
        what: machine.start_execution(
            stateMachineArn=arn, input=json.dumps({"name": f"x-{what}", "prefixes": PREFIXES})
        )["executionArn"]
        for what in ("nothing", *SPOILED)
    }


def test_what_nobody_touches_succeeds(deployment: Any, started: dict[str, str]) -> None:
    assert deployment.wait(started["nothing"]).counts["predicted"] == len(PREFIXES) * IMAGES_OF_A_PREFIX


@pytest.mark.parametrize("what", SPOILED)
def test_what_was_spoiled_is_named(deployment: Any, started: dict[str, str], what: str) -> None:
    error, words = SPOILED[what]
    description = deployment.wait(started[what]).description
    assert (description["status"], description.get("error")) == ("FAILED", error), description
    assert words in description["cause"]
