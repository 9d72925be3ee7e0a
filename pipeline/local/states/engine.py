"""What runs executions: one event loop on one daemon thread, and a pool of threads for calls that block.

Everything of the interpreter happens on the loop; API threads hand work over with `call` and wait. Calls to services
are boto3's, which block: they run on the pool, whose threads appear only when they are needed.
"""

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

from pipeline.local.protocol import ServiceError
from pipeline.local.states import context, definition
from pipeline.local.states.activities import Activities
from pipeline.local.states.documents import Document
from pipeline.local.states.execution import Execution
from pipeline.local.states.history import LIMIT
from pipeline.local.states.job_ends import JobEnds
from pipeline.local.states.records import ExecutionRecord, MachineRecord, MapRunRecord
from pipeline.local.states.redrive import Finished, Resumption, resumption
from pipeline.local.states.store import Store
from pipeline.local.states.tokens import TaskTokens

T = TypeVar("T")

_log = logging.getLogger(__name__)

_THREADS = 512
_FLUSH_SECONDS = 0.25


class Engine:
    """Runs executions and keeps them in `store`.

    Args:
        store: where everything is kept.
        clients: gives the boto3 client of a service, such as "lambda", in the role with an ARN.
        account_id, region: what ARNs say.
        invocations: how many calls of one Lambda function are under way at once. Further tasks wait for their turn
            before their TimeoutSeconds begins to count: a laptop has fewer workers than AWS, and a task must not time
            out because of it.
    """

    def __init__(
        self, store: Store, clients: Callable[[str, str], Any], account_id: str, region: str, *, invocations: int = 16
    ) -> None:
        self._listener: Callable[[ExecutionRecord], None] = lambda _: None
        self._abandoned = store.abandon(time.time())
        self.store = store
        self.client = clients
        self.account_id = account_id
        self.region = region
        self.clock = time.time
        self.retry_pace: Callable[[], float] = lambda: 1.0
        """Which part of the time before a retry, and in a Wait state, is waited: a rehearsal of faults need not take a
        night."""
        self.tokens = TaskTokens()
        self.activities = Activities(self.tokens)
        self.job_ends = JobEnds()
        self.running: dict[str, Execution] = {}
        self.map_runs: dict[str, MapRunRecord] = {}
        self.redrive_tokens: dict[str, tuple[str, float | None]] = {}
        """Which redrive a client's token stands for: the execution, and when."""
        self._invocations = invocations
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="states-call")
        self._definition = lru_cache(maxsize=256)(self._compile)
        self._flush_timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._handing_over = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="states", daemon=True)
        self._thread.start()

    def arn(self, kind: str, name: str) -> str:
        """An ARN of this service: `arn:aws:states:REGION:ACCOUNT:KIND:NAME`."""
        return f"arn:aws:states:{self.region}:{self.account_id}:{kind}:{name}"

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for it; for threads other than the loop's.

        Raises:
            ServiceError: ServiceUnavailableException after `close`.
        """
        closed = ServiceError("ServiceUnavailableException", "Step Functions has been closed", status=503)
        with self._handing_over:
            if self._closing:
                coroutine.close()
                raise closed
            handed_over = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return handed_over.result()
        except CancelledError:
            raise closed from None

    async def blocking(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a call that blocks on a thread of the pool."""
        return await self._loop.run_in_executor(self._threads, function, *arguments)

    def background(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Run a call that blocks without waiting for it; what it raises is of no interest."""
        self._threads.submit(function, *arguments)

    def listen(self, listener: Callable[[ExecutionRecord], None]) -> None:
        """Call `listener` with each execution whose status has changed: from now on, and once with those that an
        earlier process left running. It is called on the loop, so it must not wait."""
        self._listener = listener
        for record in self._abandoned:
            self.status_changed(record)
        self._abandoned = []

    def status_changed(self, record: ExecutionRecord) -> None:
        """Tell who listens; the record is saved. An execution goes on, or has ended, whether or not it can be told."""
        try:
            self._listener(record)
        except Exception:  # noqa: BLE001
            _log.exception("that %s is %s could not be told", record.arn, record.status)

    def job_ended(self, arn: str) -> None:
        """Wake the task that waits for a job. Whoever runs jobs calls it, from any thread."""
        with self._handing_over:
            if not self._closing:
                self._loop.call_soon_threadsafe(self.job_ends.tell, arn)

    def turn(self, key: str) -> AbstractAsyncContextManager[None]:
        """A place among the calls that may be under way at once for `key`."""
        return self._turns.setdefault(key, asyncio.Semaphore(self._invocations))

    async def start(self, machine: MachineRecord, name: str, input_text: str) -> Execution:
        """Start an execution of a state machine.

        Args:
            machine: the state machine.
            name: the execution's name, which the caller knows to be free.
            input_text: JSON.
        """
        express = machine.type == "EXPRESS"
        kind = "express" if express else "execution"
        suffix = f":{uuid.uuid4()}" if express else ""
        record = ExecutionRecord(
            id=self.store.new_execution_id(),
            arn=self.arn(kind, f"{machine.name}:{name}{suffix}"),
            name=name,
            machine_arn=machine.arn,
            revision_id=machine.revision_id,
            input=input_text,
            started=self.clock(),
            express=express,
        )
        outer = context.of_execution(record, Document.parse(input_text).value, machine.role_arn, machine.arn)
        return self.launch(record, self._definition(machine.revision_id), outer, machine.role_arn)

    async def redrive(self, record: ExecutionRecord, machine: MachineRecord) -> Execution:
        """Go on with an execution that ended, on the definition that it began with."""
        redriven = replace(record)
        earlier = self.taken_up(redriven, self._definition(record.revision_id))
        outer = context.of_execution(redriven, Document.parse(record.input).value, machine.role_arn, machine.arn)
        return self.launch(redriven, self._definition(record.revision_id), outer, machine.role_arn, earlier)

    def taken_up(
        self, record: ExecutionRecord, machine: definition.StateMachine | definition.Branch
    ) -> Resumption | Finished:
        """How far an execution had come that runs again from now on: its record says so."""
        events = self.store.events(record.id, after=0, limit=LIMIT)
        record.status, record.stopped, record.error, record.cause = "RUNNING", None, None, None
        record.redrive_count += 1
        record.redriven = self.clock()
        return resumption(events, machine)

    def launch(
        self,
        record: ExecutionRecord,
        machine: definition.StateMachine | definition.Branch,
        outer: context.Context,
        role_arn: str,
        earlier: Resumption | Finished | None = None,
    ) -> Execution:
        """Start an execution, or go on with it, and keep it among the running ones while it runs."""
        execution = Execution(self, record, machine, outer, role_arn, earlier)
        self.running[record.arn] = execution
        execution.start()
        execution.when_ended(lambda: self._ended(record.arn))
        return execution

    async def stop(self, arn: str, error: str | None, cause: str | None) -> None:
        """Stop an execution and wait until it has ended; one that is not running is left as it is."""
        if execution := self.running.get(arn):
            execution.stop(error, cause)
            await execution.wait()

    async def has_ended(self, arn: str, seconds: float) -> bool:
        """Whether an execution has ended: as soon as it has, or once `seconds` have passed."""
        if execution := self.running.get(arn):
            await execution.wait(seconds)
        return arn not in self.running

    def close(self) -> None:
        """Abort everything that runs, stop the loop and write what is buffered."""
        with self._handing_over:
            # From here on nothing more is handed over, so whatever was is on the loop when it is stopped.
            self._closing = True
        asyncio.run_coroutine_threadsafe(self._stop_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.store.close()

    async def _stop_all(self) -> None:
        self.activities.close()
        executions = list(self.running.values())
        for execution in executions:
            execution.stop()
        for execution in executions:
            await execution.wait()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._loop.shutdown_asyncgens()
        if self._flush_timer:
            self._flush_timer.cancel()

    def _ended(self, arn: str) -> None:
        del self.running[arn]
        if self._flush_timer is None:
            self._flush_timer = self._loop.call_later(_FLUSH_SECONDS, self._flush)

    def _flush(self) -> None:
        self._flush_timer = None
        self.store.flush()

    def _compile(self, revision_id: str) -> definition.StateMachine:
        revision = self.store.revision(revision_id)
        if revision is None:
            raise LookupError(f"there is no revision {revision_id} of a state machine")
        return definition.parse(revision[0])
