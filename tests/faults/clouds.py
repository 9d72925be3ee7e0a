"""The clouds that a campaign runs in: one in this process for many seeds, and one that may be killed."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import onnx
from botocore.config import Config
from PIL import Image

from pipeline import names
from pipeline.contract.store import read_digest
from pipeline.deployed.cloud_file import CloudFile
from pipeline.errors import UnknownDeployment
from pipeline.laptop.deployment import deploy_stack, open_model
from pipeline.local.cloud import LocalCloud
from pipeline.local.faults import FaultPlan, Faults
from pipeline.local.faults.requests import OBSERVER

ROOT = Path(__file__).resolve().parents[2]
BOUND = 120.0
"""Seconds that anything may take on a busy machine."""
PREFIXES = ("first/", "second/", "third/")
IMAGES_OF_A_PREFIX = 8
PARAMETERS = {"ImagesPerJob": "12"}
"""Of the stack: small jobs, so that a run has two."""


def photos() -> dict[str, bytes]:
    """Images by key: in each prefix seven good ones, one of them with an awkward name, and one that is none."""
    found: dict[str, bytes] = {}
    for index, prefix in enumerate(PREFIXES):
        for number in range(IMAGES_OF_A_PREFIX - 2):
            found[f"{prefix}{number}.png"] = _photo(100 * index + number)
        found[f'{prefix}ein Bild, <b>das</b> "anders" heißt.png'] = _photo(100 * index + 50)
        found[f"{prefix}broken.jpg"] = b"this is no image"
    return found


def _photo(seed: int) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def model_package(folder: Path) -> Path:
    """A classifier of 8 x 8 images, quick to load."""
    helper = onnx.helper
    weights = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["input"], ["means"], axes=[2, 3], keepdims=0),
            helper.make_node("MatMul", ["means", "weights"], ["logits"]),
        ],
        "classifier",
        [helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, ("batch", 3, 8, 8))],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ("batch", 5))],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    package = folder / "tiny"
    package.mkdir(parents=True)
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    (package / "model.onnx").write_bytes(model.SerializeToString())
    shutil.copyfile(ROOT / "tests" / "data" / "tiny" / "contract.json", package / "contract.json")
    (package / "labels.txt").write_text("".join(f"label {number}\n" for number in range(5)))
    return package


class Inbox:
    """A subscriber of its own, outside the cloud: it keeps what it got when the cloud is killed."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if document.get("Type") == "Notification":
                    inbox.messages.append(document)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def successes(self) -> list[str]:
        """The subjects of the messages that say that a run has finished."""
        subjects = [message.get("Subject", "") for message in self.messages]
        return [subject for subject in subjects if subject.startswith("imagebatch: ")]


