"""EventBridge: the default bus, its rules and their targets. What is not served is refused by name."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pipeline.local.database import Database
from pipeline.local.delivery import Deliveries, UnknownTargetError, check_target
from pipeline.local.events.bus import Bus
from pipeline.local.events.matchers import PatternError
from pipeline.local.events.publishing import PublishingOperations, check_bus, invalid_pattern
from pipeline.local.events.rules import BUS, Rule
from pipeline.local.protocol import ServiceError
from pipeline.local.scheduler.expressions import ExpressionError, parse_expression
from pipeline.local.timers import Timers

T = TypeVar("T")

_PAGE = 100
_MAX_TARGETS = 5  # of a rule; EventBridge User Guide, "EventBridge quotas"
_MAX_TAGS = 50
_UNSERVED = (
    "EcsParameters",
    "BatchParameters",
    "KinesisParameters",
    "RunCommandParameters",
    "HttpParameters",
    "RedshiftDataParameters",
    "SageMakerPipelineParameters",
    "AppSyncParameters",
)
_NAME = re.compile(r"rule/(?:default/)?(.+)")
# Rules are stricter than Scheduler (EventBridge User Guide, "Rate expressions").
_WRONG_NUMBER = re.compile(r"rate\((1 +\w+s|(?!1 )\d+ +\w+[^s])\)")


class EventsService(PublishingOperations):
    """EventBridge.

    Args:
        database: where rules are kept.
        deliveries: gets events to targets.
        timers: for rules with a schedule.
    """

    def __init__(
        self, database: Database, deliveries: Deliveries, timers: Timers, account_id: str, region: str
    ) -> None:
        self.bus = Bus(database, deliveries, timers, account_id, region)
        self._timers = timers
        for rule in self.bus.rules():
            self._plan(rule)

    def put_rule(self, parameters: dict[str, Any]) -> dict[str, Any]:
        check_bus(parameters)
        name = parameters["Name"]
        pattern, schedule = parameters.get("EventPattern"), parameters.get("ScheduleExpression")
        if not pattern and not schedule:
            raise ServiceError(
                "ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified."
            )
        if schedule:
            self._schedule(schedule)
        before = self.bus.rule(name)
        rule = Rule(
            name,
            self.bus.arn(f"rule/{name}"),
            event_pattern=pattern or None,
            schedule_expression=schedule or None,
            state=parameters.get("State", "ENABLED"),
            description=parameters.get("Description"),
            role_arn=parameters.get("RoleArn"),
            targets=before.targets if before else {},
            tags=before.tags if before else {tag["Key"]: tag["Value"] for tag in parameters.get("Tags", ())},
        )
        self._save(rule)
        if before is None or before.schedule_expression != rule.schedule_expression:
            self._plan(rule)
        return {"RuleArn": rule.arn}

    def describe_rule(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._existing(parameters).described()

    def list_rules(self, parameters: dict[str, Any]) -> dict[str, Any]:
        check_bus(parameters)
        prefix = parameters.get("NamePrefix", "")
        rules = [rule.described() for rule in self.bus.rules() if rule.name.startswith(prefix)]
        page, token = _page(rules, parameters, lambda rule: rule["Name"])
        return {"Rules": page, "NextToken": token}

    def delete_rule(self, parameters: dict[str, Any]) -> dict[str, Any]:
        check_bus(parameters)
        rule = self.bus.rule(parameters["Name"])
        if rule is not None and rule.targets:
            raise ServiceError("ValidationException", "Rule can't be deleted since it has targets.")
        self._timers.cancel(("rule", parameters["Name"]))
        self.bus.delete(parameters["Name"])
        return {}

    def enable_rule(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self._save(replace(self._existing(parameters), state="ENABLED"))
        return {}

    def disable_rule(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self._save(replace(self._existing(parameters), state="DISABLED"))
        return {}

    def put_targets(self, parameters: dict[str, Any]) -> dict[str, Any]:
        rule = self._existing(parameters, "Rule")
        for target in parameters["Targets"]:
            _check_target(target)
        targets = {**rule.targets, **{target["Id"]: target for target in parameters["Targets"]}}
        if len(targets) > _MAX_TARGETS:
            raise ServiceError(
                "LimitExceededException", f"The requested resource exceeds the maximum number allowed: {_MAX_TARGETS}"
            )
        self._save(replace(rule, targets=targets))
        return {"FailedEntryCount": 0, "FailedEntries": []}

    def remove_targets(self, parameters: dict[str, Any]) -> dict[str, Any]:
        rule = self._existing(parameters, "Rule")
        gone = set(parameters["Ids"])
        self._save(replace(rule, targets={key: value for key, value in rule.targets.items() if key not in gone}))
        failed = [
            {"TargetId": unknown, "ErrorCode": "ResourceNotFoundException", "ErrorMessage": "There is no such target."}
            for unknown in sorted(gone - set(rule.targets))
        ]
        return {"FailedEntryCount": len(failed), "FailedEntries": failed}

    def list_targets_by_rule(self, parameters: dict[str, Any]) -> dict[str, Any]:
        targets = list(self._existing(parameters, "Rule").targets.values())
        page, token = _page(targets, parameters, lambda target: str(target["Id"]))
        return {"Targets": page, "NextToken": token}

    def list_rule_names_by_target(self, parameters: dict[str, Any]) -> dict[str, Any]:
        check_bus(parameters)
        wanted = parameters["TargetArn"]
        names = [
            rule.name for rule in self.bus.rules() if any(target["Arn"] == wanted for target in rule.targets.values())
        ]
        page, token = _page(names, parameters, str)
        return {"RuleNames": page, "NextToken": token}

    def list_event_buses(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"EventBuses": [self.describe_event_bus({})]}

    def describe_event_bus(self, parameters: dict[str, Any]) -> dict[str, Any]:
        check_bus({"EventBusName": parameters.get("Name", BUS)})
        return {"Name": BUS, "Arn": self.bus.arn(f"event-bus/{BUS}")}

    def tag_resource(self, parameters: dict[str, Any]) -> dict[str, Any]:
        rule = self._tagged(parameters)
        tags = {**rule.tags, **{tag["Key"]: tag["Value"] for tag in parameters["Tags"]}}
        if len(tags) > _MAX_TAGS:
            raise ServiceError("LimitExceededException", f"A resource has at most {_MAX_TAGS} tags")
        self._save(replace(rule, tags=tags))
        return {}

    def untag_resource(self, parameters: dict[str, Any]) -> dict[str, Any]:
        rule = self._tagged(parameters)
        gone = set(parameters["TagKeys"])
        self._save(replace(rule, tags={key: value for key, value in rule.tags.items() if key not in gone}))
        return {}

    def list_tags_for_resource(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": [{"Key": key, "Value": value} for key, value in self._tagged(parameters).tags.items()]}

    def _existing(self, parameters: Mapping[str, Any], member: str = "Name") -> Rule:
        check_bus(parameters)
        rule = self.bus.rule(parameters[member])
        if rule is None:
            raise _no_rule(parameters[member])
        return rule

    def _tagged(self, parameters: Mapping[str, Any]) -> Rule:
        match = _NAME.fullmatch(parameters["ResourceARN"].rpartition(":")[2])
        rule = self.bus.rule(match[1]) if match else None
        if rule is None or rule.arn != parameters["ResourceARN"]:
            raise ServiceError("ResourceNotFoundException", f"There is no rule {parameters['ResourceARN']} to tag")
        return rule

    def _save(self, rule: Rule) -> None:
        try:
            self.bus.save(rule)
        except PatternError as error:
            raise invalid_pattern(error) from error
        except ValueError as error:
            raise ServiceError("ValidationException", str(error)) from error

    def _plan(self, rule: Rule) -> None:
        """Let the rule fire at the next moment of its schedule, from now on: what was missed is not made up for."""
        key = ("rule", rule.name)
        if rule.schedule_expression is None:
            self._timers.cancel(key)
            return
        now = datetime.fromtimestamp(self._timers.clock(), UTC)
        # A rate begins with its first interval: it does not fire at once.
        moment = next(parse_expression(rule.schedule_expression, ZoneInfo("UTC"), now).moments(now), None)
        if moment is not None:
            self._timers.at(key, moment.timestamp(), partial(self._fire, rule.name, moment))

    def _fire(self, name: str, moment: datetime) -> None:
        self.bus.fire(name, moment)
        rule = self.bus.rule(name)
        if rule is not None:
            self._plan(rule)

    def _schedule(self, expression: str) -> None:
        invalid = "Parameter ScheduleExpression is not valid."
        if expression.startswith("at("):
            raise ServiceError("ValidationException", f"{invalid} at(...) is for EventBridge Scheduler alone")
        if _WRONG_NUMBER.search(expression):
            raise ServiceError("ValidationException", f"{invalid} Expected 1 hour, say, or 2 hours")
        try:
            parse_expression(expression, ZoneInfo("UTC"), datetime.now(UTC))
        except ExpressionError as error:
            raise ServiceError("ValidationException", f"{invalid} {error}") from error


def _check_target(target: Mapping[str, Any]) -> None:
    try:
        check_target(target["Arn"])
    except UnknownTargetError as error:
        raise ServiceError("ValidationException", f"Target {target['Id']}: {error}") from error
    unserved = next((name for name in _UNSERVED if name in target), None)
    if unserved or ":event-bus/" in target["Arn"]:
        what = unserved or "an event bus as target"
        raise ServiceError("ValidationException", f"Target {target['Id']}: {what} is not served in the local cloud")


def _no_rule(name: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"Rule {name} does not exist on EventBus {BUS}.")


def _page(entries: Iterable[T], parameters: Mapping[str, Any], key: Callable[[T], str]) -> tuple[list[T], str | None]:
    """The page that `parameters` ask for, and the token of the next one: the last key of this one."""
    limit, after = parameters.get("Limit", _PAGE), parameters.get("NextToken", "")
    left = sorted((entry for entry in entries if key(entry) > after), key=key)
    return left[:limit], key(left[limit - 1]) if len(left) > limit else None
