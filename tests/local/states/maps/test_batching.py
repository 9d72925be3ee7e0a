"""ItemBatcher."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.states.documents import LIMIT_BYTES, byte_length, dump
from pipeline.local.states.errors import StateError
from pipeline.local.states.maps.batching import Batch, Batcher

ITEMS = st.lists(
    st.text(max_size=30) | st.integers(-9, 9) | st.dictionaries(st.text(max_size=4), st.integers(-9, 9), max_size=3)
)
FIXED = st.just({}) | st.fixed_dictionaries(
    {"BatchInput": st.dictionaries(st.text(max_size=4), st.integers(-9, 9), max_size=3)}
)


def batches(batcher: Batcher, items: list[Any]) -> list[Batch]:
    async def collect() -> list[Batch]:
        return [batch async for batch in batcher.batches(_stream(items))]

    return asyncio.run(collect())


async def _stream(items: list[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


@given(ITEMS, st.none() | st.integers(1, 5), st.integers(400, 900), FIXED)
def test_batches_hold_all_items_in_order_within_the_limits(
    items: list[Any], max_items: int | None, max_bytes: int, fixed: dict[str, Any]
) -> None:
    made = batches(Batcher(max_items, max_bytes, fixed), items)
    assert [item for batch in made for item in batch.input.value["Items"]] == items
    for batch in made:
        assert batch.input.text == dump(batch.input.value)
        assert byte_length(batch.input.text) <= max_bytes
        assert 1 <= batch.item_count <= (max_items or len(items))
        assert {**batch.input.value, "Items": None} == {**fixed, "Items": None}


@given(ITEMS, st.integers(1, 5), st.integers(400, 900))
def test_a_batch_ends_only_where_the_next_item_does_not_fit(items: list[Any], max_items: int, max_bytes: int) -> None:
    made = batches(Batcher(max_items, max_bytes, {}), items)
    for batch, following in pairwise(made):
        longer = {"Items": [*batch.input.value["Items"], following.input.value["Items"][0]]}
        assert batch.item_count == max_items or byte_length(dump(longer)) > max_bytes


def test_an_item_that_fits_no_batch_is_an_error() -> None:
    with pytest.raises(StateError, match="does not fit into a batch of at most 50 bytes"):
        batches(Batcher(None, 50, {}), ["x" * 100])


def test_without_a_limit_of_bytes_the_limit_of_an_input_applies() -> None:
    made = batches(Batcher(None, LIMIT_BYTES, {}), ["x" * 100_000] * 5)
    assert [batch.item_count for batch in made] == [2, 2, 1]
