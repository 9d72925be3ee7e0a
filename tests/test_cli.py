"""The end of the process `imagebatch`: what it leaves undone is its memory alone."""

import subprocess
import sys

ENDS = """
import atexit, sys, threading
from pipeline import cli

def late():
    {wait}
    print("a thread")

def main():
    print("printed", end=" ")
    atexit.register(print, "at the end")
    threading.Thread(target=late).start()
    return 3

cli.main = main
begun = threading.Event()
cli.process()
"""


def ended(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_its_exit_code_is_the_commands() -> None:
    assert ended(ENDS.format(wait="pass")).returncode == 3


def test_threads_and_what_is_registered_for_the_end_are_waited_for() -> None:
    done = ended(ENDS.format(wait="threading.main_thread().join()"))

    assert (done.stdout, done.stderr) == ("printed a thread\nat the end\n", "")


def test_a_wrong_option_is_told_of_as_ever() -> None:
    done = ended("import sys; from pipeline import cli; sys.argv[1:] = ['no-such-command']; cli.process()")

    assert done.returncode == 2
    assert "invalid choice: 'no-such-command'" in done.stderr


def test_streams_that_are_closed_or_none_change_nothing() -> None:
    main = "lambda: sys.stdout.close() or 3"
    code = f"import sys; from pipeline import cli; sys.stderr = None; cli.main = {main}; cli.process()"

    assert ended(code).returncode == 3


def test_a_command_without_a_standard_output_ends_as_any() -> None:
    done = ended(
        "import sys; sys.stdout = None; from pipeline import cli; sys.argv[1:] = ['doctor', 'nowhere']; cli.process()"
    )

    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
