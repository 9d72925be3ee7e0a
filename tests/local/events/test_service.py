import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.cloud import LocalCloud

ENTRY = {"Source": "imagebatch", "DetailType": "Run Completed", "Detail": '{"run_id": "r1", "size": 3}'}
PATTERN = json.dumps({"source": ["imagebatch"], "detail": {"size": [{"numeric": [">", 2]}]}})


@pytest.fixture
def events(cloud: LocalCloud) -> Any:
    return cloud.client("events")


def refused(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    return str(raised.value.response["Error"]["Code"])


def test_an_event_arrives_at_the_target_of_a_rule_that_it_fits(events: Any, queue: Any) -> None:
    events.put_rule(Name="big", EventPattern=PATTERN)
    events.put_targets(Rule="big", Targets=[{"Id": "1", "Arn": queue.arn}])
    put = events.put_events(Entries=[ENTRY | {"Detail": '{"size": 1}'}, ENTRY | {"Resources": ["arn:x"]}])
    (event,) = queue.documents()
    assert event == {
        "version": "0",
        "id": put["Entries"][1]["EventId"],
        "detail-type": "Run Completed",
        "source": "imagebatch",
        "account": "123456789012",
        "time": event["time"],
        "region": "us-east-1",
        "resources": ["arn:x"],
        "detail": {"run_id": "r1", "size": 3},
    }


def test_every_event_has_an_id_of_its_own(events: Any) -> None:
    entries = events.put_events(Entries=[ENTRY] * 10)["Entries"]
    assert len({entry["EventId"] for entry in entries}) == 10


def test_a_target_gets_what_its_transformer_makes(events: Any, queue: Any) -> None:
    events.put_rule(Name="r", EventPattern=PATTERN)
    transformer = {"InputPathsMap": {"run": "$.detail.run_id"}, "InputTemplate": '{"run": <run>}'}
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": queue.arn, "InputTransformer": transformer}])
    events.put_events(Entries=[ENTRY])
    assert queue.documents() == [{"run": "r1"}]


def test_a_function_a_topic_and_a_log_group_are_targets(
    cloud: LocalCloud, events: Any, queue: Any, create_function: Any, tmp_path: Path, wait_for: Any
) -> None:
    source = f"import pathlib\ndef handler(e, c): pathlib.Path('{tmp_path}/seen').write_text(e['id'])"
    function = create_function("sees", source)["FunctionArn"]
    topic = cloud.client("sns").create_topic(Name="t")["TopicArn"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="/aws/events/all")
    group = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/events/all"
    events.put_rule(Name="r", EventPattern=PATTERN)
    events.put_targets(Rule="r", Targets=[{"Id": str(n), "Arn": arn} for n, arn in enumerate((function, topic, group))])
    number = events.put_events(Entries=[ENTRY])["Entries"][0]["EventId"]
    assert json.loads(queue.documents()[0]["Message"])["id"] == number
    assert wait_for(lambda: (tmp_path / "seen").exists() and (tmp_path / "seen").read_text()) == number
    (line,) = wait_for(lambda: logs.filter_log_events(logGroupName="/aws/events/all")["events"])
    assert json.loads(line["message"])["id"] == number


def test_a_rule_that_is_off_wants_nothing(events: Any, queue: Any, create_queue: Any) -> None:
    witness = create_queue("witness")
    for name, target in (("a-off", queue), ("b-on", witness)):
        events.put_rule(Name=name, EventPattern=PATTERN)
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": target.arn}])
    events.disable_rule(Name="a-off")
    first = events.put_events(Entries=[ENTRY])["Entries"][0]["EventId"]
    assert witness.documents()[0]["id"] == first
    events.enable_rule(Name="a-off")
    second = events.put_events(Entries=[ENTRY])["Entries"][0]["EventId"]
    assert queue.documents()[0]["id"] == second


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Source": "aws.s3"}, "NotAuthorizedForSourceException"),
        ({"Source": ""}, "InvalidArgument"),
        ({"Detail": "[1]"}, "MalformedDetail"),
        ({"Detail": "nonsense"}, "MalformedDetail"),
        ({"EventBusName": "another"}, "ResourceNotFoundException"),
    ],
)
def test_an_entry_that_is_refused_does_not_keep_the_others(events: Any, change: Any, code: str) -> None:
    answer = events.put_events(Entries=[ENTRY | change, ENTRY])
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0]["ErrorCode"] == code
    assert "EventId" in answer["Entries"][1]


def test_entries_beyond_256_kb_are_refused(events: Any) -> None:
    large = ENTRY | {"Detail": json.dumps({"x": "a" * 140_000})}
    assert "EventId" in events.put_events(Entries=[large])["Entries"][0]
    assert refused(events.put_events, Entries=[large, large]) == "ValidationException"


