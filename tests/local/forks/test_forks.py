"""A fork is what a command is, in environment, folder, group and end. Only what it has loaded tells it from one."""

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.forks import Kind

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are had on Linux alone")

SLEEP = "import time; time.sleep(600)"


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
