"""Putting events on the bus, and trying patterns on them without a rule."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from pipeline.local.events.bus import Bus
from pipeline.local.events.matchers import PatternError
from pipeline.local.events.patterns import Pattern
from pipeline.local.events.rules import BUS
from pipeline.local.protocol import JsonService, ServiceError

_MAX_ENTRIES = 256 * 1024  # bytes of all entries of one PutEvents
_EVENT_FIELDS = ("id", "account", "source", "time", "region", "resources", "detail-type")


class PublishingOperations(JsonService):
    """PutEvents and TestEventPattern."""

    service: ClassVar[str] = "events"
    signing_name: ClassVar[str] = "events"
    bus: Bus

    def put_events(self, parameters: dict[str, Any]) -> dict[str, Any]:
        entries = parameters["Entries"]
        if sum(map(_size, entries)) > _MAX_ENTRIES:
            raise ServiceError(
                "ValidationException",
                f"Total size of the entries in the request is over the limit of {_MAX_ENTRIES} bytes.",
            )
        results = [self._put_event(entry) for entry in entries]
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}

    def test_event_pattern(self, parameters: dict[str, Any]) -> dict[str, Any]:
        try:
            event = json.loads(parameters["Event"])
        except ValueError as error:
            raise _invalid_event(f"it is not JSON: {error}") from error
        missing = [name for name in _EVENT_FIELDS if not isinstance(event, dict) or name not in event]
        if missing:
            raise _invalid_event(f"'{missing[0]}' field missing")
        try:
            return {"Result": Pattern(parameters["EventPattern"]).matches(event)}
        except PatternError as error:
            raise invalid_pattern(error) from error

    def _put_event(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        for name in ("Source", "DetailType", "Detail"):
            if not entry.get(name):
                reason = f"Parameter {name} is not valid. Reason: {name} is a required argument."
                return {"ErrorCode": "InvalidArgument", "ErrorMessage": reason}
        if str(entry["Source"]).startswith("aws."):
            return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."}
        if _bus_name(entry) != BUS:
            told = f"There is no event bus {entry['EventBusName']} here: leave EventBusName out, or name {BUS}"
            return {"ErrorCode": "ResourceNotFoundException", "ErrorMessage": told}
        try:
            detail = json.loads(entry["Detail"])
        except ValueError:
            detail = None
        if not isinstance(detail, dict):
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        event = self.bus.event(
            entry["Source"], entry["DetailType"], detail, list(entry.get("Resources", ())), entry.get("Time")
        )
        self.bus.publish(event)
        return {"EventId": event["id"]}


def _bus_name(parameters: Mapping[str, Any]) -> str:
    return str(parameters.get("EventBusName", BUS)).rpartition("/")[2]


def check_bus(parameters: Mapping[str, Any]) -> None:
    """Raise ServiceError: ResourceNotFoundException, unless the parameters mean the default bus."""
    if _bus_name(parameters) != BUS:
        raise ServiceError(
            "ResourceNotFoundException",
            f"Event bus {parameters['EventBusName']} does not exist: the local cloud has the bus {BUS} alone.",
        )


def invalid_pattern(error: PatternError) -> ServiceError:
    """The answer to a pattern that is none."""
    return ServiceError("InvalidEventPatternException", f"Event pattern is not valid. Reason: {error}")


def _invalid_event(why: str) -> ServiceError:
    return ServiceError("ValidationException", f"Parameter Event is not valid. Reason: {why}")


def _size(entry: Mapping[str, Any]) -> int:
    """An entry's size. Source: EventBridge User Guide, "Calculating PutEvents event entry size"."""
    texts = [*(entry.get(name, "") for name in ("Source", "DetailType", "Detail")), *entry.get("Resources", ())]
    return sum(len(str(text).encode()) for text in texts) + (14 if "Time" in entry else 0)
