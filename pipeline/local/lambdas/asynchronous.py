"""Asynchronous invocation: events wait in a queue on disk, failures are tried again, and what failed for good is told.

Source: Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous invocation" and "Capturing
records of Lambda asynchronous invocations": two retries, after one minute and two more, within six hours; then the
record goes to the destination of the function's event invoke configuration, and the event to its dead-letter queue.
"""

import json
import logging
import uuid
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pipeline.local.database import Database
from pipeline.local.delivery import Deliveries, Delivery, UnknownTargetError, check_target
from pipeline.local.lambdas.functions import VERSION, Function
from pipeline.local.lambdas.workers import Result, WorkerPool
from pipeline.local.protocol import RestJsonService, ServiceError
from pipeline.local.queues import Again, DurableQueue
from pipeline.local.timers import Timers

MAX_RETRIES, MAX_AGE = 2, 21_600
SECONDS_BETWEEN_ATTEMPTS = (60, 120)
SECONDS_AFTER_THROTTLING = 1
_AT_ONCE = 32
_LONGEST_MESSAGE = 1024  # characters of an error in a dead-letter queue's attribute
_SETTINGS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Event:
    """An event on its way to a function. `created` is in seconds since 1970."""

    function: str
    payload: str
    request_id: str
    created: float
    attempts: int = 0


