"""Activities: tasks that workers fetch by GetActivityTask and answer with their task token."""

import asyncio
from collections import deque
from dataclasses import dataclass

from pipeline.local.states.tokens import TaskTokens, Waiting

POLL_SECONDS = 20.0
"""How long GetActivityTask waits for a task. AWS holds on for 60 s, which is also boto3's read timeout: a shorter poll
answers before a client gives up."""


@dataclass(slots=True)
class ActivityTask:
    """A task that waits for a worker."""

    waiting: Waiting
    input: str
    fetched: "asyncio.Future[str | None]"
    """Resolved with the worker's name when a worker takes the task."""


class Activities:
    """The queues of all activities. Methods run on the event loop."""

    def __init__(self, tokens: TaskTokens) -> None:
        self._tokens = tokens
        self._queues: dict[str, deque[ActivityTask]] = {}
        self._pollers: dict[str, deque[asyncio.Future[ActivityTask]]] = {}

    def schedule(self, arn: str, input_text: str) -> ActivityTask:
        """Queue a task; `withdraw` it when nobody should do it any more."""
        task = ActivityTask(self._tokens.issue(), input_text, asyncio.get_running_loop().create_future())
        pollers = self._pollers.get(arn, deque())
        while pollers:
            poller = pollers.popleft()
            if not poller.done():
                poller.set_result(task)
                return task
        self._queues.setdefault(arn, deque()).append(task)
        return task

    def withdraw(self, arn: str, task: ActivityTask) -> None:
        self._tokens.close(task.waiting)
        queue = self._queues.get(arn, deque())
        if task in queue:
            queue.remove(task)

    async def fetch(self, arn: str, worker: str | None) -> ActivityTask | None:
        """The oldest task of an activity, or None when none comes in time."""
        queue = self._queues.get(arn, deque())
        if queue:
            task = queue.popleft()
        else:
            poller: asyncio.Future[ActivityTask] = asyncio.get_running_loop().create_future()
            self._pollers.setdefault(arn, deque()).append(poller)
            await asyncio.wait([poller], timeout=POLL_SECONDS)
            if not poller.done():
                poller.cancel()
            if poller.cancelled():
                return None
            task = poller.result()
        if not task.fetched.done():
            task.fetched.set_result(worker)
        return task

    def close(self) -> None:
        """Send every waiting worker home."""
        for pollers in self._pollers.values():
            for poller in pollers:
                poller.cancel()
