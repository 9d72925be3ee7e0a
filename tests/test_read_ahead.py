"""Reading ahead: in order, within its budget, and an error comes in its item's place."""

import threading

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
