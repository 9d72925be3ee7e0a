"""Reading ahead: in order, within its budget, and an error comes in its item's place."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.read_ahead import read_ahead


@settings(max_examples=30, deadline=None)
@given(weights=st.lists(st.integers(0, 20), max_size=30), budget=st.integers(1, 30))
def test_items_come_in_order_and_what_waits_stays_within_the_budget(weights: list[int], budget: int) -> None:
    started: list[int] = []
    taken: list[int] = []

    def read(position: int) -> int:
        started.append(position)
        return position

    items = range(len(weights))
    for position, result in read_ahead(read, items, threads=3, budget=budget, weight=weights.__getitem__):
        assert position == result
        taken.append(position)
        waiting = [weights[other] for other in started[:] if other not in taken]
        assert sum(waiting) + weights[position] <= max(budget, weights[position])

    assert taken == list(items)


def test_an_item_heavier_than_the_budget_is_read_alone() -> None:
    assert [item for item, _ in read_ahead(str, [9, 9], threads=2, budget=1, weight=int)] == [9, 9]


def test_an_error_is_raised_in_its_items_place() -> None:
    def read(number: int) -> float:
        return 1 / number

    results = read_ahead(read, [1, 2, 0, 4], threads=2, budget=4)

    assert [next(results)[1], next(results)[1]] == [1.0, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_reading_goes_on_while_an_item_is_worked_on() -> None:
    second = threading.Event()

    def read(number: int) -> int:
        if number == 2:
            second.set()
        return number

    results = read_ahead(read, [1, 2], threads=1, budget=2)
    next(results)

    assert second.wait(timeout=30)
    results.close()  # type: ignore[attr-defined]


def test_who_reads_again_does_so_on_the_threads_that_there_are() -> None:
    with ThreadPoolExecutor(1) as own:
        read_by = [read_ahead(lambda _: threading.get_ident(), [1, 2], threads=own, budget=2) for _ in range(2)]

        assert len({thread for results in read_by for _, thread in results}) == 1


def test_an_error_is_raised_when_nothing_is_being_read_any_more() -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def read(number: int) -> None:
        if number == 1:
            assert begun.wait(timeout=30)
            raise RuntimeError("the first fails")
        begun.set()
        assert goes_on.wait(timeout=30)

    with ThreadPoolExecutor(2) as own, ThreadPoolExecutor(1) as consumer:
        consumed = consumer.submit(lambda: list(read_ahead(read, [1, 2], threads=own, budget=2)))
        with pytest.raises(TimeoutError):
            consumed.result(timeout=0.1)
        goes_on.set()

        with pytest.raises(RuntimeError, match="the first fails"):
            consumed.result(timeout=30)


def test_a_slow_source_is_asked_by_all_threads_at_once() -> None:
    together = threading.Barrier(16)

    with ThreadPoolExecutor(16) as own:
        results = read_ahead(lambda _: together.wait(timeout=30), range(16), threads=own, budget=16)

        assert sorted(place for _, place in results) == list(range(16))