class AsynchronousOperations(RestJsonService):
    """Invocation by events, and how each function's are treated.

    Args:
        database: where events wait.
        timers: when they are tried again.
        deliveries: tells destinations and dead-letter queues.
    """

    def __init__(self, database: Database, timers: Timers, deliveries: Deliveries) -> None:
        self._deliveries = deliveries
        self._clock = timers.clock
        self._event_configs: dict[str, dict[str, Any]] = {}  # by function ARN
        self._events = DurableQueue(database, "lambda-events", timers, self._work, threads=_AT_ONCE)

    @abstractmethod
    def pool(self, given: str, qualifier: str | None = None) -> WorkerPool:
        """The workers of a function. Raises ServiceError: ResourceNotFoundException."""

    @abstractmethod
    def serve_event(self, pool: WorkerPool, payload: bytes, request_id: str | None = None) -> Result:
        """What a function answers. Raises ServiceError where it is throttled."""

    def invoke_later(self, function: Function, payload: bytes) -> str:
        """Queue an event for a function; returns the request's id."""
        event = _Event(function.name, payload.decode(), str(uuid.uuid4()), self._clock())
        self._events.put(asdict(event))
        return event.request_id

    def put_function_event_invoke_config(self, parameters: dict[str, Any]) -> dict[str, Any]:
        arn = self._function_arn(parameters)
        settings = {name: parameters[name] for name in _SETTINGS if name in parameters}
        for destination in _destinations(settings).values():
            _check_destination(destination)
        self._event_configs[arn] = {**settings, "FunctionArn": arn, "LastModified": self._clock()}
        return self._told(arn)

    def update_function_event_invoke_config(self, parameters: dict[str, Any]) -> dict[str, Any]:
        before = self._event_config(self._function_arn(parameters))
        return self.put_function_event_invoke_config({**before, **parameters})

    def get_function_event_invoke_config(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._told(self._event_config(self._function_arn(parameters))["FunctionArn"])

    def list_function_event_invoke_configs(self, parameters: dict[str, Any]) -> dict[str, Any]:
        arn = self._function_arn(parameters)
        return {"FunctionEventInvokeConfigs": [self._told(arn)] if arn in self._event_configs else []}

    def delete_function_event_invoke_config(self, parameters: dict[str, Any]) -> dict[str, Any]:
        del self._event_configs[self._event_config(self._function_arn(parameters))["FunctionArn"]]
        return {}

    def forget_events_of(self, arn: str) -> None:
        """Let the function of this ARN have no configuration any more, if it had one."""
        self._event_configs.pop(arn, None)

    def close_events(self) -> None:
        self._events.close()

    def _function_arn(self, parameters: Mapping[str, Any]) -> str:
        return self.pool(parameters["FunctionName"], parameters.get("Qualifier")).function.arn

    def _event_config(self, arn: str) -> dict[str, Any]:
        if arn not in self._event_configs:
            raise ServiceError(
                "ResourceNotFoundException", f"The function {arn} doesn't have an EventInvokeConfig", Type="User"
            )
        return self._event_configs[arn]

    def _told(self, arn: str) -> dict[str, Any]:
        config = self._event_configs[arn]
        return {**config, "FunctionArn": f"{arn}:{VERSION}", "DestinationConfig": config.get("DestinationConfig", {})}

    def _work(self, item: Mapping[str, Any]) -> Again | None:
        event = _Event(**item)
        try:
            pool = self.pool(event.function)
        except ServiceError as error:
            _log.warning("An event was dropped: %s", error.message)
            return None
        config = self._event_configs.get(pool.function.arn, {})
        max_age = config.get("MaximumEventAgeInSeconds", MAX_AGE)
        if self._clock() - event.created > max_age:
            self._tell(event, pool.function, config, "EventAgeExceeded", None)
            return None
        try:
            result = self.serve_event(pool, event.payload.encode(), event.request_id)
        except ServiceError:
            # Throttled: it goes back into the queue, and was no attempt (Developer Guide, "Asynchronous invocation").
            return Again(self._clock() + SECONDS_AFTER_THROTTLING, item)
        if result.failed and self._events.closed:
            return Again(event.created, item)  # its worker was stopped with the cloud: the next one serves it
        event = replace(event, attempts=event.attempts + 1)
        if not result.failed:
            self._tell(event, pool.function, config, "Success", result)
        elif event.attempts > config.get("MaximumRetryAttempts", MAX_RETRIES):
            self._tell(event, pool.function, config, "RetriesExhausted", result)
        else:
            due = self._clock() + SECONDS_BETWEEN_ATTEMPTS[event.attempts - 1]
            if due - event.created <= max_age:
                return Again(due, asdict(event))
            self._tell(event, pool.function, config, "EventAgeExceeded", result)
        return None

    def _tell(
        self, event: _Event, function: Function, config: Mapping[str, Any], condition: str, result: Result | None
    ) -> None:
        """Tell the destination of what became of an event, and give the dead-letter queue one that failed."""
        failed = condition != "Success"
        destination = _destinations(config).get("OnFailure" if failed else "OnSuccess")
        if destination is not None:
            outcome = "Failure" if failed else "Success"
            named = {"Source": "lambda", "DetailType": f"Lambda Function Invocation Result - {outcome}"}
            arn = f"{function.arn}:{VERSION}"
            options = {"EventBridgeParameters": {**named, "Resources": [arn, destination]}}
            self._send(event, function, destination, _record(event, arn, condition, result), options)
        dead_letters = function.settings.get("DeadLetterConfig", {}).get("TargetArn")
        if failed and dead_letters:
            self._send(event, function, dead_letters, event.payload, {"MessageAttributes": _attributes(event, result)})
        if failed and destination is None and not dead_letters:
            why = result.payload.decode("utf-8", "replace") if result else "it was too old"
            _log.warning("An event for %s was dropped, since it has no dead-letter queue: %s", function.name, why)

    def _send(self, event: _Event, function: Function, target: str, payload: str, options: Mapping[str, Any]) -> None:
        role = function.settings["Role"]
        self._deliveries.send(
            Delivery(function.arn, target, payload, event.request_id, self._clock(), options, role=role)
        )


def _destinations(config: Mapping[str, Any]) -> dict[str, str]:
    """The ARNs of the destinations by OnSuccess and OnFailure."""
    given = config.get("DestinationConfig", {})
    return {name: each["Destination"] for name, each in given.items() if each.get("Destination")}


def _check_destination(arn: str) -> None:
    try:
        check_target(arn)
    except UnknownTargetError as error:
        raise ServiceError("InvalidParameterValueException", f"The destination is not served: {error}") from error


def _record(event: _Event, arn: str, condition: str, result: Result | None) -> str:
    """What a destination gets."""
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": arn,
            "condition": condition,
            "approximateInvokeCount": event.attempts,
        },
        "requestPayload": json.loads(event.payload),
    }
    if result is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": VERSION}
        if result.failed:
            record["responseContext"]["functionError"] = "Unhandled"
        record["responsePayload"] = _parsed(result.payload)
    return json.dumps(record)


def _attributes(event: _Event, result: Result | None) -> dict[str, Any]:
    """The message attributes of an event in a dead-letter queue."""
    parsed = _parsed(result.payload) if result else {"errorMessage": "The event was too old"}
    message = str(parsed.get("errorMessage") if isinstance(parsed, dict) else parsed)[:_LONGEST_MESSAGE]
    return {
        "RequestID": {"DataType": "String", "StringValue": event.request_id},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": message or "Unknown"},
    }


def _parsed(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode("utf-8", "replace")
