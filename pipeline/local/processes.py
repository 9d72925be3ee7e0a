"""Child processes that never outlive the process that started them.

Every child leads a process group of its own, in a session without the terminal: Ctrl-C does not reach it behind our
back, and all that it starts dies with it. A guardian, which is a process too, holds the list of groups and the reading
end of a pipe; when our end closes, even because of SIGKILL, it kills them. A child begins only after the guardian knows
it.

A child is a command that a shell becomes, or, where its start was prepared, a fork (local/forks.py).
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from pipeline.local import guardian
from pipeline.local.forks import Forked, ForkServer, Kind

# Waits for a line on standard input before it becomes the command: without one, its parent died in between.
_GATE = 'read -r go || exit 125; exec "$@" </dev/null'


class Child:
    """A running command and everything that it started."""

    def __init__(self, process: "subprocess.Popen[bytes] | Forked", family: "Processes") -> None:
        self._process = process
        self._family = family
        self._reaped = threading.Lock()
        self.pid = process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while the command runs."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the command to end, and end what it left behind; None when it still runs after `timeout` seconds."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        with self._reaped:
            if self._family.forget(self):
                _signal_group(self.pid, signal.SIGKILL)
        return status

    def terminate(self) -> None:
        """Ask the whole group to stop (SIGTERM)."""
        if self._process.poll() is None:
            _signal_group(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Stop the whole group (SIGKILL)."""
        if self._process.poll() is None:
            _signal_group(self.pid, signal.SIGKILL)


class Processes:
    """The children of one cloud, and what forks them. Safe to use from any thread."""

    def __init__(self, forks: Mapping[Kind, ForkServer] | None = None) -> None:
        self._forks = forks or {}
        self._children: set[Child] = set()
        self._lock = threading.Lock()
        self._guardian: subprocess.Popen[bytes] | None = None
        self._closed = False

    def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        output: IO[bytes] | int = subprocess.DEVNULL,
        kind: Kind | None = None,
    ) -> Child:
        """Start a command in `folder` with exactly this environment; stdout and stderr both go to `output`.

        With `kind`, a command of this interpreter begins with what programs of the kind load, where that was prepared.

        Raises:
            RuntimeError: after `close`.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the local cloud is closed: nothing can be started in it any more")
            server = self._forks.get(kind) if kind else None
            forked = server.fork(command, environment, folder, output) if server else None
            process = forked or _start(command, environment, folder, output)
            child = Child(process, self)
            self._children.add(child)
            self._tell_guardian(f"+{child.pid}")
        if isinstance(process, Forked):
            process.begin()
        else:
            _write(process, "go")
            _close(process)
        return child

    def forget(self, child: Child) -> bool:
        """Take an ended child off the list; whether it was on it."""
        with self._lock:
            if child not in self._children:
                return False
            self._children.discard(child)
            self._tell_guardian(f"-{child.pid}")
            return True

    def close(self) -> None:
        """Kill and reap every child, and let nothing start any more."""
        with self._lock:
            self._closed = True
            children = list(self._children)
        for child in children:
            child.kill()
        for child in children:
            child.wait()
        for server in self._forks.values():
            server.close()
        with self._lock:
            warden, self._guardian = self._guardian, None
        if warden is not None:
            _dismiss(warden)

    def _tell_guardian(self, line: str) -> None:
        """Pass a line on; a guardian that somebody killed is replaced, and told of every child anew."""
        if self._guardian is not None:
            if _write(self._guardian, line):
                return
            _dismiss(self._guardian)
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", str(guardian.__file__)],
            stdin=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        for child in self._children:
            _write(self._guardian, f"+{child.pid}")


def _start(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, output: IO[bytes] | int
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", _GATE, "sh", *command],
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.PIPE,
        bufsize=0,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def _write(process: subprocess.Popen[bytes], line: str) -> bool:
    """Write a line to a process's standard input; whether it could take it."""
    if process.stdin is None:
        return False
    try:
        process.stdin.write(f"{line}\n".encode())
    except BrokenPipeError:
        return False
    return True


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def _dismiss(warden: subprocess.Popen[bytes]) -> None:
    _close(warden)
    warden.wait()


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass  # macOS says "not permitted" for a group of zombies
