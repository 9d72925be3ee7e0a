"""Warm worker processes of one function, as Lambda keeps execution environments.

A worker is a process that serves one invocation at a time and stays for the next. A pool starts one when an invocation
finds none idle, up to its limit; beyond that invocations wait their turn, first come first served, as they would under
a burst limit. Each worker talks to a Runtime API of its own, which is how Lambda serves a runtime of any language.

Memory: MemorySize bounds what a worker allocates (RLIMIT_DATA) with an allowance on top for the interpreter and for
what libraries reserve and never use, since a limit on memory in use needs privileges. macOS does not enforce it.
"""

import collections
import datetime
import json
import os
import queue
import signal
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.local.faults.functions import Crash
from pipeline.local.forks import Kind
from pipeline.local.http_messages import Request, Response
from pipeline.local.http_server import HttpServer
from pipeline.local.lambdas import runtime
from pipeline.local.lambdas.functions import Function
from pipeline.local.permissions import credentials
from pipeline.local.processes import Processes

MAX_RESPONSE = 6 * 1024 * 1024 + 100
MEMORY_ALLOWANCE = 256 * 1024 * 1024
START_LIMIT = 120  # seconds; generous, since a busy laptop imports slowly, and not counted into the function's timeout
LOG_TAIL = 4096  # bytes; Lambda API reference, Invoke, LogResult

_PREFIX = "/2018-06-01/runtime"


@dataclass
class Result:
    """What became of an invocation: the payload, and whether it is the function's result or the report of an error."""

    payload: bytes
    failed: bool = False
    log_tail: bytes = b""


@dataclass
class Invocation:
    """One event on its way through a worker."""

    payload: bytes
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    deadline_ms: int = 0
    handed_over: threading.Event = field(default_factory=threading.Event)
    result: "queue.SimpleQueue[Result]" = field(default_factory=queue.SimpleQueue)


