"""What starts runs in the template: the schedule, the rule for uploads, and where what could not start one ends."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from moto.events.models import EventPattern

from pipeline.local.deploy.errors import ParameterError
from pipeline.local.deploy.intrinsics import resolve
from pipeline.runs import control_files, run_input
from pipeline.runs.sources import Prefix
from pipeline.runs.uploads import Manifest
from pipeline.settings import StartRunSettings

EVENTS = Path(__file__).parents[1] / "data" / "events"
SETTINGS = StartRunSettings("images", "results", "tiny", "incoming/")
EXECUTION = {"arn": "execution", "name": "name", "started_at": "2026-11-20T09:41:00Z"}
VERSION = "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"
"""Of the recorded event."""
ATTRIBUTES = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackName": "stack",
    "ImagesBucket": "images",
    "BatchStateMachine": "machine",
    "BatchStateMachineAliaslive": "live",
}


@pytest.fixture(scope="module")
def resource(with_parameters):
    """`resource(name, **parameters)`: the properties of a resource as they are deployed, references by their names."""

    def resolved(name, **given):
        chosen = with_parameters(**given)
        names = {other: other for other in chosen.resources}
        arns = {(other, "Arn"): f"{other}.Arn" for other in chosen.resources}
        scope = replace(chosen.scope, values={**chosen.scope.values, **names, **ATTRIBUTES}, attributes=arns)
        return resolve(chosen.resources[name]["Properties"], scope, name)

    return resolved


def fired(schedule, time):
    """What the state machine is started with when the schedule is due."""
    arn = "arn:aws:scheduler:us-east-1:123456789012:schedule/stack/stack-batch"
    text = schedule["Target"]["Input"]
    text = text.replace("<aws.scheduler.schedule-arn>", arn).replace("<aws.scheduler.scheduled-time>", time)
    return run_input.parse(json.loads(text), EXECUTION, SETTINGS)


def test_a_new_stack_starts_nothing_by_itself(resource):
    assert resource("Schedule")["State"] == "DISABLED"
    assert resource("Schedule", ScheduleState="ENABLED")["State"] == "ENABLED"


def test_the_clock_is_the_stack_s_to_choose(resource):
    given = {"ScheduleExpression": "rate(6 hours)", "ScheduleTimeZone": "Europe/Zurich"}
    schedule = resource("Schedule", **given)
    assert schedule["ScheduleExpression"] == "rate(6 hours)"
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Zurich"


def test_at_night_the_folder_of_the_day_that_ended_is_run(resource):
    given = fired(resource("Schedule"), "2026-11-20T02:00:00Z")
    assert given.sources == (Prefix("images", "incoming/2026/11/19/"),)
    assert (given.trigger.kind, given.trigger.time) == ("schedule", datetime(2026, 11, 20, 2, tzinfo=UTC))


def test_the_dates_of_the_schedule_go_by_its_clock(resource):
    schedule = resource("Schedule", ScheduleTimeZone="Asia/Tokyo", SchedulePrefix="{date:%d}/")
    assert fired(schedule, "2026-11-20T22:00:00Z").sources == (Prefix("images", "21/"),)


def test_the_prefix_of_the_schedule_may_be_any_that_a_run_takes(resource):
    schedule = resource("Schedule", SchedulePrefix="s3://images/it's a 日/")
    assert fired(schedule, "2026-11-20T22:00:00Z").sources == (Prefix("images", "it's a 日/"),)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("SchedulePrefix", 'a"/'),
        ("SchedulePrefix", "a\\"),
        ("ScheduleExpression", "every night"),
        ("ScheduleTimeZone", 'UTC"'),
        ("ScheduleState", "on"),
        ("InboxPrefix", "incoming"),
        ("InboxPrefix", "in*/"),
        ("InboxPrefix", "in\\/"),
        ("MarkerName", "done/now"),
        ("MarkerName", "*"),
    ],
)
def test_what_would_break_the_schedule_or_the_rule_is_refused(resource, parameter, value):
    with pytest.raises(ParameterError, match=parameter):
        resource("Schedule", **{parameter: value})


def uploaded(key, bucket="images"):
    event = json.loads((EVENTS / "object_created.json").read_text(encoding="utf-8"))
    event["detail"]["bucket"]["name"] = bucket
    event["detail"]["object"]["key"] = key
    return event


def starts(rule, event):
    """Whether the rule lets the event through, as moto reads patterns."""
    return EventPattern.load(json.dumps(rule["EventPattern"])).matches_event(event)


@pytest.mark.parametrize(
    ("key", "taken"),
    [
        ("incoming/_READY", Prefix("images", "incoming/")),
        ("incoming/2026/11/20/_READY", Prefix("images", "incoming/2026/11/20/")),
        ("incoming//_READY", Prefix("images", "incoming//")),
        ("incoming/spring.manifest.json", Manifest("images", "incoming/spring.manifest.json", VERSION)),
        ("incoming/a/b.manifest.json", Manifest("images", "incoming/a/b.manifest.json", VERSION)),
    ],
)
def test_a_marker_and_a_manifest_under_the_inbox_start_a_run(resource, key, taken):
    assert starts(resource("InboxRule"), uploaded(key))
    given = run_input.parse(uploaded(key), EXECUTION, SETTINGS)
    assert (given.sources or (given.upload,)) == (taken,)


@pytest.mark.parametrize(
    "key",
    [
        "_READY",
        "incoming/a.jpg",
        "incoming/not_READY",
        "incoming/_READY.jpg",
        "incoming/_READY/a.jpg",
        "incoming-other/_READY",
        "other/incoming/_READY",
        "spring.manifest.json",
        "incoming/manifest.json",
        "single/_READY",
    ],
)
def test_nothing_else_does(resource, key):
    assert not starts(resource("InboxRule"), uploaded(key))


def test_another_bucket_does_not(resource):
    assert not starts(resource("InboxRule"), uploaded("incoming/_READY", bucket="other"))


def test_the_whole_bucket_may_be_the_inbox_and_the_marker_have_another_name(resource):
    rule = resource("InboxRule", InboxPrefix="", MarkerName="done.txt")
    keys = ["done.txt", "a/b/done.txt", "x.manifest.json", "a/x.manifest.json", "_READY", "a/undone.txt"]
    assert [starts(rule, uploaded(key)) for key in keys] == [True, True, True, True, False, False]


def test_the_inbox_lies_in_what_a_run_takes_by_default(template):
    defaults = {name: entry["Default"] for name, entry in template["Parameters"].items()}
    assert defaults["InboxPrefix"] == defaults["DefaultPrefix"]
    assert defaults["SchedulePrefix"].startswith(defaults["DefaultPrefix"])
    assert not defaults["SingleImagePrefix"].startswith(defaults["InboxPrefix"])


def test_the_marker_of_the_rule_is_the_one_that_start_run_knows(resource, template):
    variables = resource("StartRunFunction", MarkerName="done")["Environment"]["Variables"]
    assert variables["MARKER"] == "done"
    assert template["Parameters"]["MarkerName"]["Default"] == control_files.DEFAULT_MARKER


def test_the_images_bucket_tells_eventbridge(resource):
    notifications = resource("ImagesBucket")["NotificationConfiguration"]
    assert notifications == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("InboxRuleRole", {"states:StartExecution": "live"}),
        ("ScheduleRole", {"states:StartExecution": "live", "sqs:SendMessage": "DeadLetterQueue.Arn"}),
    ],
)
def test_who_starts_the_state_machine_may_do_nothing_else(resource, role, allowed):
    statements = [entry for policy in resource(role)["Policies"] for entry in policy["PolicyDocument"]["Statement"]]
    assert {entry["Action"]: entry["Resource"] for entry in statements} == allowed


@pytest.mark.parametrize(
    ("role", "service", "source"),
    [
        ("InboxRuleRole", "events.amazonaws.com", "arn:aws:events:us-east-1:123456789012:rule/stack-inbox"),
        ("ScheduleRole", "scheduler.amazonaws.com", "ScheduleGroup.Arn"),
    ],
)
def test_a_role_is_assumed_for_its_own_rule_or_group_only(resource, role, service, source):
    (statement,) = resource(role)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": service}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnEquals": {"aws:SourceArn": source},
    }


def test_the_role_s_rule_is_the_rule(resource):
    assert resource("InboxRule")["Name"] == "stack-inbox"
    assert resource("Schedule")["GroupName"] == "ScheduleGroup"


def targets(resource):
    return [resource("InboxRule")["Targets"][0], resource("Schedule")["Target"]]


def test_what_cannot_start_is_tried_for_a_day_and_then_kept(resource):
    for target in targets(resource):
        assert target["Arn"] == "live"
        assert target["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}
        assert target["DeadLetterConfig"] == {"Arn": "DeadLetterQueue.Arn"}


def test_the_dead_letter_queue_is_encrypted_and_keeps_for_14_days(resource):
    assert resource("DeadLetterQueue") == {"KmsMasterKeyId": "Key.Arn", "MessageRetentionPeriod": 14 * 24 * 3600}


def test_the_dead_letter_queue_takes_messages_of_the_stack_s_rules_and_by_tls_only(resource):
    allow, deny = resource("DeadLetterQueuePolicy")["PolicyDocument"]["Statement"]
    assert (allow["Principal"], allow["Action"]) == ({"Service": "events.amazonaws.com"}, "sqs:SendMessage")
    assert allow["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/stack-*"},
    }
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_start_run_may_read_and_write_what_a_run_is_claimed_with(resource):
    statements = [
        entry
        for policy in resource("StartRunRole")["Policies"]
        for entry in policy["PolicyDocument"]["Statement"]
        if "s3:ListBucket" not in entry["Action"] and "logs" not in json.dumps(entry["Action"])
    ]
    reads = {place for entry in statements if "s3:GetObject" in entry["Action"] for place in listed(entry["Resource"])}
    writes = {place for entry in statements if "s3:PutObject" in entry["Action"] for place in listed(entry["Resource"])}
    images, results = "ImagesBucket.Arn", "ResultsBucket.Arn"
    claimed = {f"{results}/claims/*", f"{results}/runs/*/run.json"}
    assert writes == claimed | {f"{results}/runs/*/listings/*.jsonl"}
    assert reads == claimed | {
        f"{images}/*.jsonl",
        f"{images}/*.manifest.json",
        f"{images}/*_READY",
        f"{results}/models/*",
        f"{results}/prices.json",
        f"{results}/replays/*.jsonl",
        f"{results}/runs/*/results/summary.json",
    }


def listed(value):
    return value if isinstance(value, list) else [value]
