"""Where a fork would be another than the command, the command is started as an interpreter of its own."""

import json
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.local import fork_server, forks
from pipeline.local.forks import ForkServer, Kind

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are had on Linux alone")

ROOT = Path(forks.__file__).parents[2]
IS_FORK = "import sys; print('boto3' in sys.modules)"


@pytest.mark.parametrize(
    "variable", ["PYTHONHASHSEED", "OPENBLAS_NUM_THREADS", "MALLOC_ARENA_MAX", "AWS_DATA_PATH", "HOME"]
)
def test_what_is_read_when_libraries_load_starts_an_interpreter(told: Any, variable: str) -> None:
    assert told(IS_FORK, **{variable: "1"}) == "False"


def test_more_than_an_order_holds_starts_an_interpreter(told: Any) -> None:
    assert told(IS_FORK, **{f"LONG_{number}": "x" * 50_000 for number in range(3)}) == "False"


def test_a_module_in_place_of_one_that_is_loaded_starts_an_interpreter(told: Any, tmp_path: Path) -> None:
    (tmp_path / "folder/dateutil").mkdir()
    assert told(IS_FORK) == "False"


IS_FORK_OF_THE_PRODUCT = "import sys; print('pipeline.results.aggregate' in sys.modules)"


def test_a_fork_has_what_functions_load_of_the_product(told: Any) -> None:
    assert told(IS_FORK_OF_THE_PRODUCT) == "True"


def test_another_version_of_the_product_starts_as_an_interpreter(told: Any, tmp_path: Path) -> None:
    package = tmp_path / "folder/pipeline"
    package.mkdir()
    (package / "__init__.py").write_text("VERSION = 'theirs'")
    source = "import sys; sys.path.insert(0, '.'); import pipeline; print(pipeline.VERSION, 'boto3' in sys.modules)"
    assert told(source) == "theirs False"


def test_the_product_that_was_loaded_is_a_fork_in_its_own_folder(server: ForkServer) -> None:
    command = [sys.executable, "-P", str(ROOT / "pipeline/local/guardian.py")]
    forked = server.fork(command, Kind.FUNCTION.variables, ROOT, subprocess.DEVNULL)
    assert forked is not None
    forked.begin()
    assert forked.wait(timeout=60) == 0


CHANGES: dict[str, Callable[[Path], object]] = {
    "edited": lambda file: file.write_text("COLOUR = 'blue'"),
    "another in its place": lambda file: file.with_name("older").replace(file),
    "removed": lambda file: file.unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_of_the_product_that_was_changed_starts_interpreters_from_then_on(change: str, tmp_path: Path) -> None:
    package = tmp_path / "sources" / "pipeline"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "settings.py").write_text("COLOUR = 'red'")
    (package / "older").write_text("COLOUR = 'blue'")
    (tmp_path / "elsewhere").mkdir()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-P", str(fork_server.__file__), "-", "-", str(package.parent), "pipeline.settings"]
    (tmp_path / "script.py").write_text("")
    with ours, theirs, subprocess.Popen(command, stdin=theirs.fileno()):

        def answer() -> Any:
            order = {"arguments": ["-P", str(tmp_path / "script.py")], "environment": {}, "folder": str(tmp_path)}
            reader, writer = os.pipe()
            socket.send_fds(ours, [json.dumps(order).encode()], [2, reader])
            os.close(reader)
            os.close(writer)
            return json.loads(ours.recv(fork_server.LARGEST_ORDER))

        try:
            assert "pid" in answer()
            assert json.loads(ours.recv(fork_server.LARGEST_ORDER))["status"] == fork_server.NEVER_BEGAN
            CHANGES[change](package / "settings.py")
            assert answer() == {"refused": f"{package / 'settings.py'} is another since it was loaded"}
        finally:
            ours.shutdown(socket.SHUT_RDWR)


def test_what_is_changed_in_the_same_tick_of_the_clock_is_no_older(tmp_path: Path) -> None:
    for number in range(300):
        # Another each time: of a file whose time was looked at, Linux takes the next by a finer clock (since 6.13).
        file = tmp_path / str(number)
        before = fork_server.time_of_files()
        file.touch()
        assert file.stat().st_ctime_ns >= before


# Reads of the environment while modules are loaded that make no difference here.
HARMLESS = {
    "AWS_EXECUTION_ENV": "stands in the user agent",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "is on-demand always",
    "PILLOW_ALIGNMENT": "is read once more",
    "PILLOW_BLOCKS_MAX": "is read once more",
    "PILLOW_BLOCK_SIZE": "is read once more",
}
RECORDED = """
    import json, os, sys
    read, get = set(), type(os.environ).__getitem__
    type(os.environ).__getitem__ = lambda environ, name: (read.add(name), get(environ, name))[1]
    from pipeline.local import fork_server
    fork_server.load(sys.argv[1:], "")
    print(json.dumps(sorted(read)))
"""


@pytest.mark.parametrize("kind", Kind)
def test_a_variable_that_is_read_while_modules_load_is_one_that_starts_an_interpreter(kind: Kind) -> None:
    command = [sys.executable, "-c", textwrap.dedent(RECORDED), *kind.modules]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    read = set(json.loads(done.stdout)) - HARMLESS.keys()
    unknown = {name for name in read if name not in forks.READ_BY_NAME and not name.startswith(forks.READ_AT_START)}
    assert unknown == set()


STEPS_OF_A_RUN = ("start_run", "validate_images", "plan_inference", "aggregate_predictions", "write_report")


def test_functions_of_a_run_load_nothing_more_of_the_product_than_what_reads_their_variables(
    told: Any,
) -> None:
    source = f"""
        import importlib, sys
        before = set(sys.modules)
        sys.path.insert(0, {str(ROOT)!r})
        for step in {STEPS_OF_A_RUN}:
            importlib.import_module(f"steps.{{step}}")
        print(sorted(name for name in set(sys.modules) - before if not name.startswith("steps")))
    """
    names = ("AWS_DEFAULT_REGION", "DEFAULT_INSTANCE_TYPE", "DEFAULT_MODEL", "IMAGES_BUCKET", "RESULTS_BUCKET")
    settings = dict.fromkeys(names, "set")
    assert told(source, **settings) == "['pipeline.telemetry.functions']"


@pytest.mark.parametrize("command", [["/bin/true"], [sys.executable, "-c", "pass"], [sys.executable]])
def test_no_fork_is_another_program(server: ForkServer, tmp_path: Path, command: list[str]) -> None:
    assert server.fork(command, Kind.FUNCTION.variables, tmp_path, subprocess.DEVNULL) is None
