"""Map in DISTRIBUTED mode: every item, or batch of items, is the input of a child execution of its own.

Items stream in from an array or an ItemReader, children run a bounded number at a time, and what they give goes to the
store: memory does not grow with the number of items. A failure beyond what is tolerated stops the run.

A redrive takes the map run up again: the items are read anew, a child that succeeded with the input that it would get
now is left alone, and every other one runs. AWS keeps the items of the first reading instead.

AWS runs up to 10,000 children at once; here at most `_AT_ONCE` are under way, whatever MaxConcurrency says.
Source: Developer Guide, "Using Map state in Distributed mode"; API reference, DescribeMapRun.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from pipeline.local.states import context, quantities
from pipeline.local.states.dataflow import Entry
from pipeline.local.states.definition import Map, WriterConfig
from pipeline.local.states.documents import check_size
from pipeline.local.states.errors import StateError, StatesRuntimeError
from pipeline.local.states.frame import Frame
from pipeline.local.states.maps import results
from pipeline.local.states.maps.batching import Batch, Batcher, single
from pipeline.local.states.maps.inline import RunBranch, items_of
from pipeline.local.states.maps.readers import chunks, read_items
from pipeline.local.states.records import Counts, ExecutionRecord, MapRunRecord
from pipeline.local.states.redrive import Finished, Resumption
from pipeline.local.states.scope import Json, Scope

if TYPE_CHECKING:
    from pipeline.local.states.execution import Execution

_AT_ONCE = 1_000
_INPUT_CHARACTERS = 32 * 1024 * 1024
"""Inputs of children that are under way, all together: large batches run fewer at a time."""
_CHUNK = 500
"""Items that a reader's thread hands over at a time."""


async def run_distributed(entry: Entry[Map], scope: Scope, frame: Frame, concurrency: int, run: RunBranch) -> Json:
    """Run the children of a Map state and return its result.

    Raises:
        StateError: States.ItemReaderFailed, States.ExceedToleratedFailureThreshold, States.ResultWriterFailed.
    """
    state = entry.state
    array = None if state.item_reader else items_of(state, scope)
    if entry.taken_up is None or not entry.taken_up.started:
        frame.record("MapStateStarted", length=len(array or ()))
    earlier = entry.taken_up.map_run if entry.taken_up else None
    map_run = MapRun(entry, scope, frame, concurrency, earlier)
    if earlier is None:
        frame.record("MapRunStarted", mapRunArn=map_run.record.arn)
    else:
        frame.record("MapRunRedriven", mapRunArn=earlier, redriveCount=map_run.record.redrive_count)
    try:
        result = await map_run.run(array)
    except StateError as error:
        map_run.end("FAILED")
        frame.record("MapRunFailed", error=error.error, cause=error.cause)
        raise
    except asyncio.CancelledError:
        map_run.end("ABORTED")
        frame.record("MapRunAborted")
        raise
    map_run.end("SUCCEEDED")
    frame.record("MapRunSucceeded")
    return result


