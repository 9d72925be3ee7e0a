"""A fork is what a command is, in environment, folder, group and end. Only what it has loaded tells it from one."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.local import fork_server, forks
from pipeline.local.forks import ForkServer, Kind
from pipeline.local.processes import Child, Processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are had on Linux alone")

SLEEP = "import time; time.sleep(600)"
# Forks a child that starts another, says so, and waits to be killed. Both hold the pipe that is its standard output.
ROOT = Path(forks.__file__).parents[2]
PARENT = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from pipeline.local import forks
    from pipeline.local.forks import Kind
    from pipeline.local.processes import Processes
    if __name__ == "__main__":
        forks.prepare()
        processes = Processes(forks.take())
        with open("/dev/stdout", "wb") as output:
            environment, command = Kind.FUNCTION.variables, [sys.executable, "-P", sys.argv[1]]
            processes.start(command, environment=environment, folder=Path("."), output=output, kind=Kind.FUNCTION)
        time.sleep(600)
    """
)


@pytest.fixture(scope="module")
def server() -> ForkServer:
    with pytest.MonkeyPatch.context() as patch:
        for name in forks.INHERITED:
            patch.delenv(name, raising=False)
        return ForkServer(Kind.FUNCTION)


@pytest.fixture(scope="module")
def processes(server: ForkServer) -> Iterator[Processes]:
    # Closing them closes their forks' server, too.
    processes = Processes({Kind.FUNCTION: server})
    yield processes
    processes.close()


@pytest.fixture
def run(processes: Processes, tmp_path: Path) -> Any:
    """Runs a script as a function's process, and answers the process; what it prints goes to `log`."""
    folder = tmp_path / "folder"
    folder.mkdir()

    def call(source: str, *arguments: str, **variables: str) -> Child:
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(source))
        command = [sys.executable, "-P", str(script), *arguments]
        environment = {**Kind.FUNCTION.variables, **variables}
        with (tmp_path / "log").open("wb") as log:
            return processes.start(command, environment=environment, folder=folder, output=log, kind=Kind.FUNCTION)

    return call


@pytest.fixture
def told(run: Any, tmp_path: Path) -> Any:
    """What a script prints."""

    def call(source: str, *arguments: str, **variables: str) -> str:
        assert run(source, *arguments, **variables).wait() == 0
        return (tmp_path / "log").read_text().strip()

    return call


def test_a_fork_reads_and_writes_tables(told: Any) -> None:
    source = """
        import io, pyarrow, pyarrow.compute, pyarrow.parquet
        file = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.table({"n": range(100_000)}), file)
        print(pyarrow.compute.sum(pyarrow.parquet.read_table(file)["n"]))
    """
    assert told(source) == "4999950000"


IS_FORK = "import sys; print('boto3' in sys.modules)"


def test_a_fork_has_its_libraries_already(told: Any) -> None:
    assert told(IS_FORK) == "True"


def test_arrays_are_made_of_lists_without_a_look_for_pandas(told: Any) -> None:
    pytest.importorskip("pandas")
    source = "import sys, pyarrow; table = pyarrow.table({'n': [1]}); print('pandas' in sys.modules)"
    assert told(source) == "False"


def test_a_table_becomes_a_data_frame_where_pandas_is_installed(told: Any) -> None:
    pytest.importorskip("pandas")
    assert told("import pyarrow; print(pyarrow.table({'n': [1]}).to_pandas()['n'].sum())") == "1"


def test_a_fork_has_the_memory_pool_that_its_variables_ask_of_pillow(told: Any) -> None:
    source = "from PIL import Image; print(Image.core.get_blocks_max())"
    assert [told(source, PILLOW_BLOCKS_MAX="8"), told(source)] == ["8", "0"]


def test_a_fork_keeps_what_it_has_freed_where_its_variables_ask_that_of_the_allocator(told: Any) -> None:
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("the C library's allocator is not glibc's")
    source = """
        import resource, sys

        def faults():
            return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

        bytearray(20_000_000)
        before = faults()
        bytearray(20_000_000)
        print(faults() - before > 5, "boto3" in sys.modules)
    """
    kept = told(source, MALLOC_MMAP_THRESHOLD_="33554432", MALLOC_TRIM_THRESHOLD_="268435456")
    assert [kept, told(source)] == ["False True", "True True"]


