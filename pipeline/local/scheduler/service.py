"""EventBridge Scheduler's API: schedules, their groups, and the groups' tags."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from pipeline.local.database import Database
from pipeline.local.delivery import Deliveries, UnknownTargetError, check_target
from pipeline.local.protocol import RestJsonService, ServiceError
from pipeline.local.scheduler.agenda import Agenda
from pipeline.local.scheduler.expressions import At, ExpressionError
from pipeline.local.scheduler.schedules import DEFAULT_GROUP, Schedule
from pipeline.local.timers import Timers

T = TypeVar("T")

_PAGE = 100
_SETTINGS = (
    "ActionAfterCompletion",
    "Description",
    "EndDate",
    "FlexibleTimeWindow",
    "KmsKeyArn",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "State",
    "Target",
)
_TIME = ("ScheduleExpression", "ScheduleExpressionTimezone")
_SERVED = {"Arn", "RoleArn", "Input", "DeadLetterConfig", "RetryPolicy", "SqsParameters", "EventBridgeParameters"}
_JSON_TARGETS = (":lambda:", ":states:", ":events:")


class SchedulerService(RestJsonService):
    """EventBridge Scheduler.

    Args:
        database: where schedules and groups are kept.
        deliveries: calls the targets.
        timers: when schedules fire.
    """

    service: ClassVar[str] = "scheduler"
    signing_name: ClassVar[str] = "scheduler"

    def __init__(
        self, database: Database, deliveries: Deliveries, timers: Timers, account_id: str, region: str
    ) -> None:
        self._database = database
        self._clock = timers.clock
        self._arn_prefix = f"arn:aws:scheduler:{region}:{account_id}"
        self._agenda = Agenda(database, deliveries, timers, account_id, region)
        self._groups: dict[str, Any] = database.documents("schedule-group")
        if DEFAULT_GROUP not in self._groups:
            self._save_group(DEFAULT_GROUP, {})

    def create_schedule(self, parameters: dict[str, Any]) -> dict[str, Any]:
        group, name = self._group(parameters), parameters["Name"]
        token = parameters.get("ClientToken")
        before = self._agenda.find(f"{group}/{name}")
        if before is not None:
            if token is not None and before.token == token:
                return {"ScheduleArn": before.arn}
            raise ServiceError("ConflictException", f"Schedule {name} already exists.")
        now = self._clock()
        schedule = Schedule(
            name, group, f"{self._arn_prefix}:schedule/{group}/{name}", _settings(parameters), now, now, now - 1, token
        )
        self._agenda.save(_checked(schedule))
        return {"ScheduleArn": schedule.arn}

    def update_schedule(self, parameters: dict[str, Any]) -> dict[str, Any]:
        before = self._existing(parameters)
        settings, now = _settings(parameters), self._clock()
        if settings != before.settings:  # what changes nothing does not change when it fires, either
            changed = _checked(replace(before, settings=settings, modified=now, since=now))
            same_time = all(settings.get(name) == before.settings.get(name) for name in _TIME)
            # What was to happen once, and did, does not happen again because its target was changed.
            self._agenda.save(replace(changed, since=before.since) if same_time and changed.since == 0 else changed)
        return {"ScheduleArn": before.arn}

    def get_schedule(self, parameters: dict[str, Any]) -> dict[str, Any]:
        schedule = self._existing(parameters)
        return {
            "ActionAfterCompletion": "NONE",
            "ScheduleExpressionTimezone": "UTC",
            "State": "ENABLED",
            **schedule.settings,
            "Arn": schedule.arn,
            "GroupName": schedule.group,
            "Name": schedule.name,
            "CreationDate": schedule.created,
            "LastModificationDate": schedule.modified,
        }

    def delete_schedule(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self._agenda.delete(self._existing(parameters).key)
        return {}

    def list_schedules(self, parameters: dict[str, Any]) -> dict[str, Any]:
        group, state = parameters.get("GroupName"), parameters.get("State")
        if group is not None:
            self._group(parameters)
        found = [
            schedule
            for schedule in self._agenda.all()
            if group in (None, schedule.group)
            and schedule.name.startswith(parameters.get("NamePrefix", ""))
            and state in (None, schedule.settings.get("State", "ENABLED"))
        ]
        page, token = _page(found, parameters, lambda schedule: schedule.key)
        return {"Schedules": [_summary(schedule) for schedule in page], "NextToken": token}

    def create_schedule_group(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["Name"]
        if name in self._groups:
            raise ServiceError("ConflictException", f"Schedule group {name} already exists.")
        self._save_group(name, {tag["Key"]: tag["Value"] for tag in parameters.get("Tags", ())})
        return {"ScheduleGroupArn": self._group_arn(name)}

    def get_schedule_group(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._described_group(self._existing_group(parameters["Name"]))

    def delete_schedule_group(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = self._existing_group(parameters["Name"])
        if name == DEFAULT_GROUP:
            raise ServiceError("ValidationException", "The default schedule group cannot be deleted.")
        for schedule in self._agenda.all():
            if schedule.group == name:
                self._agenda.delete(schedule.key)
        del self._groups[name]
        self._database.delete("schedule-group", name)
        return {}

    def list_schedule_groups(self, parameters: dict[str, Any]) -> dict[str, Any]:
        names = [name for name in sorted(self._groups) if name.startswith(parameters.get("NamePrefix", ""))]
        page, token = _page(names, parameters, str)
        return {"ScheduleGroups": [self._described_group(name) for name in page], "NextToken": token}

    def tag_resource(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = self._tagged(parameters)
        self._save_group(
            name, {**self._groups[name]["tags"], **{tag["Key"]: tag["Value"] for tag in parameters["Tags"]}}
        )
        return {}

    def untag_resource(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = self._tagged(parameters)
        tags = self._groups[name]["tags"]
        self._save_group(name, {key: value for key, value in tags.items() if key not in parameters["TagKeys"]})
        return {}

    def list_tags_for_resource(self, parameters: dict[str, Any]) -> dict[str, Any]:
        tags = self._groups[self._tagged(parameters)]["tags"]
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def _existing(self, parameters: Mapping[str, Any]) -> Schedule:
        schedule = self._agenda.find(f"{self._group(parameters)}/{parameters['Name']}")
        if schedule is None:
            raise ServiceError("ResourceNotFoundException", f"Schedule {parameters['Name']} does not exist.")
        return schedule

    def _group(self, parameters: Mapping[str, Any]) -> str:
        return self._existing_group(parameters.get("GroupName", DEFAULT_GROUP))

    def _existing_group(self, name: str) -> str:
        if name not in self._groups:
            raise ServiceError("ResourceNotFoundException", f"Schedule group {name} does not exist.")
        return name

    def _tagged(self, parameters: Mapping[str, Any]) -> str:
        """The group of an ARN: schedules have no tags."""
        prefix, _, name = parameters["ResourceArn"].rpartition("/")
        if f"{prefix}/" != self._group_arn(""):
            raise ServiceError("ResourceNotFoundException", f"There is no schedule group {parameters['ResourceArn']}")
        return self._existing_group(name)

    def _group_arn(self, name: str) -> str:
        return f"{self._arn_prefix}:schedule-group/{name}"

    def _save_group(self, name: str, tags: Mapping[str, str]) -> None:
        now = self._clock()
        created = self._groups.get(name, {}).get("created", now)
        self._groups[name] = {"created": created, "modified": now, "tags": dict(tags)}
        self._database.put("schedule-group", name, self._groups[name])

    def _described_group(self, name: str) -> dict[str, Any]:
        group = self._groups[name]
        return {
            "Arn": self._group_arn(name),
            "Name": name,
            "State": "ACTIVE",
            "CreationDate": group["created"],
            "LastModificationDate": group["modified"],
        }


def _settings(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a request, its times as seconds since 1970."""
    kept = {name: parameters[name] for name in _SETTINGS if name in parameters}
    return {name: value.timestamp() if isinstance(value, datetime) else value for name, value in kept.items()}