class Worker:
    """One process that serves one function."""

    def __init__(self, function: Function, processes: Processes, environment: Mapping[str, str], logs: Path) -> None:
        now = datetime.datetime.now(datetime.UTC)
        self.function = function
        self.stream = f"{now:%Y/%m/%d}/[{function.version}]{uuid.uuid4().hex}"
        self.alive = True
        self._log_path = logs / self.stream.replace("/", "-")
        self._queue: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._current: Invocation | None = None
        self._start_failure: Result | None = None
        self._lock = threading.Lock()
        self._api = HttpServer(self._serve)
        self._api.start()
        try:
            with self._log_path.open("ab") as output:
                self._process = processes.start(
                    [sys.executable, "-P", str(runtime.__file__), function.code.shown_root],
                    environment=self._environment(environment),
                    folder=function.code.root,
                    output=output,
                    kind=Kind.FUNCTION,
                )
        except BaseException:
            self._api.close()
            raise
        threading.Thread(target=self._watch, name=f"lambda-{function.name}", daemon=True).start()

    def invoke(self, invocation: Invocation, crash: Crash | None = None) -> Result:
        """Serve one invocation, waiting for its result; a worker that fails at it is no longer alive.

        With `crash`, it fails then, or when it would have answered.
        """
        started = time.monotonic()
        log_start = self._log_path.stat().st_size
        with self._lock:
            if not self.alive:
                return self._start_failure or self._exit_report(invocation, 1)
            self._current = invocation
        self._log(f"START RequestId: {invocation.request_id} Version: {self.function.version}")
        self._queue.put(invocation)
        result = self._await(invocation, crash)
        milliseconds = (time.monotonic() - started) * 1000
        self._log(f"END RequestId: {invocation.request_id}")
        self._log(
            f"REPORT RequestId: {invocation.request_id}\tDuration: {milliseconds:.2f} ms\t"
            f"Billed Duration: {int(milliseconds) + 1} ms\tMemory Size: {self.function.memory} MB"
        )
        result.log_tail = self._read_log(log_start)
        return result

    def kill(self) -> None:
        """Let the process end, which takes the system a while."""
        self.alive = False
        self._process.kill()

    def stop(self) -> None:
        """End the process and the Runtime API."""
        self.kill()
        self._queue.put(None)
        self._process.wait()
        self._api.close()

    def _await(self, invocation: Invocation, crash: Crash | None) -> Result:
        if not invocation.handed_over.wait(START_LIMIT):
            self.stop()
        try:
            result = invocation.result.get(timeout=crash.seconds if crash else self.function.timeout)
            if crash is None:
                return result
        except queue.Empty:
            pass
        with self._lock:
            self._current = None
        self.stop()
        if crash is not None and crash.signal is not None:
            return self._exit_report(invocation, -crash.signal)
        return _report(
            "Sandbox.Timedout",
            f"{_now()} {invocation.request_id} Task timed out after {self.function.timeout:.2f} seconds",
        )

    def _watch(self) -> None:
        """Wait for the process to end, and tell the invocation that it left behind."""
        status = self._process.wait() or 0
        with self._lock:
            self.alive = False
            invocation, self._current = self._current, None
        if invocation is not None:
            invocation.result.put(self._start_failure or self._exit_report(invocation, status))
            invocation.handed_over.set()
        self._queue.put(None)  # for the thread that still holds the worker's last call for an invocation
        self._api.close()

    def _exit_report(self, invocation: Invocation, status: int) -> Result:
        message = f"RequestId: {invocation.request_id} Error: Runtime exited with error: "
        if status == -signal.SIGKILL:
            return _report("Runtime.OutOfMemory", f"{message}signal: killed")
        if status < 0:
            name = (signal.strsignal(-status) or f"signal {-status}").lower()
            return _report("Runtime.ExitError", f"{message}signal: {name}")
        if status == 0:
            return _report("Runtime.ExitError", message.replace("with error: ", "without providing a reason"))
        return _report("Runtime.ExitError", f"{message}exit status {status}")

    def _serve(self, request: Request) -> Response:
        """The Runtime API of this worker."""
        path = request.path.removeprefix(_PREFIX)
        if path == "/invocation/next":
            return self._next()
        body = request.body.readall()
        if path == "/init/error":
            self._start_failure = Result(body, failed=True)
            return Response(202, body=b'{"status":"OK"}')
        _, _, request_id, kind = path.split("/") if path.count("/") == 3 else ("", "", "", "")
        with self._lock:
            invocation = self._current
            if invocation is None or invocation.request_id != request_id:
                return Response(400, body=b'{"errorMessage":"no such invocation","errorType":"InvalidRequestID"}')
            self._current = None
        if kind == "response" and len(body) > MAX_RESPONSE:
            message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
            invocation.result.put(_report("Function.ResponseSizeTooLarge", message))
            return Response(413, body=b'{"errorMessage":"payload too large","errorType":"RequestEntityTooLarge"}')
        invocation.result.put(Result(body, failed=kind == "error"))
        return Response(202, body=b'{"status":"OK"}')

    def _next(self) -> Response:
        invocation = self._queue.get()
        if invocation is None:
            raise ConnectionAbortedError("the worker is stopped")
        invocation.deadline_ms = round((time.time() + self.function.timeout) * 1000)
        invocation.handed_over.set()
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(invocation.deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", self.function.arn),
        ]
        return Response(200, headers, invocation.payload)

    def _environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Lambda Developer Guide, "Defined runtime environment variables"."""
        function = self.function
        return {
            **base,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.settings['Runtime']}",
            **credentials(function.settings["Role"]),
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": function.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self.stream,
            "AWS_LAMBDA_RUNTIME_API": f"{self._api.host}:{self._api.port}",
            "LAMBDA_TASK_ROOT": str(function.code.root),
            "LAMBDA_RUNTIME_DIR": str(Path(runtime.__file__).parent),
            "_HANDLER": function.settings["Handler"],
            "IMAGEBATCH_MEMORY_CEILING": str(function.memory * 1024 * 1024 + MEMORY_ALLOWANCE),
            **function.variables,
        }

    def _log(self, line: str) -> None:
        with self._log_path.open("ab") as log:
            log.write(f"{line}\n".encode())

    def _read_log(self, start: int) -> bytes:
        with self._log_path.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(start, end - LOG_TAIL))
            return log.read()


class WorkerPool:
    """The workers of one function, at most `limit` at the same time. Safe to use from any thread."""

    def __init__(
        self, function: Function, processes: Processes, environment: Mapping[str, str], logs: Path, limit: int
    ) -> None:
        self.function = function
        self.limit = limit
        self._processes = processes
        self._environment = environment
        self._logs = logs
        self._logs.mkdir(parents=True, exist_ok=True)
        self._turn = threading.Condition()
        self._waiting: collections.deque[object] = collections.deque()
        self._idle: list[Worker] = []
        self._busy = 0
        self._closed = False

    def invoke(
        self, payload: bytes, request_id: str | None = None, crash: Crash | None = None
    ) -> tuple[Invocation, Result]:
        """Serve one event, by an idle worker, a new one, or when it is this event's turn. A retry has an id already."""
        invocation = Invocation(payload, request_id or str(uuid.uuid4()))
        worker = self._take()
        try:
            return invocation, worker.invoke(invocation, crash)
        finally:
            self._give_back(worker)

    def warm(self) -> None:
        """Start a worker, unless there is one, so that the next invocation does not wait for its imports."""
        with self._turn:
            if self._idle or self._busy or self._closed:
                return
            self._idle.append(self._start())

    def cool(self) -> None:
        """Stop the idle workers. The next invocation starts one anew."""
        with self._turn:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.kill()
        for worker in idle:
            worker.stop()

    def close(self) -> None:
        """Stop the idle workers now, and each busy one after its invocation."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()
        self.cool()

    def _take(self) -> Worker:
        ticket = object()
        with self._turn:
            self._waiting.append(ticket)
            self._turn.wait_for(lambda: self._waiting[0] is ticket and (self._idle or self._busy < self.limit))
            self._waiting.popleft()
            self._busy += 1
            self._turn.notify_all()
            try:
                while self._idle:
                    worker = self._idle.pop()
                    if worker.alive:
                        return worker
                return self._start()
            except BaseException:
                self._busy -= 1
                self._turn.notify_all()
                raise

    def _give_back(self, worker: Worker) -> None:
        with self._turn:
            self._busy -= 1
            keep = worker.alive and not self._closed
            if keep:
                self._idle.append(worker)
            self._turn.notify_all()
        if not keep:
            worker.stop()

    def _start(self) -> Worker:
        return Worker(self.function, self._processes, self._environment, self._logs)


def _report(kind: str, message: str) -> Result:
    report: dict[str, Any] = {"errorType": kind, "errorMessage": message}
    return Result(json.dumps(report).encode(), failed=True)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
