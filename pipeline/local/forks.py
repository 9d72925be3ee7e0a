"""Processes that begin with their modules loaded: forks of one that has loaded them and done nothing else.

A function's process takes 0.4 seconds of a core to load boto3, numpy and what it has of the product, and a run has
eight of them. Whoever knows that a cloud comes says so first thing, and the modules are loaded on another core while
this process loads its own:

    forks.prepare()
    from pipeline.local.cloud import LocalCloud  # its processes are forks from now on, where they can be

What a fork may not be is started as any other command: elsewhere than on Linux, where libraries of the system do not
outlive one; where a variable asks for something that is read when an interpreter or a library is loaded; where the
program has a module of its own of a name that is loaded already, as another version of the product has; and from when
a file of the product has changed.
"""

import contextlib
import json
import logging
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import IO

from pipeline.local import fork_server

INHERITED = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV")
"""What a child process gets of this one's environment: never credentials, profiles or endpoints of the user's."""

# Variables that are read when an interpreter or a library is loaded, by how they begin, and by their names; but for
# those that a fork reads once more.
READ_AT_START = (
    *("PYTHON", "_PYTHON", "LANG", "LC_", "LD_", "MALLOC_", "GLIBC_", "TZ"),
    *("OPENBLAS_", "OMP_", "NPY_", "NUMPY_", "ARROW_", "PYARROW_"),
)
READ_BY_NAME = (
    *("AWS_CONFIG_FILE", "AWS_DATA_PATH", "AWS_DEFAULT_PROFILE", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE"),
    *("BOTOCORE_EXPERIMENTAL__PLUGINS", "BOTO_DISABLE_CRT", "HOME", "NO_LXML", "POWERTOOLS_DEBUG"),
    *("SSL_CERT_DIR", "SSL_CERT_FILE"),
)
# As in every process of a cloud (deployed/cloud_file.py).
_NO_PROFILES = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
_LONGEST_LOADING = 120  # seconds
_SOURCES = Path(__file__).resolve().parents[2]

_log = logging.getLogger(__name__)


class Kind(Enum):
    """What a fork is for, and so, what is loaded: what programs of the kind have in common."""

    FUNCTION = "function"
    JOB = "job"

    @property
    def modules(self) -> tuple[str, ...]:
        if self is Kind.JOB:
            # Not onnxruntime: it has a thread from the moment that it is loaded.
            return (
                *("numpy", "json", "logging", "multiprocessing.queues", "concurrent.futures.process"),
                *("pipeline.inference.gpus", "pipeline.inference.workers", "pipeline.telemetry.throughput"),
            )
        return (
            *("boto3", "boto3.s3.inject", "numpy", "tarfile", "zoneinfo", "difflib", "encodings.idna"),
            *("pyarrow.parquet", "pyarrow.compute", "pyarrow.json", "jinja2", "pygal", "aws_lambda_powertools.metrics"),
            # What the functions of a run load of the product, down to what reads their variables.
            *("pipeline.settings", "pipeline.runs.start", "pipeline.runs.resuming", "pipeline.runs.planning"),
            *("pipeline.validation.batch", "pipeline.validation.stored", "pipeline.telemetry.throughput"),
            *("pipeline.results.aggregate", "pipeline.report.writing", "pipeline.telemetry.log_lines"),
            *("pipeline.results.announcing", "pipeline.runs.retrying", "pipeline.service_models"),
        )

    @property
    def variables(self) -> dict[str, str]:
        """What a process of this kind always has of what is read then."""
        if self is Kind.JOB:
            # As the image says it (processing_scripts/Dockerfile).
            of_the_image = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", "PYTHONUNBUFFERED": "1"}
            return {**_NO_PROFILES, **of_the_image, "PYTHONPATH": str(_SOURCES)}
        return {**_NO_PROFILES, "LANG": "en_US.UTF-8", "TZ": ":UTC"}


class Forked:
    """A fork, as far as it is like a subprocess.Popen. It waits to begin."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.gate = -1
        self._status: int | None = None
        self._ended = threading.Event()

    def begin(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self.gate, b"\n")
        os.close(self.gate)

    def poll(self) -> int | None:
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, negative for a signal. Raises subprocess.TimeoutExpired."""
        if not self._ended.wait(timeout) or self._status is None:
            raise subprocess.TimeoutExpired("fork", timeout or 0)
        return self._status

    def end(self, status: int) -> None:
        """What the server tells."""
        self._status = status
        self._ended.set()


class ForkServer:
    """A process that forks (fork_server.py), from the moment that it starts to load its libraries until `close`.

    It begins to load when the pipe `after` ends, and then holds the pipe `loads` until it has loaded: file descriptors,
    which stay the caller's. Raises OSError where there is none to be had.
    """

    def __init__(self, kind: Kind, *, after: int | None = None, loads: int | None = None) -> None:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        self._variables = {**inherited, **kind.variables}
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    str(fork_server.__file__),
                    *map(_given, (after, loads)),
                    str(_SOURCES),
                    *kind.modules,
                ],
                env=self._variables,
                pass_fds=[descriptor for descriptor in (after, loads) if descriptor is not None],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            self._connection.close()
            raise
        finally:
            theirs.close()
        self._answers: queue.SimpleQueue[Forked | str | None] = queue.SimpleQueue()
        self._running: dict[int, Forked] = {}
        self._has_ended = False
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, name=f"forks-{kind.value}", daemon=True).start()

    def fork(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, output: IO[bytes] | int
    ) -> Forked | None:
        """A process that is about to become `command`; None where no fork can be that, or there is none to be had."""
        is_program = command[0] == sys.executable and list(command[1:2]) in (["-m"], ["-P"])
        if not is_program or not self._has_read(environment):
            return None
        with self._lock:
            return None if self._has_ended else self._order(command[1:], environment, folder, output)

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        """End the server, which may not have loaded everything yet. Whoever has forks has ended them before."""
        self._process.kill()
        self._process.wait()
        self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _has_read(self, environment: Mapping[str, str]) -> bool:
        names = {name for name in {*environment, *self._variables} if name.startswith(READ_AT_START)}
        names -= fork_server.ALLOCATOR.keys()
        return all(environment.get(name) == self._variables.get(name) for name in {*names, *READ_BY_NAME})

    def _order(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, output: IO[bytes] | int
    ) -> Forked | None:
        order = fork_server.Order(arguments=list(arguments), environment=dict(environment), folder=str(folder))
        message = json.dumps(order).encode()
        if len(message) > fork_server.LARGEST_ORDER:
            return None
        reader, writer = os.pipe()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        answer: Forked | str | None
        try:
            target = nowhere if output == subprocess.DEVNULL else output if isinstance(output, int) else output.fileno()
            socket.send_fds(self._connection, [message], [target, reader])
            answer = self._answer()
        except OSError as error:
            answer = str(error)
        finally:
            os.close(reader)
            os.close(nowhere)
        if not isinstance(answer, Forked):
            os.close(writer)
            if answer is not None:
                _log.warning("No fork could be had: %s", answer)
            return None
        answer.gate = writer
        return answer

    def _answer(self) -> Forked | str | None:
        """The fork, or why there is none: in words where something is wrong, None where it is as it should be."""
        try:
            return self._answers.get(timeout=_LONGEST_LOADING)
        except queue.Empty:
            self._process.kill()
            return f"the server has said nothing for {_LONGEST_LOADING} seconds"

    def _listen(self) -> None:
        """Take what the server tells, until it has ended."""
        while message := self._receive():
            told = json.loads(message)
            if "status" in told:
                self._running.pop(told["pid"]).end(told["status"])
                continue
            if "pid" in told:
                self._answers.put(self._running.setdefault(told["pid"], Forked(told["pid"])))
            elif "refused" in told:
                _log.info("An interpreter starts, not a fork: %s", told["refused"])
                self._answers.put(None)
            else:
                self._answers.put(told["error"])
        self._has_ended = True
        # Nobody tells any more how they end. Whoever waits for them is not to wait for ever.
        for pid in list(self._running):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            self._running.pop(pid).end(-signal.SIGKILL)
        self._answers.put("the server has ended")

    def _receive(self) -> bytes:
        try:
            return self._connection.recv(fork_server.LARGEST_ORDER)
        except OSError:
            return b""


_prepared: dict[Kind, ForkServer] = {}


def prepare() -> None:
    """Let the next cloud of this process have forks.

    Their servers load one after another: each is needed later than the one before, and together they would keep the
    cores from what is needed first.
    """
    turn: int | None = None
    for kind in Kind if sys.platform == "linux" else ():
        if kind in _prepared:
            continue
        loaded, loads = os.pipe()
        try:
            _prepared[kind] = ForkServer(kind, after=turn, loads=loads)
        except OSError:
            # Where there is no such socket (WSL 1), or no process more, interpreters do.
            os.close(loaded)
            break
        finally:
            os.close(loads)
        _close(turn)
        turn = loaded
    _close(turn)


def take() -> dict[Kind, ForkServer]:
    """What was prepared, for whoever closes it."""
    taken = dict(_prepared)
    _prepared.clear()
    return taken


def _given(descriptor: int | None) -> str:
    return "-" if descriptor is None else str(descriptor)


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)
