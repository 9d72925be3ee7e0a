"""The ends of jobs, as whoever runs the jobs tells them: AWS has events for it (Amazon SageMaker Developer Guide,
"Amazon EventBridge for SageMaker AI")."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class JobEnd:
    """The end of one job, while a task waits for it."""

    def __init__(self) -> None:
        self._told = asyncio.Event()

    def tell(self) -> None:
        self._told.set()

    async def wait(self, seconds: float) -> None:
        """Wait until the end is told, `seconds` at most. Each time it is told ends one waiting."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._told.wait()
        self._told.clear()


class JobEnds:
    """The ends that tasks wait for, by the job's ARN. Everything happens on the engine's loop."""

    def __init__(self) -> None:
        self._expected: dict[str, JobEnd] = {}

    @contextmanager
    def expect(self, arn: str) -> Iterator[JobEnd]:
        """The end of a job, which is told from now on."""
        self._expected[arn] = end = JobEnd()
        try:
            yield end
        finally:
            self._expected.pop(arn, None)

    def tell(self, arn: str) -> None:
        """Say that a job has ended. Not every job is a task's."""
        if end := self._expected.get(arn):
            end.tell()