class MapRun:
    """One run of a distributed Map state. Its `record` is live: DescribeMapRun reads it, UpdateMapRun changes it."""

    def __init__(self, entry: Entry[Map], scope: Scope, frame: Frame, concurrency: int, earlier: str | None) -> None:
        state = entry.state
        self._state = state
        self._entry = entry
        self._scope = scope
        self._parent = frame.execution
        self._engine = frame.execution.engine
        self._children: dict[str, Execution] = {}
        self._changed = asyncio.Event()
        self._characters = 0
        self._total_known = False
        self._redriven = self._engine.store.map_run(earlier) if earlier else None
        parent = self._parent.record
        machine = parent.machine_arn.rpartition(":")[2].partition("/")[0]
        machine_arn = self._engine.arn("stateMachine", f"{machine}/{state.label or uuid.uuid4()}")
        if self._redriven:
            machine_arn = self._redriven.machine_arn
        self._workflow = machine_arn.rpartition(":")[2]
        now = self._engine.clock()
        self.record = MapRunRecord(
            arn=self._redriven.arn
            if self._redriven
            else self._engine.arn("mapRun", f"{self._workflow}:{uuid.uuid4()}"),
            execution_arn=parent.arn,
            machine_arn=machine_arn,
            started=self._redriven.started if self._redriven else now,
            redrive_count=self._redriven.redrive_count + 1 if self._redriven else 0,
            redriven=now if self._redriven else None,
            max_concurrency=concurrency,
            tolerated_failure_count=quantities.integer(
                "ToleratedFailureCount", state.tolerated_failure_count, state.tolerated_failure_count_path, scope
            ),
            tolerated_failure_percentage=quantities.real(
                "ToleratedFailurePercentage",
                state.tolerated_failure_percentage,
                state.tolerated_failure_percentage_path,
                scope,
            ),
        )
        if not 0 <= (self.record.tolerated_failure_percentage or 0) <= 100:
            raise StatesRuntimeError("ToleratedFailurePercentage must be between 0 and 100.")
        if (self.record.tolerated_failure_count or 0) < 0:
            raise StatesRuntimeError("ToleratedFailureCount cannot be negative.")
        self._engine.map_runs[self.record.arn] = self.record
        self._engine.store.save_map_run(self.record)

    async def run(self, array: list[Json] | None) -> Json:
        """Run all children, then collect or write their results."""
        if array is not None:
            self._total_known = True
            self.record.items.total = self.record.items.pending = len(array)
        try:
            async with aclosing(self._batches(array)) as batches:
                async for batch in batches:
                    await self._room()
                    self._start(batch)
            self._forget_children(self.record.executions.total)
            while self._children:
                await self._news()
            if self._too_many_failures(final=True):
                raise _exceeded()
        finally:
            await self._stop_children()
        return await self._engine.blocking(self._result)

    def end(self, status: str) -> None:
        """Note how the run ended."""
        self.record.status = status
        self.record.stopped = self._engine.clock()
        self._engine.store.save_map_run(self.record)
        del self._engine.map_runs[self.record.arn]

    def _batches(self, array: list[Json] | None) -> AsyncGenerator[Batch, None]:
        items = self._selected(self._from_reader() if array is None else _from_list(array))
        batcher = self._state.item_batcher
        return Batcher.of(batcher, self._scope).batches(items) if batcher else single(items)

    async def _from_reader(self) -> AsyncIterator[Json]:
        reader = self._state.item_reader
        assert reader is not None  # noqa: S101  (the caller has looked)
        parameters = reader.parameters(self._scope) if reader.parameters else {}
        path = reader.config.max_items_path
        max_items = quantities.integer("MaxItems", reader.config.max_items, path, self._scope) or 0
        if max_items < 0:
            raise StateError("States.ItemReaderFailed", "field MaxItems must be positive")
        s3 = self._engine.client("s3", self._parent.role_arn)
        pieces = chunks(read_items(reader, parameters, max_items, s3), _CHUNK)
        while (chunk := await self._engine.blocking(next, pieces, None)) is not None:
            for item in chunk:
                yield item

    async def _selected(self, items: AsyncIterator[Json]) -> AsyncIterator[Json]:
        selector, entry = self._state.item_selector, self._entry
        index = 0
        async for item in items:
            if selector is None:
                yield item
            else:
                item_context = context.of_item(entry.context, index, item)
                yield selector(Scope(self._scope.input, item_context, entry.variables))
            index += 1

    async def _room(self) -> None:
        """Wait until another child may start. Raises StateError when more have failed than is tolerated."""
        while True:
            if self._too_many_failures():
                raise _exceeded()
            limit = min(self.record.max_concurrency or _AT_ONCE, _AT_ONCE)
            if len(self._children) < limit and self._characters < _INPUT_CHARACTERS:
                return
            await self._news()

    async def _news(self) -> None:
        """Wait until a child has ended. Raises StateError when more have failed than is tolerated."""
        self._changed.clear()
        await self._changed.wait()
        if self._too_many_failures():
            raise _exceeded()

    def _start(self, batch: Batch) -> None:
        check_size(batch.input.text, self._state.name)
        executions, items = self.record.executions, self.record.items
        child, earlier = self._child(batch)
        executions.total += 1
        if self._total_known:
            items.pending -= batch.item_count
        else:
            items.total += batch.item_count
        if child.status == "SUCCEEDED":
            executions.succeeded += 1
            items.succeeded += batch.item_count
            return
        executions.running += 1
        items.running += batch.item_count
        self._characters += len(child.input)
        role_arn = self._parent.role_arn
        outer = context.of_execution(child, batch.input.value, role_arn, self._entry.context["StateMachine"]["Id"])
        execution = self._engine.launch(child, self._state.processor, outer, role_arn, earlier)
        execution.when_ended(lambda: self._ended(child))
        self._children[child.arn] = execution

    def _child(self, batch: Batch) -> tuple[ExecutionRecord, Resumption | Finished | None]:
        """The record of the next child, and how far it had come where it is redriven."""
        position = self.record.executions.total
        record = self._engine.store.child(self.record.arn, position) if self._redriven else None
        if record is not None and record.input == batch.input.text:
            if record.status == "SUCCEEDED":
                return record, None
            if not record.express:
                return record, self._engine.taken_up(record, self._state.processor)
        # An Express child leaves no history: it is started again.
        self._forget_children(position, position)
        return self._new_child(batch, position), None

    def _forget_children(self, first: int, last: int | None = None) -> None:
        if self._redriven:
            self._engine.store.forget_children(self.record.arn, first, last)

    def _new_child(self, batch: Batch, position: int) -> ExecutionRecord:
        name = str(uuid.uuid4())
        express = self._state.execution_type == "EXPRESS"
        kind, suffix = ("express", f":{uuid.uuid4()}") if express else ("execution", "")
        return ExecutionRecord(
            id=self._engine.store.new_execution_id(),
            arn=self._engine.arn(kind, f"{self._workflow}:{name}{suffix}"),
            name=name,
            machine_arn=self.record.machine_arn,
            revision_id=self._parent.record.revision_id,
            input=batch.input.text,
            started=self._engine.clock(),
            express=express,
            map_run_arn=self.record.arn,
            position=position,
            item_count=batch.item_count,
        )

    def _ended(self, child: ExecutionRecord) -> None:
        for counts, count in ((self.record.executions, 1), (self.record.items, child.item_count)):
            counts.running -= count
            _add(counts, child.status, count)
        self._characters -= len(child.input)
        del self._children[child.arn]
        self._changed.set()

    def _too_many_failures(self, *, final: bool = False) -> bool:
        items, record = self.record.items, self.record
        failed = items.failed + items.timedOut + items.aborted
        if not failed:
            return False
        count, percentage = record.tolerated_failure_count, record.tolerated_failure_percentage
        if count is None and percentage is None:
            return True
        if count is not None and failed > count:
            return True
        # While a reader goes on, nobody knows how many items a percentage is of.
        return percentage is not None and (final or self._total_known) and failed / items.total * 100 > percentage

    async def _stop_children(self) -> None:
        children = list(self._children.values())
        for child in children:
            child.stop()
        for child in children:
            await child.wait()

    def _result(self) -> Json:
        writer = self._state.result_writer
        config = (writer.config if writer else None) or results.COMPACT
        if writer is None or writer.resource is None:
            return results.collect(self._engine.store, self.record.arn, config, self._state.name)
        parameters = writer.parameters(self._scope) if writer.parameters else {}
        s3 = self._engine.client("s3", self._parent.role_arn)
        return results.write(self._engine.store, self.record, writer.config or _AS_THEY_ARE, parameters, s3)


_AS_THEY_ARE = WriterConfig()


def _add(counts: Counts, status: str, count: int) -> None:
    if status == "SUCCEEDED":
        counts.succeeded += count
    elif status == "TIMED_OUT":
        counts.timedOut += count
    elif status == "ABORTED":
        counts.aborted += count
    else:
        counts.failed += count


def _exceeded() -> StateError:
    return StateError(
        "States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded"
    )


async def _from_list(items: list[Json]) -> AsyncIterator[Json]:
    for item in items:
        yield item
