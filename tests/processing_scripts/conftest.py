"""A model server as SageMaker starts it: a process, a model package, HTTP."""

import http.client
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]


@dataclass
class Answer:
    """What a request was answered; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


@dataclass
class ServerProcess:
    """`python3 -m processing_scripts.serve` over a model package."""

    process: "subprocess.Popen[str]"
    lines: "queue.Queue[str]" = field(default_factory=queue.Queue)
    port: int = 0

    @classmethod
    def start(cls, root: Path, variables: Mapping[str, str]) -> "ServerProcess":
        """A process that may not be ready yet."""
        environment = {
            **os.environ,
            "IMAGEBATCH_ROOT": str(root),
            "SAGEMAKER_BIND_TO_PORT": "0",
            "PYTHONUNBUFFERED": "1",
            **variables,
        }
        command = [sys.executable, "-m", "processing_scripts.serve"]
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        server = cls(process)
        threading.Thread(target=server._listen, daemon=True).start()
        return server

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)

    def await_log(self, pattern: str) -> "re.Match[str]":
        """The first line from now on that matches; fails the test after 60 s without one."""
        while True:
            if found := re.search(pattern, self.lines.get(timeout=60)):
                return found

    def await_ready(self) -> "ServerProcess":
        self.port = int(self.await_log(r"listening on .* port (\d+)")[1])
        self.await_log("ready: ")
        return self

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.connect()
        return connection

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request on a connection of its own; `content_type=` is the header Content-Type."""
        connection = self.connect()
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named, encode_chunked=named.get("Transfer-Encoding") == "chunked")
            return receive(connection)
        finally:
            connection.close()

    def invoke(self, body: Any, content_type: str, **headers: str) -> Answer:
        return self.ask("POST", "/invocations", body, content_type=content_type, **headers)

    def end(self) -> int:
        """Sends SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def receive(connection: http.client.HTTPConnection) -> Answer:
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, headers, response.read())


@pytest.fixture(scope="module")
def start_server() -> Iterator[Callable[..., ServerProcess]]:
    """Starts servers, which are gone after the module: `start_server(root, IMAGEBATCH_TOP_K="2")`."""
    started: list[ServerProcess] = []

    def start(root: Path, **variables: str) -> ServerProcess:
        started.append(ServerProcess.start(root, variables))
        return started[-1]

    yield start
    for server in started:
        server.process.kill()
        server.process.wait()
        assert server.process.stdout is not None
        server.process.stdout.close()


@pytest.fixture(scope="session")
def answer_of() -> Callable[[http.client.HTTPConnection], Answer]:
    """Reads the answer on a connection."""
    return receive
