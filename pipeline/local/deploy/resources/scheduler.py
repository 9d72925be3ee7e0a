"""Schedules and schedule groups."""

from typing import Any

from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, pick
from pipeline.local.deploy.resources.events import with_numbers

_SETTINGS = (
    "Description",
    "EndDate",
    "FlexibleTimeWindow",
    "GroupName",
    "KmsKeyArn",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "State",
    "Target",
)


def create_schedule(target: Target, properties: Properties) -> Created:
    scheduler = target.client("scheduler")
    name = properties.get("Name", target.name())
    settings = with_numbers(pick(properties, *_SETTINGS))
    try:
        arn = scheduler.create_schedule(Name=name, **settings)["ScheduleArn"]
    except scheduler.exceptions.ConflictException:
        arn = scheduler.update_schedule(Name=name, **settings)["ScheduleArn"]
    return Created(name, {"Arn": arn})


def delete_schedule(target: Target, name: str) -> None:
    scheduler = target.client("scheduler")
    for group in _groups_of(scheduler, name):
        scheduler.delete_schedule(Name=name, GroupName=group)


def create_group(target: Target, properties: Properties) -> Created:
    scheduler = target.client("scheduler")
    name = properties.get("Name", target.name())
    try:
        arn = scheduler.create_schedule_group(Name=name, **pick(properties, "Tags"))["ScheduleGroupArn"]
    except scheduler.exceptions.ConflictException:
        arn = scheduler.get_schedule_group(Name=name)["Arn"]
        scheduler.tag_resource(ResourceArn=arn, Tags=properties.get("Tags", []))
    return Created(name, {"Arn": arn})


def delete_group(target: Target, name: str) -> None:
    scheduler = target.client("scheduler")
    if any(group["Name"] == name for group in scheduler.list_schedule_groups(NamePrefix=name)["ScheduleGroups"]):
        scheduler.delete_schedule_group(Name=name)


def _groups_of(scheduler: Any, name: str) -> list[str]:
    """The groups that have a schedule of a name: a schedule's Ref does not tell its group."""
    pages = scheduler.get_paginator("list_schedules").paginate(NamePrefix=name)
    return [found["GroupName"] for page in pages for found in page["Schedules"] if found["Name"] == name]


TYPES = {
    "AWS::Scheduler::Schedule": ResourceType(
        create_schedule,
        properties=frozenset({*_SETTINGS, "Name"}),
        required=frozenset({"FlexibleTimeWindow", "ScheduleExpression", "Target"}),
        attributes=frozenset({"Arn"}),
        delete=delete_schedule,
    ),
    "AWS::Scheduler::ScheduleGroup": ResourceType(
        create_group,
        properties=frozenset({"Name", "Tags"}),
        attributes=frozenset({"Arn"}),
        delete=delete_group,
    ),
}