def test_a_fork_runs_with_exactly_its_environment(told: Any) -> None:
    names = "import os; print(sorted(os.environ))"
    assert told(names, WORD="hello") == str(sorted(["WORD", *Kind.FUNCTION.variables]))


def test_programs_that_a_fork_starts_have_its_environment(told: Any) -> None:
    assert (
        told("import subprocess; subprocess.run(['/usr/bin/env'], check=True)", WORD="hello").count("WORD=hello") == 1
    )


def test_a_fork_runs_in_its_folder(told: Any, tmp_path: Path) -> None:
    assert told("import os; print(os.getcwd())") == str(tmp_path / "folder")


def test_a_fork_is_a_program_with_its_arguments(told: Any, tmp_path: Path) -> None:
    arguments = ["a b", "$HOME", "'", '"', "*", ""]
    source = "import sys; print([__name__, __file__, *sys.argv[1:]])"
    assert told(source, *arguments) == repr(["__main__", str(tmp_path / "script.py"), *arguments])


def test_a_fork_is_called_as_its_program_is(told: Any) -> None:
    assert told("print(open('/proc/self/comm').read())") == "script.py"


def test_a_fork_holds_no_file_of_the_server(told: Any) -> None:
    # The fourth is the folder that is being listed.
    assert told("import os; print(sorted(os.listdir('/proc/self/fd')))") == "['0', '1', '2', '3']"


def test_a_fork_has_one_thread(told: Any) -> None:
    assert told("import os; print(len(os.listdir('/proc/self/task')))") == "1"


def test_two_forks_draw_numbers_of_their_own(told: Any) -> None:
    draw = "import random, numpy; print(random.random(), numpy.random.random())"
    (first, second), (third, fourth) = told(draw).split(), told(draw).split()
    assert first != third and second != fourth  # noqa: PT018 - one thought


def test_credentials_are_those_of_the_forks_environment(told: Any) -> None:
    source = "import boto3; print(boto3.client('s3')._request_signer._credentials.access_key)"
    variables = {"AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    assert [told(source, AWS_ACCESS_KEY_ID=key, **variables) for key in ("first", "second")] == ["first", "second"]


def test_the_exit_status_is_the_programs(run: Any) -> None:
    assert run("raise SystemExit(7)").wait() == 7


def test_a_program_that_gives_up_says_why(run: Any, tmp_path: Path) -> None:
    assert run("import sys; sys.exit('enough')").wait() == 1
    assert (tmp_path / "log").read_text() == "enough\n"


def test_a_program_may_close_its_output(run: Any) -> None:
    assert run("import sys; sys.stdout.close()").wait() == 0


def test_what_a_program_has_planned_for_its_end_is_done(run: Any, tmp_path: Path) -> None:
    script = """
        import atexit, sys, threading
        atexit.register(print, "done", end="")
        going_on = threading.Event()
        threading.Thread(target=lambda: (going_on.wait(), print("finished"))).start()
        threading.Timer(0.01, going_on.set).start()
        sys.exit(7)
    """
    assert run(script).wait() == 7
    assert (tmp_path / "log").read_text() == "finished\ndone"


def test_an_error_that_nobody_catches_is_told_and_ends_the_fork(run: Any, tmp_path: Path) -> None:
    assert run("raise ValueError('this one')").wait() == 1
    assert "ValueError: this one" in (tmp_path / "log").read_text()


def test_a_fork_that_is_killed_tells_its_signal(run: Any) -> None:
    child = run(SLEEP)
    child.kill()
    assert child.wait() == -signal.SIGKILL


def test_waiting_for_a_fork_may_be_given_up(run: Any) -> None:
    child = run(SLEEP)
    assert child.wait(timeout=0.01) is None
    child.kill()


def test_a_fork_leads_a_process_group_of_its_own(run: Any) -> None:
    child = run(SLEEP)
    assert os.getpgid(child.pid) == child.pid
    child.kill()


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

        assert "pid" in answer()
        assert json.loads(ours.recv(fork_server.LARGEST_ORDER))["status"] == fork_server.NEVER_BEGAN
        CHANGES[change](package / "settings.py")
        assert answer() == {"refused": f"{package / 'settings.py'} is another since it was loaded"}
        ours.shutdown(socket.SHUT_RDWR)


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
