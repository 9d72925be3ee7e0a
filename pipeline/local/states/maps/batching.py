"""ItemBatcher: several items to one child execution.

Source: Developer Guide, "ItemBatcher (Map)".
"""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from pipeline.local.states import quantities
from pipeline.local.states.definition import ItemBatcher
from pipeline.local.states.documents import LIMIT_BYTES, Document, byte_length, dump
from pipeline.local.states.errors import DATA_LIMIT_EXCEEDED, StateError, StatesRuntimeError
from pipeline.local.states.scope import Json, Scope


@dataclass(frozen=True, slots=True)
class Batch:
    """The input of one child execution, and how many items it carries."""

    input: Document
    item_count: int


@dataclass(frozen=True, slots=True)
class Batcher:
    """Puts at most `max_items` items, and at most `max_bytes` of input as UTF-8 JSON, into a batch."""

    max_items: int | None
    max_bytes: int
    fixed: dict[str, Json]
    """The members that every batch has beside its items: BatchInput, or nothing."""

    @classmethod
    def of(cls, batcher: ItemBatcher, scope: Scope) -> "Batcher":
        """Evaluate the fields of an ItemBatcher. Raises StateError: States.Runtime."""
        max_items = _positive(
            "MaxItemsPerBatch",
            quantities.integer(
                "MaxItemsPerBatch", batcher.max_items_per_batch, batcher.max_items_per_batch_path, scope
            ),
        )
        max_bytes = _positive(
            "MaxInputBytesPerBatch",
            quantities.integer(
                "MaxInputBytesPerBatch",
                batcher.max_input_bytes_per_batch,
                batcher.max_input_bytes_per_batch_path,
                scope,
            ),
        )
        fixed = {"BatchInput": batcher.batch_input(scope)} if batcher.batch_input else {}
        return cls(max_items, min(max_bytes or LIMIT_BYTES, LIMIT_BYTES), fixed)

    async def batches(self, items: AsyncIterator[Json]) -> AsyncGenerator[Batch, None]:
        """Batches of the items, in order, as full as the limits allow.

        Raises:
            StateError: States.DataLimitExceeded when one item alone is too large.
        """
        opening = dump(self.fixed)[:-1] + ("," if self.fixed else "") + '"Items":['
        overhead = byte_length(opening) + 2
        texts: list[str] = []
        values: list[Json] = []
        size = overhead
        async for item in items:
            text = dump(item)
            length = byte_length(text)
            if values and (size + length + 1 > self.max_bytes or len(values) == self.max_items):
                yield self._batch(opening, texts, values)
                texts, values, size = [], [], overhead
            size += length + (1 if values else 0)
            if size > self.max_bytes:
                raise StateError(
                    DATA_LIMIT_EXCEEDED,
                    f"An item of {length} bytes does not fit into a batch of at most {self.max_bytes} bytes.",
                )
            texts.append(text)
            values.append(item)
        if values:
            yield self._batch(opening, texts, values)

    def _batch(self, opening: str, texts: list[str], values: list[Json]) -> Batch:
        return Batch(Document({**self.fixed, "Items": values}, f"{opening}{','.join(texts)}]}}"), len(values))


async def single(items: AsyncIterator[Json]) -> AsyncGenerator[Batch, None]:
    """Without an ItemBatcher every item is the input of a child of its own."""
    async for item in items:
        yield Batch(Document.of(item), 1)


def _positive(name: str, value: int | None) -> int | None:
    if value is not None and value <= 0:
        raise StatesRuntimeError(f"{name} must be positive, not {value}.")
    return value
