import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.cloud import LocalCloud

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
TARGET = {"Arn": MACHINE, "RoleArn": "arn:aws:iam::123456789012:role/scheduler"}
NIGHTLY = {"ScheduleExpression": "cron(0 2 * * ? *)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": TARGET}


@pytest.fixture
def scheduler(cloud: LocalCloud) -> Any:
    return cloud.client("scheduler")


def refused(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    return str(raised.value.response["Error"]["Code"])


def test_a_schedule_is_told_as_it_was_made(scheduler: Any) -> None:
    end = datetime(2030, 1, 1, tzinfo=UTC)
    arn = scheduler.create_schedule(
        Name="nightly", **NIGHTLY, ScheduleExpressionTimezone="Europe/Berlin", EndDate=end, Description="every night"
    )["ScheduleArn"]
    assert arn == "arn:aws:scheduler:us-east-1:123456789012:schedule/default/nightly"
    told = scheduler.get_schedule(Name="nightly")
    assert told["Arn"] == arn
    assert told["EndDate"] == end
    assert {name: told[name] for name in (*NIGHTLY, "State", "ActionAfterCompletion", "Description")} == {
        **NIGHTLY,
        "State": "ENABLED",
        "ActionAfterCompletion": "NONE",
        "Description": "every night",
    }


def test_an_update_replaces_everything_that_was_set(scheduler: Any) -> None:
    scheduler.create_schedule(Name="s", **NIGHTLY, Description="old")
    scheduler.update_schedule(Name="s", **NIGHTLY, State="DISABLED")
    told = scheduler.get_schedule(Name="s")
    assert told["State"] == "DISABLED"
    assert "Description" not in told


def test_an_update_that_changes_nothing_is_no_modification(scheduler: Any) -> None:
    scheduler.create_schedule(Name="s", **NIGHTLY)
    before = scheduler.get_schedule(Name="s")["LastModificationDate"]
    scheduler.update_schedule(Name="s", **NIGHTLY)
    assert scheduler.get_schedule(Name="s")["LastModificationDate"] == before


def test_a_name_is_taken_within_its_group_only(scheduler: Any) -> None:
    scheduler.create_schedule_group(Name="stack")
    scheduler.create_schedule(Name="s", **NIGHTLY)
    scheduler.create_schedule(Name="s", GroupName="stack", **NIGHTLY)
    assert refused(scheduler.create_schedule, Name="s", **NIGHTLY) == "ConflictException"


def test_schedules_are_listed_page_by_page(scheduler: Any) -> None:
    for name in ("a1", "a2", "b1"):
        scheduler.create_schedule(Name=name, **NIGHTLY)
    pages = scheduler.get_paginator("list_schedules").paginate(PaginationConfig={"PageSize": 2})
    assert [schedule["Name"] for page in pages for schedule in page["Schedules"]] == ["a1", "a2", "b1"]
    assert [each["Name"] for each in scheduler.list_schedules(NamePrefix="a")["Schedules"]] == ["a1", "a2"]


def test_with_its_group_a_schedule_goes(scheduler: Any) -> None:
    scheduler.create_schedule_group(Name="stack")
    scheduler.create_schedule(Name="s", GroupName="stack", **NIGHTLY)
    scheduler.delete_schedule_group(Name="stack")
    assert scheduler.list_schedules()["Schedules"] == []
    assert refused(scheduler.get_schedule, Name="s", GroupName="stack") == "ResourceNotFoundException"
    assert refused(scheduler.delete_schedule_group, Name="default") == "ValidationException"


def test_groups_have_tags(scheduler: Any) -> None:
    tags = [{"Key": key, "Value": "v"} for key in "abc"]
    arn = scheduler.create_schedule_group(Name="stack", Tags=tags)["ScheduleGroupArn"]
    scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "d", "Value": "v"}])
    scheduler.untag_resource(ResourceArn=arn, TagKeys=["a", "c"])
    assert [tag["Key"] for tag in scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"]] == ["b", "d"]


@pytest.mark.parametrize(
    "change",
    [
        {"ScheduleExpression": "every night"},
        {"ScheduleExpressionTimezone": "Europe/Nowhere"},
        {"Target": TARGET | {"Arn": "arn:aws:ecs:us-east-1:123456789012:cluster/c"}},
        {"Target": TARGET | {"Input": "no json"}},
        {"Target": TARGET | {"KinesisParameters": {"PartitionKey": "x"}}},
        {"Target": TARGET | {"Arn": "arn:aws:events:us-east-1:123456789012:event-bus/default"}},
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}},
        {"FlexibleTimeWindow": {"Mode": "OFF", "MaximumWindowInMinutes": 5}},
        {"StartDate": datetime(2030, 1, 2, tzinfo=UTC), "EndDate": datetime(2030, 1, 1, tzinfo=UTC)},
    ],
    ids=str,
)
def test_a_schedule_that_makes_no_sense_is_refused(scheduler: Any, change: Any) -> None:
    assert refused(scheduler.create_schedule, Name="s", **(NIGHTLY | change)) == "ValidationException"
    assert scheduler.list_schedules()["Schedules"] == []


def test_a_schedule_puts_an_event_on_the_bus_and_the_bus_hands_it_on(cloud: LocalCloud, scheduler: Any) -> None:
    sqs, events = cloud.client("sqs"), cloud.client("events")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    events.put_rule(Name="r", EventPattern='{"source": ["nightly"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:123456789012:q"}])
    target = {
        "Arn": "arn:aws:events:us-east-1:123456789012:event-bus/default",
        "RoleArn": TARGET["RoleArn"],
        "Input": '{"time": "<aws.scheduler.scheduled-time>"}',
        "EventBridgeParameters": {"DetailType": "Night", "Source": "nightly"},
    }
    scheduler.create_schedule(Name="s", **(NIGHTLY | {"ScheduleExpression": "rate(1 day)", "Target": target}))
    event = json.loads(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"][0]["Body"])
    fired = datetime.fromisoformat(event["detail"]["time"])
    assert event["detail-type"] == "Night"
    assert abs(datetime.now(UTC) - fired) < timedelta(minutes=1)


def test_schedules_and_groups_are_there_after_a_restart(tmp_path: Path) -> None:
    with LocalCloud(tmp_path) as cloud:
        cloud.client("scheduler").create_schedule_group(Name="stack", Tags=[{"Key": "a", "Value": "b"}])
        cloud.client("scheduler").create_schedule(Name="s", GroupName="stack", **NIGHTLY)
    with LocalCloud(tmp_path) as cloud:
        told = cloud.client("scheduler").get_schedule(Name="s", GroupName="stack")
        assert told["ScheduleExpression"] == NIGHTLY["ScheduleExpression"]
