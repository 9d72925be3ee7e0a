"""Map in INLINE mode: iterations inside the execution, at most 40 at once.

Source: Developer Guide, "Using Map state in Inline mode in Step Functions workflows".
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from pipeline.local.states.context import of_item
from pipeline.local.states.dataflow import Entry
from pipeline.local.states.definition import Branch, Map
from pipeline.local.states.documents import Document, load
from pipeline.local.states.errors import StateError, StatesRuntimeError
from pipeline.local.states.frame import Frame, run_together
from pipeline.local.states.redrive import Finished, Resumption
from pipeline.local.states.scope import Json, Scope

CONCURRENCY = 40

RunBranch = Callable[[Branch, Document, Frame, Resumption | None], Awaitable[Document]]


def items_of(state: Map, scope: Scope) -> list[Json]:
    """The array that ItemsPath selects. Raises StateError: States.Runtime for anything else."""
    items = state.items_path(scope)
    if not isinstance(items, list):
        raise StatesRuntimeError(f'Reference path "{state.items_path.text}" must point to array.')
    return items


async def run_inline(entry: Entry[Map], scope: Scope, frame: Frame, concurrency: int, run: RunBranch) -> list[Json]:
    """Run the processor for every item and return the outputs in the order of the items."""
    state = entry.state
    items = items_of(state, scope)
    start = entry.taken_up.started if entry.taken_up else 0
    earlier = entry.taken_up.lines if entry.taken_up else {}
    if not start:
        start = frame.record("MapStateStarted", length=len(items))
    outputs: list[Any] = [None] * len(items)
    queue = iter(enumerate(items))

    async def worker(queue: Iterator[tuple[int, Json]]) -> None:
        event = start
        for index, item in queue:
            resumption = earlier.get(index)
            if isinstance(resumption, Finished):
                outputs[index] = load(resumption.output)
                continue
            line = frame.branch(of_item(entry.context, index, item), resumption.event if resumption else event)
            if resumption is None:
                line.record("MapIterationStarted", name=state.name, index=index)
            try:
                document = _iteration_input(entry, scope, index, item)
                outputs[index] = (await run(state.processor, document, line, resumption)).value
            except (StateError, asyncio.CancelledError) as error:
                frame.event = line.event
                ending = "Failed" if isinstance(error, StateError) else "Aborted"
                line.note(f"MapIteration{ending}", name=state.name, index=index)
                raise
            event = line.event
            frame.event = line.record("MapIterationSucceeded", name=state.name, index=index)

    workers = min(concurrency or CONCURRENCY, CONCURRENCY, len(items))
    await run_together([worker(queue) for _ in range(workers)])
    return outputs


def _iteration_input(entry: Entry[Map], scope: Scope, index: int, item: Json) -> Document:
    selector = entry.state.item_selector
    if selector is None:
        return Document.of(item)
    selecting = Scope(scope.input, of_item(entry.context, index, item), entry.variables)
    return Document.of(selector(selecting))
