"""What can be a target, and the API call that hands something to it.

Source: EventBridge User Guide, "Event bus targets"; EventBridge Scheduler User Guide, "Using templated targets".
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

_ARN = re.compile(r"arn:aws[a-z-]*:(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*):(?P<account>\d*):(?P<resource>.+)")

Clients = Callable[[str], Any]
"""Gives the boto3 client of a service."""


class UnknownTargetError(ValueError):
    """An ARN that nothing is delivered to here."""


@dataclass(frozen=True)
class Call:
    """An API call: boto3's names of the service and the operation, and the parameters."""

    service: str
    operation: str
    parameters: Mapping[str, Any]

    def make(self, clients: Clients) -> None:
        getattr(clients(self.service), self.operation)(**self.parameters)

    @property
    def request(self) -> str:
        """The parameters as JSON, their names as in the API reference: what a schedule's dead-letter message holds."""
        return json.dumps({name[:1].upper() + name[1:]: value for name, value in self.parameters.items()})


def check_target(arn: str) -> None:
    """Raise UnknownTargetError for an ARN that nothing is delivered to here."""
    _caller(arn)


def call_of(arn: str, payload: str, name: str, options: Mapping[str, Any], clients: Clients) -> Call:
    """The call that hands `payload` to the target.

    Args:
        payload: text, JSON for most targets.
        name: of the delivery, the same at each attempt: executions are called after it, so that two attempts start one.
        options: what the rule or the schedule says for this kind of target, such as SqsParameters.
        clients: a queue's URL is asked for.
    """
    caller, match = _caller(arn)
    return caller(arn, match["resource"], payload, name, options, clients)


def _caller(arn: str) -> tuple[Callable[..., Call], re.Match[str]]:
    match = _ARN.fullmatch(arn)
    for service, resource, caller in _CALLERS:
        if match is not None and match["service"] == service and match["resource"].startswith(resource):
            return caller, match
    served = ", ".join(f"{service}:{resource}".rstrip(":") for service, resource, _ in _CALLERS)
    raise UnknownTargetError(f"{arn!r} is no target that is served here; these are: {served}")


def _start_execution(
    arn: str, _resource: str, payload: str, name: str, _options: Mapping[str, Any], _clients: Clients
) -> Call:
    return Call("stepfunctions", "start_execution", {"stateMachineArn": arn, "name": name, "input": payload})


def _invoke(arn: str, _resource: str, payload: str, _name: str, _options: Mapping[str, Any], _clients: Clients) -> Call:
    return Call("lambda", "invoke", {"FunctionName": arn, "InvocationType": "Event", "Payload": payload})


def _send_message(
    _arn: str, resource: str, payload: str, name: str, options: Mapping[str, Any], clients: Clients
) -> Call:
    queue_url = clients("sqs").get_queue_url(QueueName=resource)["QueueUrl"]
    group = options.get("SqsParameters", {}).get("MessageGroupId")
    fifo = {"MessageGroupId": group, "MessageDeduplicationId": name} if group else {}
    return Call("sqs", "send_message", {"QueueUrl": queue_url, "MessageBody": payload, **fifo, **_attributes(options)})


def _publish(arn: str, _resource: str, payload: str, _name: str, options: Mapping[str, Any], _clients: Clients) -> Call:
    return Call("sns", "publish", {"TopicArn": arn, "Message": payload, **_attributes(options)})


def _attributes(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"MessageAttributes": options["MessageAttributes"]} if "MessageAttributes" in options else {}


def _put_log_events(
    _arn: str, resource: str, payload: str, name: str, _options: Mapping[str, Any], clients: Clients
) -> Call:
    group = resource.removeprefix("log-group:").removesuffix(":*")
    logs = clients("logs")
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_stream(logGroupName=group, logStreamName=name)
    events = [{"timestamp": round(time.time() * 1000), "message": payload}]
    return Call("logs", "put_log_events", {"logGroupName": group, "logStreamName": name, "logEvents": events})


def _put_events(
    arn: str, _resource: str, payload: str, _name: str, options: Mapping[str, Any], _clients: Clients
) -> Call:
    named = options.get("EventBridgeParameters", {})
    entry = {"EventBusName": arn, "Detail": payload, **named}
    return Call("events", "put_events", {"Entries": [entry]})


_CALLERS: tuple[tuple[str, str, Callable[..., Call]], ...] = (
    ("states", "stateMachine:", _start_execution),
    ("lambda", "function:", _invoke),
    ("sqs", "", _send_message),
    ("sns", "", _publish),
    ("logs", "log-group:", _put_log_events),
    ("events", "event-bus/", _put_events),
)


@dataclass(frozen=True)
class Failure:
    """Why a target did not take a delivery."""

    code: str
    """As the target's service says it."""
    message: str
    gone: bool = False
    """There is no such target."""
    lasting: bool = False
    """Another attempt would end the same."""
    throttled: bool = False
    refused: bool = False
    """The role does not allow it."""


_REFUSED = re.compile(r"AccessDenied.*|AuthorizationError.*")
_GONE = re.compile(r".*(DoesNotExist|NonExistentQueue|NotFound|NotFoundException|DoesNotExistException)")


def failure_of(error: Exception) -> Failure | None:
    """What an exception of a call says of the delivery; None where an earlier attempt had succeeded after all."""
    if not isinstance(error, ClientError):
        return Failure(type(error).__name__, str(error))
    told = error.response["Error"]
    code, message = str(told.get("Code", "Unknown")), str(told.get("Message", error))
    if code == "ExecutionAlreadyExists":
        return None
    status = error.response["ResponseMetadata"].get("HTTPStatusCode", 500)
    throttled = status == 429 or "Throttl" in code
    gone = _GONE.fullmatch(code) is not None
    return Failure(
        code,
        message,
        gone=gone,
        lasting=gone or (400 <= status < 500 and not throttled),
        throttled=throttled,
        refused=_REFUSED.fullmatch(code) is not None,
    )
