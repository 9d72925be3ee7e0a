"""Walk a state machine, state by state.

`run` takes a branch (or a whole machine) from its StartAt to a terminal state. A state that only moves data never
leaves the event loop; what waits (Wait, Task, Parallel, Map) awaits. Every state is entered and left in one place,
`_visit`, which records the events and the variables, so that the functions for the state types only say what they do.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pipeline.local.states import definition, quantities
from pipeline.local.states.context import of_state
from pipeline.local.states.dataflow import Entry, Exit, evaluate_assign
from pipeline.local.states.documents import Document, dump, load
from pipeline.local.states.errors import RUNTIME, StateError, StatesRuntimeError
from pipeline.local.states.frame import Frame, run_together
from pipeline.local.states.history import NEXT
from pipeline.local.states.maps.distributed import run_distributed
from pipeline.local.states.maps.inline import run_inline
from pipeline.local.states.redrive import Finished, Resumption
from pipeline.local.states.retry import Retries
from pipeline.local.states.scope import Json
from pipeline.local.states.tasks import run_task
from pipeline.local.states.waits import waiting_time

_BREATH = 64
"""States after which a line lets others run, so that a machine which never waits cannot hold up the rest."""


async def run(
    branch: definition.Branch | definition.StateMachine,
    document: Document,
    frame: Frame,
    resumption: Resumption | None = None,
) -> Document:
    """Run from StartAt on, or from where an earlier attempt had come to, and return the output of the terminal state.

    Raises:
        StateError: what no Catch took.
    """
    name: str | None = branch.start_at
    taken_up: Resumption | None = None
    if resumption is not None and resumption.state is not None:
        name, document = resumption.state, Document.parse(resumption.input)
        frame.variables = dict(resumption.variables)
        taken_up = resumption if resumption.entered else None
    visited = 0
    while name is not None:
        left = await _visit(branch.states[name], document, frame, taken_up)
        name, document, taken_up = left.next, left.output, None
        visited += 1
        if visited % _BREATH == 0:
            await asyncio.sleep(0)
    return document


async def _visit(state: definition.State, document: Document, frame: Frame, taken_up: Resumption | None) -> Exit:
    clock = frame.execution.engine.clock
    if taken_up is None:
        entered_id = frame.record(f"{state.type}StateEntered", name=state.name, input=document.text)
    else:
        entered_id = taken_up.entered
    is_work = isinstance(state, definition.Work)
    context = of_state(frame.context, state.name, clock(), 0 if is_work else None)
    entry = Entry(state, document, context, frame.variables, taken_up)
    try:
        left = await _RUNNERS[type(state)](entry, frame)
    except StatesRuntimeError as error:
        place = f"An error occurred while executing the state '{state.name}' (entered at the event id #{entered_id})."
        raise StateError(RUNTIME, f"{place} {error.cause}", terminal=True) from error
    except asyncio.CancelledError:
        if is_work or isinstance(state, definition.Wait):
            frame.record(f"{state.type}StateAborted")
        raise
    assigned = {name: dump(value) for name, value in left.assigned.items()} or None
    details = {"name": state.name, "output": left.output.text, "assignedVariables": assigned, NEXT: left.next}
    frame.record(f"{state.type}StateExited", **details)
    if left.assigned:
        frame.variables = frame.variables | left.assigned
    return left


async def _pass(entry: Entry[definition.Pass], frame: Frame) -> Exit:
    state = entry.state
    effective = entry.effective_input()
    return entry.leave(state.result if state.has_result else effective, state.result_path)


async def _choice(entry: Entry[definition.Choice], frame: Frame) -> Exit:
    state = entry.state
    scope = entry.scope(entry.effective_input())
    for rule in state.rules:
        if rule.test(scope):
            next_, assign = rule.next, rule.assign
            break
    else:
        if state.default is None:
            # The language calls this States.NoChoiceMatched; Step Functions reports a States.Runtime.
            raise StatesRuntimeError("Failed to transition out of the state. The state does not point to a next state.")
        next_, assign = state.default, state.assign
    return Exit(next_, entry.filter_output(scope.input), evaluate_assign(assign, scope))


async def _wait(entry: Entry[definition.Wait], frame: Frame) -> Exit:
    state = entry.state
    effective = entry.effective_input()
    seconds = waiting_time(entry, effective)
    if seconds > 0:
        await asyncio.sleep(seconds * frame.execution.engine.retry_pace())
    return Exit(state.next, entry.filter_output(effective), evaluate_assign(state.assign, entry.scope(effective)))


async def _succeed(entry: Entry[definition.Succeed], frame: Frame) -> Exit:
    return Exit(None, entry.filter_output(entry.effective_input()))


async def _fail(entry: Entry[definition.Fail], frame: Frame) -> Exit:
    state = entry.state
    scope = entry.scope(entry.raw.value)
    error = state.error_path(scope) if state.error_path else state.error
    cause = state.cause_path(scope) if state.cause_path else state.cause
    raise StateError(error or "", cause)


async def _work(entry: Entry[definition.Work], frame: Frame) -> Exit:
    """Task, Parallel and Map: try, retry, catch."""
    state = entry.state
    retries = Retries(state.retry)
    while True:
        try:
            return entry.leave_with_result(await _WORKERS[type(state)](entry, frame))
        except StateError as error:
            failure = error
        delay = retries.delay(failure)
        if delay is None:
            break
        await asyncio.sleep(delay * frame.execution.engine.retry_pace())
        context = entry.context | {"State": entry.context["State"] | {"RetryCount": retries.count}}
        entry = Entry(state, entry.raw, context, entry.variables)
    if not isinstance(state, definition.Task) and not isinstance(failure, StatesRuntimeError):
        frame.record(f"{state.type}StateFailed")
    for catcher in state.catch:
        if failure.matches(catcher.errors):
            return entry.leave_by(catcher, failure)
    raise failure


async def _parallel(entry: Entry[definition.Parallel], frame: Frame) -> Json:
    state = entry.state
    document = Document.of(effective) if (effective := entry.effective_input()) is not entry.raw.value else entry.raw
    start = entry.taken_up.started if entry.taken_up else 0
    earlier = entry.taken_up.lines if entry.taken_up else {}
    if not start:
        start = frame.record("ParallelStateStarted")

    async def line(index: int, branch: definition.Branch) -> Json:
        resumption = earlier.get(index)
        if isinstance(resumption, Finished):
            return load(resumption.output)
        own = frame.branch(event=resumption.event if resumption else start)
        try:
            return (await run(branch, document, own, resumption)).value
        finally:
            frame.event = own.event

    outputs = await run_together([line(index, branch) for index, branch in enumerate(state.branches)])
    frame.note("ParallelStateSucceeded")
    return outputs


async def _map(entry: Entry[definition.Map], frame: Frame) -> Json:
    state = entry.state
    scope = entry.scope(entry.effective_input())
    concurrency = quantities.integer("MaxConcurrency", state.max_concurrency, state.max_concurrency_path, scope) or 0
    if concurrency < 0:
        raise StatesRuntimeError("MaxConcurrency cannot be negative.")
    run_items = run_inline if state.mode == "INLINE" else run_distributed
    outputs = await run_items(entry, scope, frame, concurrency, run)
    frame.note("MapStateSucceeded")
    return outputs


# Each takes the entry of its own type of state, which a table cannot say.
Runner = Callable[[Any, Frame], Awaitable[Exit]]
Worker = Callable[[Any, Frame], Awaitable[Json]]

_RUNNERS: dict[type[definition.State], Runner] = {
    definition.Pass: _pass,
    definition.Choice: _choice,
    definition.Wait: _wait,
    definition.Succeed: _succeed,
    definition.Fail: _fail,
    definition.Task: _work,
    definition.Parallel: _work,
    definition.Map: _work,
}
_WORKERS: dict[type[definition.State], Worker] = {
    definition.Task: run_task,
    definition.Parallel: _parallel,
    definition.Map: _map,
}
