"""What may go wrong with an invocation of a Lambda function.

A function that is killed, has no memory or no time left ends after some seconds, or when it would have answered, if
that is sooner: everything is done then, and nobody hears of it. Its time is not waited for.
"""

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from pipeline.local.faults.injection import Strike
from pipeline.local.protocol import ServiceError

T = TypeVar("T")


@dataclass(frozen=True)
class Crash:
    """The end of a worker in the middle of an invocation: after so many seconds, of a signal, or of its time limit."""

    seconds: float
    signal: signal.Signals | None


_SIGNALS = {"killed": signal.SIGSEGV, "out_of_memory": signal.SIGKILL, "timed_out": None}


def invoked(serve: Callable[[Crash | None], T], strike: Strike | None) -> T:
    """What `serve` answers, once the strike has made of it what it makes.

    Raises ServiceError: TooManyRequestsException.
    """
    if strike is None:
        return serve(None)
    strike.record()
    if strike.fault == "throttled":
        reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
        raise ServiceError("TooManyRequestsException", "Rate Exceeded.", status=429, Reason=reason, Type="User")
    if strike.fault == "twice":
        with ThreadPoolExecutor(1) as other:
            first = other.submit(serve, None)
            answer = serve(None)
            first.result()
            return answer
    return serve(Crash(strike.seconds, _SIGNALS[strike.fault]))
