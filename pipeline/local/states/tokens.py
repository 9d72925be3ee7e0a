"""Task tokens: how work outside the interpreter says that it is done, has failed, or still lives.

A token is issued when a `.waitForTaskToken` task or an activity is handed out, and closed when its task ends. The
holder waits on the event loop; answers arrive on the threads that serve the API.
"""

import asyncio
import base64
import json
import secrets
from collections.abc import Iterable
from typing import Any

from pipeline.local.protocol import ServiceError
from pipeline.local.states.documents import Document
from pipeline.local.states.errors import HEARTBEAT_TIMEOUT, TASK_FAILED, TIMEOUT, StateError


class HeartbeatTimeoutError(StateError):
    """No heartbeat came in time: reported as States.Timeout, and also caught by the name States.HeartbeatTimeout."""

    def __init__(self) -> None:
        super().__init__(TIMEOUT)

    def matches(self, error_equals: Iterable[str]) -> bool:
        names = set(error_equals)
        return HEARTBEAT_TIMEOUT in names or super().matches(names)


class Waiting:
    """One open task: its outcome, and when it was last heard of."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.outcome: asyncio.Future[Document] = asyncio.get_running_loop().create_future()
        self._heard = asyncio.Event()

    def heartbeat(self) -> None:
        self._heard.set()

    async def wait(self, heartbeat_seconds: float | None) -> Document:
        """Wait for the outcome.

        Raises:
            StateError: what SendTaskFailure reported, or States.Timeout when no heartbeat came in time.
        """
        while True:
            self._heard.clear()
            heard = asyncio.ensure_future(self._heard.wait())
            first: tuple[asyncio.Future[Any], ...] = (self.outcome, heard)
            try:
                await asyncio.wait(first, timeout=heartbeat_seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                heard.cancel()
            if self.outcome.done():
                return self.outcome.result()
            if not self._heard.is_set():
                raise HeartbeatTimeoutError


class TaskTokens:
    """The open tokens of one cloud. Methods run on the event loop."""

    def __init__(self) -> None:
        self._secret = secrets.token_hex(8)
        self._open: dict[str, Waiting] = {}

    def issue(self) -> Waiting:
        """A new token; `close` it when its task ends."""
        # Self-describing, so that a token which was ours and is closed differs from one that never was.
        body = json.dumps({"issuer": self._secret, "nonce": secrets.token_hex(32)})
        token = base64.b64encode(body.encode()).decode()
        waiting = self._open[token] = Waiting(token)
        return waiting

    def close(self, waiting: Waiting) -> None:
        self._open.pop(waiting.token, None)
        waiting.outcome.cancel()

    def succeed(self, token: str, output: str) -> None:
        """SendTaskSuccess. Raises ServiceError: InvalidToken, TaskTimedOut, InvalidOutput."""
        waiting = self._find(token)
        try:
            waiting.outcome.set_result(Document.parse(output))
        except ValueError as error:
            raise ServiceError("InvalidOutput", f"Invalid Output: '{error}'") from error

    def fail(self, token: str, error: str | None, cause: str | None) -> None:
        """SendTaskFailure. Raises ServiceError: InvalidToken, TaskTimedOut."""
        self._find(token).outcome.set_exception(StateError(error or TASK_FAILED, cause))

    def heartbeat(self, token: str) -> None:
        """SendTaskHeartbeat. Raises ServiceError: InvalidToken, TaskTimedOut."""
        self._find(token).heartbeat()

    def _find(self, token: str) -> Waiting:
        waiting = self._open.get(token)
        if waiting is not None and not waiting.outcome.done():
            return waiting
        if self._is_ours(token):
            message = "Task Timed Out: 'Provided task does not exist anymore'"
            raise ServiceError("TaskTimedOut", message)
        raise ServiceError("InvalidToken", "Invalid Token: 'Invalid token'")

    def _is_ours(self, token: str) -> bool:
        try:
            return bool(json.loads(base64.b64decode(token, validate=True))["issuer"] == self._secret)
        except (ValueError, KeyError, TypeError):
            return False
