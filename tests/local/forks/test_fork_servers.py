"""A server forks while its cloud lives: it ends with it, and so do its forks. Without one, commands start."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from pipeline.local import fork_server, forks
from pipeline.local.forks import ForkServer, Kind
from pipeline.local.processes import Child, Processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are had on Linux alone")

SLEEP = "import time; time.sleep(600)"
# Forks a child that starts another, says so, and waits to be killed. Both hold the pipe that is its standard output.
PARENT = textwrap.dedent(
    """
    import signal, sys, time
    from pathlib import Path
    from pipeline.local import forks
    from pipeline.local.forks import Kind
    from pipeline.local.processes import Processes
    # A shell lets what it starts in the background ignore it, and these tests may have been.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if __name__ == "__main__":
        forks.prepare()
        processes = Processes(forks.take())
        with open("/dev/stdout", "wb") as output:
            environment, command = Kind.FUNCTION.variables, [sys.executable, "-P", sys.argv[1]]
            processes.start(command, environment=environment, folder=Path("."), output=output, kind=Kind.FUNCTION)
        time.sleep(600)
    """
)


def test_forks_end_with_their_server_and_the_next_is_an_interpreter(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SLEEP)
    server = ForkServer(Kind.FUNCTION)
    processes = Processes({Kind.FUNCTION: server})
    command = [sys.executable, "-P", str(tmp_path / "script.py")]
    inherited = {name: os.environ[name] for name in forks.INHERITED if name in os.environ}
    environment = {**inherited, **Kind.FUNCTION.variables}

    def start() -> Child:
        return processes.start(command, environment=environment, folder=tmp_path, kind=Kind.FUNCTION)

    first = start()
    assert os.getpgid(server.pid) == server.pid
    os.kill(server.pid, signal.SIGKILL)
    assert first.wait(timeout=30) == -signal.SIGKILL
    second = start()
    assert isinstance(second._process, subprocess.Popen)
    processes.close()


def test_a_server_that_is_not_done_loading_is_not_waited_for() -> None:
    server = ForkServer(Kind.FUNCTION)
    os.kill(server.pid, signal.SIGSTOP)
    server.close()
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_forks_and_what_they_started_end_when_their_cloud_is_killed(number: signal.Signals, tmp_path: Path) -> None:
    child = "import time; print(1, flush=True); time.sleep(600)"
    script = tmp_path / "script.py"
    script.write_text(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])")
    command = [sys.executable, "-c", PARENT, str(script)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=forks_environment()
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"1\n"
        parent.send_signal(number)
        assert parent.stdout.read() == b""


def forks_environment() -> dict[str, str]:
    """Nothing that would be inherited, so that what a kind always has is all that a fork has."""
    return {name: value for name, value in os.environ.items() if name not in forks.INHERITED}


def test_what_was_prepared_is_taken_once() -> None:
    forks.prepare()
    taken = forks.take()
    try:
        assert (set(taken), forks.take()) == (set(Kind), {})
    finally:
        for server in taken.values():
            server.close()


def test_a_server_loads_when_what_it_waits_for_has_loaded(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text("from pathlib import Path; print(Path('flag').exists(), flush=True)")
    after, loads = os.pipe()
    loaded, holds = os.pipe()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-P", str(fork_server.__file__), str(after), str(holds), str(tmp_path), "late"]
    with (
        ours,
        theirs,
        os.fdopen(loaded, "rb") as until_loaded,
        subprocess.Popen(
            command, stdin=theirs.fileno(), stdout=subprocess.PIPE, pass_fds=[after, holds], cwd=tmp_path
        ) as server,
    ):
        for descriptor in (after, holds):
            os.close(descriptor)
        (tmp_path / "flag").touch()
        os.close(loads)
        assert until_loaded.read() == b""
        assert server.stdout is not None
        assert server.stdout.readline() == b"True\n"
        server.kill()


def no_socket(*_: Any) -> None:
    raise OSError("Protocol not supported")


def no_process(*_: Any, **__: Any) -> None:
    raise OSError("Resource temporarily unavailable")


@pytest.mark.parametrize(
    ("place", "name", "fails"), [(socket, "socketpair", no_socket), (subprocess, "Popen", no_process)]
)
def test_where_no_server_can_be_had_there_are_no_forks(
    place: Any, name: str, fails: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, name, fails)
    forks.prepare()
    assert forks.take() == {}