def _checked(schedule: Schedule) -> Schedule:
    """A schedule that was made or changed just now, if it makes sense."""
    settings, target = schedule.settings, schedule.target
    try:
        expression = schedule.expression()
        check_target(target["Arn"])
    except ExpressionError as error:
        raise _invalid(f"Invalid Schedule Expression {settings['ScheduleExpression']}. {error}") from error
    except UnknownTargetError as error:
        raise _invalid(f"Provided Arn is not in correct format. {error}") from error
    unserved = sorted(set(target) - _SERVED)
    if unserved:
        raise _invalid(f"{unserved[0]} is not served in the local cloud")
    if ":event-bus/" in target["Arn"] and "EventBridgeParameters" not in target:
        raise _invalid("EventBridgeParameters is required for an event bus")
    window = settings["FlexibleTimeWindow"]
    if (window["Mode"] == "FLEXIBLE") != ("MaximumWindowInMinutes" in window):
        raise _invalid("MaximumWindowInMinutes goes with a FlexibleTimeWindow of Mode FLEXIBLE, and with no other")
    if settings.get("EndDate", float("inf")) <= settings.get("StartDate", 0):
        raise _invalid("The StartDate you specify must come before the EndDate.")
    if "Input" in target and any(service in target["Arn"] for service in _JSON_TARGETS):
        try:
            json.loads(target["Input"].replace("<aws.scheduler.attempt-number>", "1"))
        except ValueError as error:
            raise _invalid(f"Invalid RequestJson provided. Reason: the Input is not JSON: {error}") from error
    # What was to happen once, at a time that is past by now, happens at once.
    return replace(schedule, since=0.0) if isinstance(expression, At) else schedule


def _summary(schedule: Schedule) -> dict[str, Any]:
    return {
        "Arn": schedule.arn,
        "Name": schedule.name,
        "GroupName": schedule.group,
        "State": schedule.settings.get("State", "ENABLED"),
        "CreationDate": schedule.created,
        "LastModificationDate": schedule.modified,
        "Target": {"Arn": schedule.target["Arn"]},
    }


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _page(entries: Iterable[T], parameters: Mapping[str, Any], key: Callable[[T], str]) -> tuple[list[T], str | None]:
    """The page that `parameters` ask for, and the token of the next one: the last key of this one."""
    limit, after = parameters.get("MaxResults", _PAGE), parameters.get("NextToken", "")
    left = [entry for entry in entries if key(entry) > after]
    return left[:limit], key(left[limit - 1]) if len(left) > limit else None
