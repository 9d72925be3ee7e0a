"""EventBridge's rules, with their targets."""

import json
from typing import Any

from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, pick


def create_rule(target: Target, properties: Properties) -> Created:
    events = target.client("events")
    name = properties.get("Name", target.name())
    bus = pick(properties, "EventBusName")
    pattern = properties.get("EventPattern")
    arn = events.put_rule(
        Name=name,
        **({"EventPattern": pattern if isinstance(pattern, str) else json.dumps(pattern)} if pattern else {}),
        **pick(properties, "Description", "RoleArn", "ScheduleExpression", "State", "Tags"),
        **bus,
    )["RuleArn"]
    targets = [with_numbers(each) for each in properties.get("Targets", [])]
    wanted = {each["Id"] for each in targets}
    before = events.list_targets_by_rule(Rule=name, **bus)["Targets"]
    if gone := [each["Id"] for each in before if each["Id"] not in wanted]:
        events.remove_targets(Rule=name, Ids=gone, **bus)
    if targets:
        events.put_targets(Rule=name, Targets=targets, **bus)
    return Created(name, {"Arn": arn})


def delete_rule(target: Target, name: str) -> None:
    events = target.client("events")
    if name not in {rule["Name"] for rule in events.list_rules(NamePrefix=name)["Rules"]}:
        return
    if ids := [each["Id"] for each in events.list_targets_by_rule(Rule=name)["Targets"]]:
        events.remove_targets(Rule=name, Ids=ids)
    events.delete_rule(Name=name)


def with_numbers(value: Any) -> Any:
    """Parameters of a template are text, and so are numbers that come from them; a retry policy takes numbers."""
    if isinstance(value, list):
        return [with_numbers(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: int(each)
        if name.startswith("Maximum") and isinstance(each, str) and each.isdecimal()
        else with_numbers(each)
        for name, each in value.items()
    }


TYPES = {
    "AWS::Events::Rule": ResourceType(
        create_rule,
        properties=frozenset(
            {
                "Description",
                "EventBusName",
                "EventPattern",
                "Name",
                "RoleArn",
                "ScheduleExpression",
                "State",
                "Tags",
                "Targets",
            }
        ),
        attributes=frozenset({"Arn"}),
        delete=delete_rule,
    )
}
