"""The Task state: hand work to an integration, hold it to its timeouts, and tell history about it."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext

from pipeline.local.states import quantities
from pipeline.local.states.context import with_token
from pipeline.local.states.dataflow import Entry
from pipeline.local.states.definition import Task
from pipeline.local.states.documents import check_size, dump
from pipeline.local.states.errors import TIMEOUT, StateError, StatesRuntimeError
from pipeline.local.states.frame import Frame
from pipeline.local.states.integrations import resolve
from pipeline.local.states.integrations.base import Attempt, Integration
from pipeline.local.states.scope import Expression, Json, Scope


async def run_task(entry: Entry[Task], frame: Frame) -> Json:
    """Run one attempt of a Task and return its result.

    Raises:
        StateError: what the integration reports; States.Timeout when TimeoutSeconds or HeartbeatSeconds pass.
    """
    state = entry.state
    engine = frame.execution.engine
    integration = resolve(state.resource)
    waiting = engine.tokens.issue() if integration.waits_for_token else None
    try:
        if waiting:
            entry = Entry(state, entry.raw, with_token(entry.context, waiting.token), entry.variables)
        parameters = entry.effective_input()
        scope = entry.scope(state.input_path(entry.scope(entry.raw.value)))
        timeout = _seconds("TimeoutSeconds", state.timeout_seconds, state.timeout_seconds_path, scope)
        heartbeat = _seconds("HeartbeatSeconds", state.heartbeat_seconds, state.heartbeat_seconds_path, scope)
        attempt = Attempt(engine, frame, parameters, waiting, heartbeat)
        credentials = state.credentials(scope) if state.credentials else None
        integration.announce(attempt, timeout, credentials)
        turn: AbstractAsyncContextManager[None] = nullcontext()
        if key := integration.turn(attempt):
            turn = engine.turn(key)
        async with turn:
            return await _within(timeout, integration, attempt)
    finally:
        if waiting:
            engine.tokens.close(waiting)


async def _within(timeout: int | None, integration: Integration, attempt: Attempt) -> Json:
    """Run the attempt for at most `timeout` seconds, and record how it went."""
    integration.started(attempt)
    try:
        async with asyncio.timeout(timeout) as attempt.clock:
            result = await integration.run(attempt)
        text = dump(result)
        check_size(text, integration.name)
    except TimeoutError:
        if not attempt.is_out_of_time:
            raise
        error = StateError(TIMEOUT)
        integration.timed_out(attempt, error)
        raise error from None
    except StateError as error:
        (integration.timed_out if error.error == TIMEOUT else integration.failed)(attempt, error)
        raise
    integration.succeeded(attempt, text)
    return result


def _seconds(name: str, literal: int | None, path: Expression | None, scope: Scope) -> int | None:
    seconds = quantities.integer(name, literal, path, scope)
    if seconds is not None and seconds <= 0:
        raise StatesRuntimeError(f"{name} must be positive, not {seconds}.")
    return seconds
