"""Read on threads, a bounded step ahead of whoever works on what is read: the two overlap, in bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from typing import TypeVar

Item = TypeVar("Item")
Read = TypeVar("Read")


def read_ahead(
    read: Callable[[Item], Read],
    items: Iterable[Item],
    *,
    threads: int | Executor,
    budget: int,
    weight: Callable[[Item], int] = lambda _: 1,
) -> Iterator[tuple[Item, Read]]:
    """Each item with what `read` made of it, in the items' order.

    What is read and not yet taken weighs at most `budget`, save that one item is always read however heavy it is. An
    error of `read` is raised in its item's place, and what comes after it is not started. Nothing is being read any
    more when the iterator has ended or is closed.

    `threads` are how many there are, or those of who reads again and again: to start them costs as much as what they
    read.
    """
    waiting: deque[tuple[Item, int, Future[Read]]] = deque()
    weighed = 0
    with ThreadPoolExecutor(threads, "read-ahead") if isinstance(threads, int) else nullcontext(threads) as pool:
        try:
            for item in items:
                heavy = weight(item)
                while waiting and weighed + heavy > budget:
                    done, its_weight, future = waiting.popleft()
                    yield done, future.result()
                    weighed -= its_weight
                waiting.append((item, heavy, pool.submit(read, item)))
                weighed += heavy
            while waiting:
                done, _, future = waiting.popleft()
                yield done, future.result()
        finally:
            wait([future for _, _, future in waiting if not future.cancel()])
