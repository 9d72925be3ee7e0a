"""Asking DynamoDB again, until it has taken all of a request or a time is over.

A batch that is throttled in part succeeds and names what it left (BatchGetItem, `UnprocessedKeys`; BatchWriteItem,
`UnprocessedItems`); one that is throttled as a whole is an error, once the client's own retries are used up. Both are
asked again after a wait that doubles and is drawn at random ("Exponential Backoff And Jitter", AWS Architecture Blog).
"""

import random
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError

from pipeline.objects import error_code

_FIRST_WAIT, _LONGEST_WAIT = 0.05, 5.0
_PASSING = {
    "InternalServerError",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
}


class Deadline:
    """A moment until which it is worth to ask again."""

    def __init__(self, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
        self._end = time.monotonic() + seconds
        self._sleep = sleep

    def wait(self, attempt: int) -> bool:
        """Wait before asking again, the `attempt`-th time; False, at once, where there is no time left."""
        left = self._end - time.monotonic()
        if left <= 0:
            return False
        self._sleep(min(left, random.uniform(0, min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt))))  # noqa: S311
        return True


def until_processed(
    send: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], asked: list[dict[str, Any]], deadline: Deadline
) -> list[dict[str, Any]]:
    """Give `asked` to `send`, which answers what was left of it, until nothing is; answers what was left at last.

    Raises what is no passing fault: no such table, no permission.
    """
    attempt = 0
    while True:
        try:
            asked = send(asked)
        except ClientError as error:
            if error_code(error) not in _PASSING:
                raise
        except HTTPClientError:
            pass
        if not asked or not deadline.wait(attempt):
            return asked
        attempt += 1
