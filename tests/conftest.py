"""What many tests need: S3 in memory, a contract small enough to be quick, photos, and a run over them."""

import io
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from moto import mock_aws
from PIL import Image

from pipeline import aws, objects
from pipeline.contract import ModelContract, parse_contract
from pipeline.interrupts import checkpoint, interrupt, on_interrupt
from pipeline.limits import DEFAULT_LIMITS, Quarantine
from pipeline.runs import keys, planning
from pipeline.runs.planning import Plan
from pipeline.runs.run import Run
from pipeline.runs.sources import Prefix
from pipeline.runs.triggers import Trigger
from pipeline.settings import PlanInferenceSettings
from pipeline.validation import batch as validation
from pipeline.validation.batches import Batch

IMAGES, RESULTS, LEDGER = "example-images", "example-results", "example-ledger"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:imagebatch:first"


def pytest_configure(config: pytest.Config) -> None:
    """What is kept from one run to the next is kept for these tests alone, and for the processes that they start."""
    folder = tempfile.TemporaryDirectory(prefix="imagebatch-cache-")
    os.environ["IMAGEBATCH_CACHE"] = folder.name
    config.add_cleanup(folder.cleanup)


@pytest.fixture
def interrupts() -> Iterator[None]:
    """SIGINT and SIGTERM interrupt a test, as they do a command."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    on_interrupt(interrupt)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    with suppress(KeyboardInterrupt):
        checkpoint()  # one that a test has left behind is nobody else's


@pytest.fixture
def contract() -> ModelContract:
    """A classifier of 8 x 8 images: all the rules, little arithmetic."""
    return parse_contract((Path(__file__).parent / "data" / "tiny" / "contract.json").read_bytes())


@pytest.fixture
def foreign_contract() -> ModelContract:
    """A classifier in a container that is not ours, which takes photos and answers an array of probabilities."""
    return parse_contract(
        {
            "version": 1,
            "name": "foreign",
            "task": "classification",
            "payload": {"kind": "image", "content_type": "application/x-image", "max_payload_mb": 1},
            "output": {"format": "json_array", "activation": "none", "top_k": 2, "labels": "labels.txt"},
        },
        images=True,
    )


@pytest.fixture(scope="session")
def classifier() -> Callable[..., bytes]:
    """Makes a model.onnx of [N, classes] logits, weighted means of the channels: `classifier(2, dtype="float16")`.

    It fits `contract` where nothing else is said.
    """
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper

    def make(
        classes: int = 2,
        input: str = "input",
        dtype: str = "float32",
        shape: tuple[int | str | None, ...] = ("batch", 3, 8, 8),
        output: str = "logits",
    ) -> bytes:
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        weights = np.random.default_rng(0).normal(size=(3, classes)).astype(np.float32)
        nodes = [
            helper.make_node("Cast", [input], ["numbers"], to=onnx.TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["numbers"], ["means"], axes=[2, 3], keepdims=0),
            helper.make_node("MatMul", ["means", "weights"], [output]),
        ]
        graph = helper.make_graph(
            nodes,
            "classifier",
            [helper.make_tensor_value_info(input, kind, shape)],
            [helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, (*shape[:1], classes))],
            [onnx.numpy_helper.from_array(weights, "weights")],
        )
        model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
        return bytes(model.SerializeToString())

    return make


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 in this process, with an images bucket and a results bucket, both empty."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        aws.forget_clients()
        client = aws.client("s3")
        for bucket in (IMAGES, RESULTS):
            client.create_bucket(Bucket=bucket)
        yield client
    aws.forget_clients()


@pytest.fixture
def dynamodb(s3: Any) -> Any:
    """A DynamoDB in this process, with an empty ledger, as infra/template.yaml makes it."""
    client = aws.client("dynamodb")
    client.create_table(
        TableName=LEDGER,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("image", "model")],
        KeySchema=[{"AttributeName": "image", "KeyType": "HASH"}, {"AttributeName": "model", "KeyType": "RANGE"}],
    )
    return client


@pytest.fixture
def photo() -> Callable[..., bytes]:
    """Makes the bytes of a photo: `photo(40, 30, seed=1, format="PNG")`."""

    def make(width: int = 40, height: int = 30, seed: int = 0, format: str = "JPEG") -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, format)
        return file.getvalue()

    return make


@pytest.fixture
def run(contract: ModelContract) -> Run:
    """A run over `incoming/` of the images bucket that nothing has been done for yet."""
    started_at = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
    return Run(
        run_id="2026-11-20T0200-incoming-7f3a9c",
        bucket=RESULTS,
        execution_arn=EXECUTION,
        trigger=Trigger("execution", EXECUTION, started_at),
        started_at=started_at,
        sources=(Prefix(IMAGES, "incoming/"),),
        model="tiny",
        contract=contract,
        engine="processing",
        top_k=3,
        max_failed_fraction=0.05,
        instance_type=None,
        limits=DEFAULT_LIMITS,
        quarantine=Quarantine.LEAVE,
    )


@pytest.fixture
def validated(s3: Any, run: Run, photo: Callable[..., bytes]) -> Callable[..., Plan]:
    """Validates and plans a run in two batches: `validated(good=3, bad=1)` has three photos and a file that is none."""

    def validate(good: int, bad: int = 0) -> Plan:
        bodies = {f"incoming/{n}.jpg": photo(seed=n) for n in range(good)} | {
            f"incoming/bad{n}.jpg": b"hello" for n in range(bad)
        }
        listed = [
            {"Key": key, "Etag": s3.put_object(Bucket=IMAGES, Key=key, Body=body)["ETag"], "Size": len(body)}
            for key, body in bodies.items()
        ]
        half = (len(listed) + 1) // 2
        batches = [
            Batch.from_json(validation.validate_batch(run, IMAGES, items, s3))
            for items in (listed[:half], listed[half:])
            if items
        ]
        plan = planning.make_plan(run, batches, PlanInferenceSettings("ml.c7i.xlarge"))
        objects.put_json(s3, RESULTS, keys.plan_key(run.run_id), plan.to_json(run.run_id))
        return plan

    return validate