def test_a_pattern_is_tried_without_a_rule(events: Any) -> None:
    event = {
        "id": "1",
        "account": "1",
        "source": "aws.s3",
        "time": "2026-11-20T02:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail-type": "Object Created",
        "detail": {"object": {"key": "inbox/a/_READY"}},
    }
    fits = json.dumps({"detail": {"object": {"key": [{"wildcard": "inbox/*_READY"}]}}})
    assert events.test_event_pattern(EventPattern=fits, Event=json.dumps(event))["Result"] is True
    other = json.dumps({"detail": {"object": {"key": [{"wildcard": "single/*"}]}}})
    assert events.test_event_pattern(EventPattern=other, Event=json.dumps(event))["Result"] is False


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("put_rule", {"Name": "r"}, "ValidationException"),
        ("put_rule", {"Name": "r", "EventPattern": '{"source": "x"}'}, "InvalidEventPatternException"),
        ("put_rule", {"Name": "r", "ScheduleExpression": "rate(5 minute)"}, "ValidationException"),
        ("put_rule", {"Name": "r", "ScheduleExpression": "rate(1 minutes)"}, "ValidationException"),
        ("put_rule", {"Name": "r", "ScheduleExpression": "at(2026-11-20T00:00:00)"}, "ValidationException"),
        ("put_rule", {"Name": "r", "EventPattern": PATTERN, "EventBusName": "x"}, "ResourceNotFoundException"),
        ("put_rule", {"Name": "a b", "EventPattern": PATTERN}, "ValidationException"),
        ("describe_rule", {"Name": "r"}, "ResourceNotFoundException"),
        ("test_event_pattern", {"EventPattern": PATTERN, "Event": "{}"}, "ValidationException"),
        ("create_event_bus", {"Name": "x"}, "UnsupportedOperation"),
    ],
)
def test_what_is_refused(events: Any, operation: str, parameters: Any, code: str) -> None:
    assert refused(getattr(events, operation), **parameters) == code


@pytest.mark.parametrize(
    "target",
    [
        {"Arn": "arn:aws:ecs:us-east-1:123456789012:cluster/c"},
        {"Arn": "nonsense"},
        {"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "Input": "no json"},
        {"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "HttpParameters": {}},
        {"Arn": "arn:aws:events:us-east-1:123456789012:event-bus/other"},
    ],
)
def test_a_target_that_could_not_be_served_is_refused(events: Any, target: Any) -> None:
    events.put_rule(Name="r", EventPattern=PATTERN)
    assert refused(events.put_targets, Rule="r", Targets=[{"Id": "1", **target}]) == "ValidationException"
    assert events.list_targets_by_rule(Rule="r")["Targets"] == []


def test_rules_are_listed_tagged_and_deleted(events: Any, queue: Any) -> None:
    arns = [events.put_rule(Name=f"r{n}", EventPattern=PATTERN)["RuleArn"] for n in range(3)]
    events.put_targets(Rule="r1", Targets=[{"Id": "1", "Arn": queue.arn}])
    first = events.list_rules(Limit=2)
    rest = events.list_rules(Limit=2, NextToken=first["NextToken"])
    assert [rule["Name"] for rule in first["Rules"] + rest["Rules"]] == ["r0", "r1", "r2"]
    assert events.list_rule_names_by_target(TargetArn=queue.arn)["RuleNames"] == ["r1"]
    events.tag_resource(ResourceARN=arns[0], Tags=[{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}])
    events.untag_resource(ResourceARN=arns[0], TagKeys=["a"])
    assert events.list_tags_for_resource(ResourceARN=arns[0])["Tags"] == [{"Key": "c", "Value": "d"}]
    assert refused(events.delete_rule, Name="r1") == "ValidationException"
    events.remove_targets(Rule="r1", Ids=["1"])
    events.delete_rule(Name="r1")
    assert [rule["Name"] for rule in events.list_rules()["Rules"]] == ["r0", "r2"]


def test_rules_are_there_after_a_restart(tmp_path: Path) -> None:
    with LocalCloud(tmp_path) as cloud:
        cloud.client("events").put_rule(Name="kept", EventPattern=PATTERN, Description="of an earlier cloud")
    with LocalCloud(tmp_path) as cloud:
        assert cloud.client("events").describe_rule(Name="kept")["Description"] == "of an earlier cloud"


def test_an_event_that_was_held_back_is_delivered_by_the_next_cloud(tmp_path: Path) -> None:
    arn = "arn:aws:sqs:us-east-1:123456789012:events"
    with LocalCloud(tmp_path, hold_events=True) as cloud:
        events = cloud.client("events")
        events.put_rule(Name="r", EventPattern=PATTERN)
        events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn}])
        number = events.put_events(Entries=[ENTRY])["Entries"][0]["EventId"]
    with LocalCloud(tmp_path, hold_events=True) as cloud:
        sqs = cloud.client("sqs")
        url = sqs.create_queue(QueueName="events")["QueueUrl"]
        cloud.deliver()
        messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
        assert json.loads(messages[0]["Body"])["id"] == number
