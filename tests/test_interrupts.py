"""Interrupts: raised where they come, but at the end of a stretch that is held."""

import signal
import subprocess
import sys
import threading

import pytest

from pipeline.interrupts import EXIT_INTERRUPTED, held

pytestmark = pytest.mark.usefixtures("interrupts")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_raised_where_it_comes(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


def test_an_interrupt_in_a_held_stretch_is_raised_at_its_end() -> None:
    reached = []

    def work() -> None:
        with held():
            with held():
                signal.raise_signal(signal.SIGINT)
                reached.append("inner")
            reached.append("outer")
        reached.append("after")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["inner", "outer"]


def test_an_interrupt_is_raised_once() -> None:
    with pytest.raises(KeyboardInterrupt), held():
        signal.raise_signal(signal.SIGINT)
    with held():
        pass


def test_an_interrupt_comes_before_what_the_held_stretch_raises() -> None:
    def fail() -> None:
        with held():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("the library's own")

    with pytest.raises(KeyboardInterrupt):
        fail()


def test_another_threads_stretch_holds_no_interrupt_back() -> None:
    entered, left = threading.Event(), threading.Event()

    def hold() -> None:
        with held():
            entered.set()
            left.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(10)
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        left.set()
        thread.join()


def test_a_second_signal_ends_the_process_at_once_even_in_a_held_stretch() -> None:
    program = """if True:
        import signal
        from pipeline.interrupts import held, interrupt, on_interrupt
        on_interrupt(interrupt)
        with held():
            signal.raise_signal(signal.SIGINT)
            print("goes on", flush=True)
            signal.raise_signal(signal.SIGINT)
            print("goes on still", flush=True)
    """
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (EXIT_INTERRUPTED, "goes on\n")
