"""Interrupts: raised where they come, but in a stretch that is held at its checkpoints."""

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.interrupts import EXIT_INTERRUPTED, checkpoint, held

pytestmark = pytest.mark.usefixtures("interrupts")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_raised_where_it_comes(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


def test_an_interrupt_in_a_held_stretch_is_raised_at_its_next_checkpoint() -> None:
    reached = []

    def work() -> None:
        with held():
            checkpoint()
            signal.raise_signal(signal.SIGINT)
            reached.append("before")
            checkpoint()
            reached.append("behind")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["before"]


def test_the_end_of_a_held_stretch_is_a_checkpoint() -> None:
    reached = []

    def work() -> None:
        with held():
            with held():
                signal.raise_signal(signal.SIGINT)
                reached.append("inner")
            reached.append("outer")
        reached.append("behind")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["inner", "outer"]


def test_an_interrupt_is_raised_once() -> None:
    def work() -> None:
        with held():
            signal.raise_signal(signal.SIGINT)
            checkpoint()

    with pytest.raises(KeyboardInterrupt):
        work()
    with held():
        checkpoint()


def test_an_interrupt_comes_before_what_the_held_stretch_raises() -> None:
    def fail() -> None:
        with held():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("the library's own")

    with pytest.raises(KeyboardInterrupt):
        fail()


def test_another_thread_holds_no_interrupt_back() -> None:
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


def test_another_threads_checkpoint_raises_nothing() -> None:
    def work(pool: ThreadPoolExecutor) -> None:
        with held():
            signal.raise_signal(signal.SIGINT)
            pool.submit(checkpoint).result()

    with ThreadPoolExecutor(1) as pool, pytest.raises(KeyboardInterrupt):
        work(pool)


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
