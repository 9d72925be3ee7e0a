"""A line of execution: the top level of an execution, a branch of a Parallel state or an iteration of a Map state."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.local.states.context import Context
from pipeline.local.states.scope import Json

if TYPE_CHECKING:
    from pipeline.local.states.execution import Execution


class Frame:
    """What the states of one line share: the variables, the context object and the event that comes before the next."""

    __slots__ = ("context", "event", "execution", "variables")

    def __init__(self, execution: "Execution", context: Context, variables: dict[str, Json], event: int = 0) -> None:
        self.execution = execution
        self.context = context
        self.variables = variables
        self.event = event

    def branch(self, context: Context | None = None, event: int | None = None) -> "Frame":
        """A line that starts here. It sees the variables as they are now; what it assigns stays its own."""
        return Frame(
            self.execution,
            self.context if context is None else context,
            self.variables,
            self.event if event is None else event,
        )

    def record(self, type_: str, **details: Any) -> int:
        """Record an event; the next one of this line follows it."""
        self.event = self.note(type_, **details)
        return self.event

    def note(self, type_: str, **details: Any) -> int:
        """Record an event beside the line: the next one follows the same event as this one."""
        return self.execution.history.add(type_, self.event, **details)


async def run_together(lines: Sequence[Awaitable[Any]]) -> list[Any]:
    """Run lines side by side; when one fails the others are stopped, and the first failure is raised."""
    tasks = [asyncio.ensure_future(line) for line in lines]
    try:
        for task in asyncio.as_completed(tasks):
            await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [task.result() for task in tasks]
