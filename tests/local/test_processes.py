"""Children end with their parent, however it ends. Pipes tell: the last writer's end is the reader's end of file."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.local.processes import Processes

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
# Starts a child that starts another, says so, and waits to be killed. Both hold the pipe that is its standard output.
PARENT = textwrap.dedent(
    """
    import signal, sys, time
    from pathlib import Path
    from pipeline.local.processes import Processes
    # A shell lets what it starts in the background ignore it, and these tests may have been.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    processes = Processes()
    grandchild = "import time; print(1, flush=True); time.sleep(600)"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
    with open("/dev/stdout", "wb") as output:
        processes.start([sys.executable, "-c", script], environment={}, folder=Path("."), output=output)
    time.sleep(600)
    """
)


@pytest.fixture
def processes() -> Iterator[Processes]:
    processes = Processes()
    yield processes
    processes.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_command_runs_with_exactly_its_environment_and_folder(processes: Processes, tmp_path: Path) -> None:
    code = "import os; print(os.getcwd(), os.environ['WORD'], 'PATH' in os.environ)"
    with (tmp_path / "log").open("wb") as log:
        child = processes.start(
            [sys.executable, "-c", code], environment={"WORD": "hello"}, folder=tmp_path, output=log
        )
    assert child.wait() == 0
    assert (tmp_path / "log").read_text().split() == [str(tmp_path), "hello", "False"]


def test_arguments_are_passed_on_untouched(processes: Processes, tmp_path: Path) -> None:
    arguments = ["a b", "$HOME", "'", '"', "*", ""]
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-c", "import sys; print(sys.argv[1:])", *arguments]
        processes.start(command, environment={}, folder=tmp_path, output=log).wait()
    assert (tmp_path / "log").read_text().strip() == repr(arguments)


def test_the_exit_status_is_the_commands(processes: Processes, tmp_path: Path) -> None:
    child = processes.start([sys.executable, "-c", "raise SystemExit(7)"], environment={}, folder=tmp_path)
    assert child.wait() == 7


def test_a_killed_command_tells_its_signal(processes: Processes, tmp_path: Path) -> None:
    child = processes.start(SLEEP, environment={}, folder=tmp_path)
    child.kill()
    assert child.wait() == -signal.SIGKILL


def test_waiting_may_be_given_up(processes: Processes, tmp_path: Path) -> None:
    assert processes.start(SLEEP, environment={}, folder=tmp_path).wait(timeout=0.01) is None


def test_a_child_leads_a_process_group_of_its_own(processes: Processes, tmp_path: Path) -> None:
    child = processes.start(SLEEP, environment={}, folder=tmp_path)
    assert os.getpgid(child.pid) == child.pid


def test_closing_ends_every_child(tmp_path: Path) -> None:
    processes = Processes()
    children = [processes.start(SLEEP, environment={}, folder=tmp_path) for _ in range(3)]
    processes.close()
    assert not any(is_alive(child.pid) for child in children)


def test_nothing_starts_after_closing(processes: Processes, tmp_path: Path) -> None:
    processes.close()
    with pytest.raises(RuntimeError, match="closed"):
        processes.start(SLEEP, environment={}, folder=tmp_path)


def test_what_a_command_left_behind_ends_with_it(processes: Processes, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    with os.fdopen(writer, "wb") as output:
        child = processes.start([sys.executable, "-c", code], environment={}, folder=tmp_path, output=output)
    child.wait()
    with os.fdopen(reader, "rb") as left:
        assert left.read() == b""


def test_a_guardian_that_was_killed_is_replaced(processes: Processes, tmp_path: Path) -> None:
    first = processes.start(SLEEP, environment={}, folder=tmp_path)
    guardian = processes._guardian
    assert guardian is not None
    guardian.kill()
    guardian.wait()
    second = processes.start(SLEEP, environment={}, folder=tmp_path)
    assert processes._guardian is not guardian
    assert all(is_alive(child.pid) for child in (first, second))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_children_and_grandchildren_end_when_their_parent_is_killed(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"1\n"
        parent.send_signal(number)
        assert parent.stdout.read() == b""
