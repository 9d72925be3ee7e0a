"""A container that serves a model: its process, and HTTP with it.

    server = ModelServer(container, image, root=folder, log=log_path, ...)
    server.start()
    server.wait_until_ready(seconds, stopping)
    reply = server.invoke(body, {"Content-Type": "image/jpeg"}, timeout=60)
    server.stop()

The container contract (Amazon SageMaker Developer Guide, "Custom Inference Code with Batch Transform" and "... with
Hosting Services"): the model's artifacts in /opt/ml/model, `GET /ping` answered with 200 once requests may come, and
`POST /invocations`. /opt/ml lies below a folder of the server's own, which the variable IMAGEBATCH_ROOT names. Many
servers share this machine, so none gets port 8080: SAGEMAKER_BIND_TO_PORT says which to listen on, as it does for the
containers of one endpoint ("Troubleshoot multi-container endpoints").
"""

import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from pipeline.local.forks import Kind
from pipeline.local.processes import Child, Processes
from pipeline.local.sagemaker.artifacts import unpack_model
from pipeline.local.sagemaker.containers import Image, command_here, exit_code, last_lines

STOP_GRACE = 30  # seconds between SIGTERM and SIGKILL; Developer Guide, "Custom Inference Code with Hosting Services"
_PING_TIMEOUT = 2.0  # seconds; Developer Guide, "Custom Inference Code with Batch Transform"
_FIRST_POLL, _SLOWEST_POLL, _SLOWING = 0.02, 1.0, 1.2
# Seconds that a process which broke a connection may take to be seen dead.
_CRASH_NOTICE = 1.0
_CONNECTIONS = 100  # kept open to one server; Developer Guide: MaxConcurrentTransforms is 1 to 100

NO_PING = (
    "Model container failed to respond to ping. Please ensure /ping endpoint is implemented and responds with an HTTP "
    "200 status code"
)


class ServerFailedError(Exception):
    """The server did not become ready, or ended. The text says why."""


class NoReplyError(Exception):
    """A request was not answered in time, or the connection broke; another try may succeed."""


@dataclass(frozen=True)
class Reply:
    """An answer to /invocations; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ModelServer:
    """One server. Requests may come from many threads.

    Args:
        container: the model's ContainerDefinition.
        image: what its image comes to.
        environment: what the process's environment begins with.
        variables: what is added for this server, over the container's own variables.
        root: the folder that stands for the container's `/`.
        log: what the process prints is added to this file.
        s3: the client by which the model is fetched, in the model's role.
    """

    def __init__(
        self,
        container: Mapping[str, Any],
        image: Image,
        *,
        environment: Mapping[str, str],
        variables: Mapping[str, str],
        root: Path,
        log: Path,
        processes: Processes,
        s3: Any,
    ) -> None:
        self._container = container
        self._image = image
        self._environment = environment
        self._variables = variables
        self._root = root
        self._log = log
        self._processes = processes
        self._s3 = s3
        self._child: Child | None = None
        self.ended: Future[int] = Future()
        """Done when the process has ended, with its exit status."""
        self._pool: urllib3.HTTPConnectionPool | None = None

    def start(self) -> None:
        """Unpack the model, unless an earlier server of this root has, and start the process.

        Raises:
            TransferError: the model cannot be unpacked.
        """
        model = self._root / "opt/ml/model"
        if not model.exists():
            model.mkdir(parents=True)
            if self._container.get("ModelDataUrl"):
                unpack_model(self._s3, self._container["ModelDataUrl"], model)
        port = _free_port()
        environment = {
            **self._environment,
            **Kind.JOB.variables,
            "PYTHONPATH": str(self._image.folder),
            **self._container.get("Environment", {}),
            **self._variables,
            "IMAGEBATCH_ROOT": str(self._root),
            "SAGEMAKER_BIND_TO_PORT": str(port),
        }
        with self._log.open("ab") as log:
            self._child = self._processes.start(
                command_here(self._image.serve),
                environment=environment,
                folder=self._image.folder,
                output=log,
                kind=Kind.JOB,
            )
        self._pool = urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=_CONNECTIONS, retries=False)
        threading.Thread(target=self._await_end, args=(self._child,), daemon=True).start()

    def wait_until_ready(self, seconds: float, stopping: threading.Event) -> None:
        """Wait until /ping answers 200, or somebody sets `stopping`.

        Raises:
            ServerFailedError: it did not within `seconds`, or the process ended.
        """
        deadline, pause = time.monotonic() + seconds, _FIRST_POLL
        while not stopping.is_set():
            ready = self._ping()
            if self.ended.done():
                raise ServerFailedError(f"{NO_PING}. {self.obituary()}")
            if ready:
                return
            if time.monotonic() > deadline:
                raise ServerFailedError(NO_PING)
            stopping.wait(pause)
            pause = min(pause * _SLOWING, _SLOWEST_POLL)

    def get(self, path: str) -> Reply:
        """What `GET path` answers. Raises NoReplyError."""
        return self._request("GET", path, None, {}, _PING_TIMEOUT, chunked=False)

    def invoke(self, body: bytes, headers: Mapping[str, str], *, timeout: float, chunked: bool = False) -> Reply:
        """What `POST /invocations` answers, `chunked` as Transfer-Encoding: chunked.

        Raises:
            NoReplyError: there was no answer within `timeout` seconds, or the connection broke.
            ServerFailedError: the server has ended.
        """
        try:
            return self._request("POST", "/invocations", body, headers, timeout, chunked=chunked)
        except NoReplyError as error:
            timed_out = isinstance(error.__cause__, urllib3.exceptions.ReadTimeoutError)
            if self._has_ended(within=0 if timed_out else _CRASH_NOTICE):
                raise ServerFailedError(self.obituary()) from error
            raise

    def obituary(self) -> str:
        """How the process ended, and what it said last. Waits for the end."""
        said = last_lines(self._log)
        return f"The model server ended with exit code {exit_code(self.ended.result())}" + (f": {said}" if said else "")

    def terminate(self) -> None:
        """Ask the process to stop (SIGTERM)."""
        if self._child is not None and self._pool is not None:
            # A server may wait for idle connections before it ends.
            self._pool.close()
            self._child.terminate()

    def stop(self) -> None:
        """Stop the process: SIGTERM and, after the grace period, SIGKILL. Returns when it has ended."""
        self.terminate()
        if self._child is not None and not self._has_ended(within=STOP_GRACE):
            self._child.kill()
            self.ended.result()

    def _has_ended(self, within: float) -> bool:
        return bool(wait({self.ended}, within).done)

    def _ping(self) -> bool:
        try:
            return self.get("/ping").status == 200
        except NoReplyError:
            return False

    def _request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout: float, *, chunked: bool
    ) -> Reply:
        if self._pool is None:
            raise NoReplyError("the server was not started")
        try:
            answer = self._pool.request(
                method, path, body=body, headers=headers, timeout=timeout, chunked=chunked, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise NoReplyError(str(error)) from error
        return Reply(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data)

    def _await_end(self, child: Child) -> None:
        self.ended.set_result(child.wait() or 0)


def _free_port() -> int:
    """A port that nobody listens on now. Another process may take it first: the server then ends, and says so."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
