"""serve.py as a process, and requests to it as Batch Transform sends them: bodies of at most 24 MB, a few at once.

    with ModelServer(package) as server:
        spent = server.send(requests, connections=4)

The container's folders lie below a temporary folder; the port is any that is free; the variables are the image's, as
a laptop's jobs have them.
"""

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

from pipeline.local.forks import Kind

ROOT = Path(__file__).resolve().parents[1]
SHARD = "application/x-imagebatch-shard"
JPEG = "image/jpeg"
MAX_BODY_BYTES = 24 << 20
_STARTING_SECONDS = 600  # torch.compile takes minutes
_ANSWER_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Request:
    """One body, and how many images are in it."""

    body: bytes
    content_type: str
    images: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What requests took: `cpu_seconds` are the server's, `seconds` are by the clock on the wall."""

    images: int
    seconds: float
    cpu_seconds: float

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds

    @property
    def cpu_per_image(self) -> float:
        """In seconds."""
        return self.cpu_seconds / self.images


@dataclass
class ModelServer:
    """A server of the model package in a folder. Raises RuntimeError where it does not become ready."""

    package: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._root = Path(tempfile.mkdtemp(prefix="imagebatch-server-"))
        shutil.copytree(self.package, self._root / "opt/ml/model")
        self._log = self._root / "server.log"
        self._port = _free_port()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "processing_scripts.serve"],
                cwd=ROOT,
                env={
                    **os.environ,
                    **Kind.JOB.variables,
                    **self.environment,
                    "IMAGEBATCH_ROOT": str(self._root),
                    "SAGEMAKER_BIND_TO_PORT": str(self._port),
                    "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(MAX_BODY_BYTES >> 20),
                    "SAGEMAKER_BATCH": "true",
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._root)

    def send(self, requests: Iterable[Request], connections: int) -> Spent:
        """Send every request, `connections` at once. Raises RuntimeError at an answer that is not a line an image."""
        waiting = _Shared(iter(requests))
        cpu, started = self._cpu_seconds(), time.perf_counter()
        with ThreadPoolExecutor(connections) as threads:
            images = sum(threads.map(self._send_all, [waiting] * connections))
        return Spent(images, time.perf_counter() - started, self._cpu_seconds() - cpu)

    def ask(self, request: Request) -> list[bytes]:
        """The lines that one request is answered with."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_ANSWER_SECONDS)
        try:
            return _exchange(connection, request).splitlines()
        finally:
            connection.close()

    def resident_bytes(self) -> int:
        """What the server and its processes hold in memory now."""
        return sum(process.memory_info().rss for process in self._processes())

    def _send_all(self, waiting: "_Shared") -> int:
        images = 0
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_ANSWER_SECONDS)
        try:
            connection.connect()
            _unpaced(connection.sock)
            for request in waiting:
                _exchange(connection, request)
                images += request.images
        finally:
            connection.close()
        return images

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _STARTING_SECONDS
        while not self._ping():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not become ready:\n{self._log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.1)

    def _ping(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _cpu_seconds(self) -> float:
        return sum(times.user + times.system for times in (process.cpu_times() for process in self._processes()))

    def _processes(self) -> list[psutil.Process]:
        server = psutil.Process(self._process.pid)
        return [server, *server.children(recursive=True)]


class _Shared(Iterator[Request]):
    """An iterator that several threads may take from."""

    def __init__(self, items: Iterator[Request]) -> None:
        self._items = items
        self._lock = threading.Lock()

    def __next__(self) -> Request:
        with self._lock:
            return next(self._items)


def _exchange(connection: http.client.HTTPConnection, request: Request) -> bytes:
    """The lines that a request is answered with."""
    headers = {"Content-Type": request.content_type, "Accept": "application/jsonlines"}
    connection.request("POST", "/invocations", request.body, headers)
    answer = connection.getresponse()
    lines = answer.read()
    if answer.status != 200 or lines.count(b"\n") != request.images:
        raise RuntimeError(f"{request.images} images were answered with {answer.status}: {lines[:500]!r}")
    return lines


def _unpaced(connection: socket.socket) -> None:
    """Have the kernel send what there is at once."""
    # Nagle's algorithm would hold small requests back, and no client of AWS's uses it.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # BBR, where it is the system's, sends from timers, in the time of whichever thread runs then: the server's.
    if hasattr(socket, "TCP_CONGESTION"):
        with contextlib.suppress(OSError):  # a kernel may be without it
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
