"""One execution from ExecutionStarted to its end: timeout, stop, and what is kept of it."""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.local.states.context import Context
from pipeline.local.states.definition import Branch, StateMachine
from pipeline.local.states.documents import Document
from pipeline.local.states.errors import RUNTIME, StateError
from pipeline.local.states.frame import Frame
from pipeline.local.states.history import Event, History
from pipeline.local.states.interpreter import run
from pipeline.local.states.records import ExecutionRecord
from pipeline.local.states.redrive import Finished, Resumption

if TYPE_CHECKING:
    from pipeline.local.states.engine import Engine

EXPRESS_SECONDS = 300
"""How long an Express execution may take (Developer Guide, "Quotas related to state machines")."""

_log = logging.getLogger(__name__)


class Execution:
    """An execution that runs, or is about to. `start` it on the event loop; `record` says at any time how it stands."""

    def __init__(
        self,
        engine: "Engine",
        record: ExecutionRecord,
        machine: StateMachine | Branch,
        context: Context,
        role_arn: str,
        resumption: Resumption | Finished | None = None,
    ) -> None:
        self.engine = engine
        self.record = record
        self.role_arn = role_arn
        self._machine = machine
        self._context = context
        self._resumption = resumption
        self._stop: tuple[str | None, str | None] | None = None
        self._task: asyncio.Task[None] | None = None
        events = engine.store.last_event(record.id) if resumption else 0
        self.history = History(None if record.express else self._keep_event, engine.clock, events)

    def start(self) -> None:
        """Start the execution as a task of its own, or go on with it where it had come to."""
        frame = Frame(self, self._context, {})
        if self._resumption is None:
            self.history.add("ExecutionStarted", input=self.record.input, roleArn=self.role_arn)
        else:
            frame.record("ExecutionRedriven", redriveCount=self.record.redrive_count)
        self.engine.store.save_execution(self.record)
        self.engine.status_changed(self.record)
        self._task = asyncio.create_task(self._run(frame))
        self.when_ended(lambda: self._stopped_before_it_began(frame))

    def when_ended(self, function: Callable[[], None]) -> None:
        """Call `function` on the loop after the end."""
        assert self._task is not None, "an execution ends after it has started"  # noqa: S101
        self._task.add_done_callback(lambda _: function())

    def stop(self, error: str | None = None, cause: str | None = None) -> None:
        """Abort: the execution ends ABORTED as soon as the loop comes to it."""
        if self._stop is None and self._task is not None:
            self._stop = (error, cause)
            self._task.cancel()

    async def wait(self, seconds: float | None = None) -> None:
        """Wait for the end, `seconds` at most; cancelling the waiter leaves the execution alone."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=seconds)

    async def _run(self, frame: Frame) -> None:
        record = self.record
        timeout_seconds = getattr(self._machine, "timeout_seconds", None)
        if record.express:
            timeout_seconds = min(timeout_seconds or EXPRESS_SECONDS, EXPRESS_SECONDS)
        try:
            async with asyncio.timeout(timeout_seconds) as timeout:
                document = Document(self._context["Execution"]["Input"], record.input)
                if isinstance(self._resumption, Finished):
                    output = Document.parse(self._resumption.output)
                else:
                    output = await run(self._machine, document, frame, self._resumption)
            record.output = output.text
            self._end("SUCCEEDED", frame, output=output.text)
        except StateError as error:
            record.error, record.cause = error.error or None, error.cause
            self._end("FAILED", frame, error=record.error, cause=record.cause)
        except asyncio.CancelledError:
            self._abort(frame)
        except Exception as error:  # noqa: BLE001
            if isinstance(error, TimeoutError) and timeout.expired():
                self._end("TIMED_OUT", frame)
                return
            # A fault of ours must end the execution like any other: nobody waits for ever.
            _log.exception("execution %s failed inside the interpreter", record.arn)
            record.error, record.cause = RUNTIME, f"Internal error of the local interpreter: {error!r}"
            self._end("FAILED", frame, error=record.error, cause=record.cause)

    def _abort(self, frame: Frame) -> None:
        self.record.error, self.record.cause = self._stop or (None, None)
        self._end("ABORTED", frame, error=self.record.error, cause=self.record.cause)

    def _stopped_before_it_began(self, frame: Frame) -> None:
        """A task that is cancelled before its first step never runs: its execution ends here."""
        if self.record.stopped is None:
            self._abort(frame)

    def _end(self, status: str, frame: Frame, **details: str | None) -> None:
        # The status comes last: whoever reads on another thread that it has ended finds everything else in place.
        frame.record(f"Execution{status.title().replace('_', '')}", **details)
        self.record.stopped = self.engine.clock()
        self.record.status = status
        self.engine.store.save_execution(self.record)
        self.engine.status_changed(self.record)

    def _keep_event(self, event: Event) -> None:
        self.engine.store.add_event(self.record.id, event)
