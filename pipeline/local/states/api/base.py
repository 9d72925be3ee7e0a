"""What the operations share: the engine and the store, and how names, ARNs and pages are checked."""

import base64
import re
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from pipeline.local.protocol import JsonService, ServiceError
from pipeline.local.states.engine import Engine
from pipeline.local.states.records import MachineRecord, MapRunRecord
from pipeline.local.states.store import Store

P = TypeVar("P", int, str)
R = TypeVar("R")

PAGE = 100
"""Entries of a page where the caller does not say how many."""

# API reference, CreateStateMachine, "name".
_FORBIDDEN_IN_NAMES = re.compile(r"""[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]""")
_ARN = re.compile(r"arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:(\w+):(.+)")


class Operations(JsonService):
    """Base of the groups of operations."""

    service: ClassVar[str] = "stepfunctions"
    signing_name: ClassVar[str] = "states"
    engine: Engine
    store: Store

    def existing_machine(self, arn: str) -> MachineRecord:
        """The state machine with an ARN. Raises ServiceError: InvalidArn, StateMachineDoesNotExist."""
        check_arn(arn, "stateMachine")
        machine = self.store.machine(arn)
        if machine is None:
            raise ServiceError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        return machine

    def existing_map_run(self, arn: str) -> MapRunRecord:
        """The map run with an ARN, live while it runs. Raises ServiceError: InvalidArn, ResourceNotFound."""
        check_arn(arn, "mapRun")
        run = self.engine.map_runs.get(arn) or self.store.map_run(arn)
        if run is None:
            raise ServiceError("ResourceNotFound", f"Resource not found: '{arn}'")
        return run


def check_name(name: str) -> None:
    """Raise ServiceError InvalidName for a name that machines, executions and activities cannot have."""
    if _FORBIDDEN_IN_NAMES.search(name):
        raise ServiceError("InvalidName", f"Invalid Name: '{name}'")


def check_arn(arn: str, *kinds: str) -> None:
    """Raise ServiceError InvalidArn unless `arn` is one of this service with one of these resource types."""
    match = _ARN.fullmatch(arn)
    if match is None or match[1] not in kinds:
        wanted = " or ".join(kinds)
        raise ServiceError("InvalidArn", f"Invalid Arn: '{arn}' is not the ARN of a resource of type {wanted}")


def page(
    parameters: dict[str, Any], start: P, fetch: Callable[[P, int], list[R]], position_of: Callable[[R], P]
) -> tuple[list[R], str | None]:
    """The records of the page that `parameters` ask for, and the token of the next page, None after the last.

    `fetch(after, limit)` reads records behind a position, which for the first page is `start`. Raises ServiceError:
    InvalidToken.
    """
    limit = parameters.get("maxResults") or PAGE
    token = parameters.get("nextToken")
    records = fetch(start if token is None else _position(token, type(start)), limit + 1)
    if len(records) <= limit:
        return records, None
    after = f"after:{position_of(records[limit - 1])}"
    return records[:limit], base64.urlsafe_b64encode(after.encode()).decode()


def _position(token: str, kind: Callable[[str], P]) -> P:
    try:
        prefix, _, position = base64.urlsafe_b64decode(token).decode().partition(":")
        if prefix == "after":
            return kind(position)
    except ValueError:
        pass
    raise ServiceError("InvalidToken", "Invalid Token: 'nextToken is not one that this operation gave out'")
