"""Endpoints to ask: whatever a test wants one to answer, our own server, and one that speaks Triton's protocol."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.contract import ModelContract, parse_contract
from pipeline.endpoints import HttpEndpoint, Request, Response
from pipeline.errors import ImageBatchError
from pipeline.serving.application import Application
from pipeline.serving.model import ServedModel
from pipeline.serving.server import Server
from pipeline.serving.settings import ServingSettings

Handle = Callable[[BaseHTTPRequestHandler, bytes], None]


@pytest.fixture
def foreign() -> ModelContract:
    """A contract for a container that is not ours, whose scores stand in a place of their own."""
    return parse_contract(
        {
            "version": 1,
            "name": "theirs",
            "task": "classification",
            "payload": {"kind": "image", "content_type": "image/*"},
            "output": {"format": "json_object", "field": "result.0.confidence", "activation": "none"},
        },
        images=True,
    )


class Canned:
    """An endpoint of this process, which answers what it was told to, and remembers what it was asked."""

    name = "photos"

    def __init__(self, body: bytes | ImageBatchError, content_type: str, limit: int) -> None:
        self.limit = limit
        self.asked: list[Request] = []
        self._body = body
        self._content_type = content_type

    def invoke(self, request: Request) -> Response:
        self.asked.append(request)
        if isinstance(self._body, ImageBatchError):
            raise self._body
        return Response(self._body, self._content_type)


@pytest.fixture
def answering() -> Callable[..., Canned]:
    """`answering(b"[1, 2]", "application/json", limit=100)`; an error is raised."""

    def make(
        body: bytes | ImageBatchError = b"[]", content_type: str = "application/json", limit: int = 1_000_000
    ) -> Canned:
        return Canned(body, content_type, limit)

    return make


@pytest.fixture
def listen() -> Iterator[Callable[[Handle], str]]:
    """`listen(handle)` is the address of a server that has `handle(handler, body)` answer each POST."""
    servers = []

    def start(handle: Handle) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                handle(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *arguments: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *arguments: None  # type: ignore[method-assign]
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def reply() -> Callable[..., Handle]:
    """`reply(200, b"[1]", Content_Type="text/csv")` answers every POST so."""

    def make(status: int, body: bytes, **headers: str) -> Handle:
        def handle(handler: BaseHTTPRequestHandler, asked: bytes) -> None:
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        return handle

    return make


@pytest.fixture
def served(contract: ModelContract, classifier: Callable[..., bytes], tmp_path: Path) -> Iterator[HttpEndpoint]:
    """Our own model server, with a model of five classes for `contract`."""
    import json

    (tmp_path / "contract.json").write_text(json.dumps(contract.to_json()))
    (tmp_path / "labels.txt").write_text("".join(f"label {index}\n" for index in range(5)))
    (tmp_path / "model.onnx").write_bytes(classifier(5))
    settings = ServingSettings(tmp_path, "127.0.0.1", 0)
    application = Application(settings)
    application.model = ServedModel.load(settings)
    server = Server((settings.host, settings.port), application)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield HttpEndpoint(f"http://127.0.0.1:{server.port}")
    assert server.stop(5)