class Cloud(ABC):
    """A cloud with the stack, the model and the photos in it, and a subscriber."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.outputs: dict[str, str] = {}

    @abstractmethod
    def client(self, service: str) -> Any:
        """A boto3 client of the cloud."""

    @property
    @abstractmethod
    def journal(self) -> Path:
        """Where the cloud writes down its faults."""

    def is_up(self) -> bool:
        return True

    def come_again(self) -> None:
        raise NotImplementedError

    def injected(self) -> list[dict[str, Any]]:
        """The faults so far."""
        return [json.loads(line) for line in self.journal.read_text().splitlines()] if self.journal.exists() else []

    def prepare(self) -> None:
        """What a cloud forgets when it ends: the subscriber."""
        self.client("sns").subscribe(TopicArn=self.outputs["TopicArn"], Protocol="http", Endpoint=self.inbox.url)

    def etags(self) -> dict[str, str]:
        """Of the photos, by key."""
        listed = self.client("s3").list_objects_v2(Bucket=self.outputs["ImagesBucket"])["Contents"]
        return {item["Key"]: item["ETag"].strip('"') for item in listed}

    def model_digest(self, engine: str) -> str:
        """What the ledger calls the model: its files and, of transform jobs, the SageMaker model."""
        digest = read_digest(self.client("s3"), self.outputs["ResultsBucket"], "tiny")
        if engine == "transform":
            (model,) = self.client("sagemaker").list_models()["Models"]
            digest = names.fingerprint(digest, model["ModelName"])
        return digest

    def ledger(self) -> list[dict[str, Any]]:
        """The items of the ledger."""
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.outputs["LedgerTable"])
        return [item for page in pages for item in page["Items"]]

    def fill_ledger(self, items: Iterable[dict[str, Any]]) -> None:
        """Let the ledger have these items, and no others."""
        client, table = self.client("dynamodb"), self.outputs["LedgerTable"]
        for item in self.ledger():
            client.delete_item(TableName=table, Key={name: item[name] for name in ("image", "model")})
        for item in items:
            client.put_item(TableName=table, Item=item)

    def put_photos(self) -> None:
        for key, body in photos().items():
            self.client("s3").put_object(Bucket=self.outputs["ImagesBucket"], Key=key, Body=body)


class Here(Cloud):
    """In this process."""

    def __init__(self, folder: Path, inbox: Inbox) -> None:
        super().__init__(inbox)
        self._folder = folder
        self.faults = Faults(folder / "faults.jsonl")
        self._cloud = LocalCloud(folder / "state", faults=self.faults)
        model = open_model(model_package(folder))
        self.outputs = dict(
            deploy_stack(self._cloud, [model], PARAMETERS, for_sagemaker=True, warm_functions=True).outputs
        )
        self.prepare()
        self.put_photos()

    @property
    def journal(self) -> Path:
        return self._folder / "faults.jsonl"

    def client(self, service: str) -> Any:
        return self._cloud.client(service)

    def go_wrong(self, plan: dict[str, Any]) -> None:
        self.faults.use(FaultPlan.from_json(plan))

    def rest(self) -> None:
        self.faults.rest()

    def close(self) -> None:
        self._cloud.close()


class Up(Cloud):
    """`imagebatch up`, which can be killed and started again on the same folder."""

    def __init__(self, folder: Path, inbox: Inbox, plan: dict[str, Any]) -> None:
        super().__init__(inbox)
        folder.mkdir(parents=True, exist_ok=True)
        self._state = folder / "state"
        self._said = folder / "said"
        self._model = model_package(folder)
        self._plan = folder / "plan.json"
        self._plan.write_text(json.dumps(plan))
        self._clients: dict[str, Any] = {}
        self._start()
        self.put_photos()

    @property
    def journal(self) -> Path:
        return self._state / "faults.jsonl"

    def client(self, service: str) -> Any:
        if service not in self._clients:
            session: Any = boto3.Session("local", "local", region_name="us-east-1")
            config = Config(
                user_agent_extra=OBSERVER, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
            )
            self._clients[service] = session.client(service, endpoint_url=self._found.endpoint_url, config=config)
        return self._clients[service]

    def is_up(self) -> bool:
        return self._process.poll() is None

    def come_again(self) -> None:
        self._process.wait(BOUND)
        self._start()

    def close(self) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        self._process.wait(BOUND)

    def _start(self) -> None:
        command = [sys.executable, "-m", "pipeline.cli", "up", "--state", str(self._state), "--port", "0"]
        command += ["--model", str(self._model), "--faults", str(self._plan)]
        command += [option for name, value in PARAMETERS.items() for option in ("--param", f"{name}={value}")]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with self._said.open("ab") as said:
            self._process = subprocess.Popen(
                command, stdout=said, stderr=said, cwd=ROOT, env=environment, start_new_session=True
            )
        deadline = time.monotonic() + BOUND
        while not self._is_found():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the cloud did not start: {self._said.read_text()}")
            time.sleep(0.05)
        self._clients.clear()
        (stack,) = self.client("cloudformation").describe_stacks(StackName=self._found.stack)["Stacks"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        self.prepare()

    def _is_found(self) -> bool:
        try:
            self._found = CloudFile.read(self._state)
        except UnknownDeployment:
            return False
        return self._found.pid == self._process.pid


def scratch() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="imagebatch-faults-", ignore_cleanup_errors=True)
