"""From an upload, or a time, to an execution: a template with such triggers as the product has, and a quick machine."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import Stack, deploy

TEMPLATE = """
Resources:
  Photos:
    Type: AWS::S3::Bucket
    Properties:
      NotificationConfiguration: {EventBridgeConfiguration: {EventBridgeEnabled: true}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          Effect: Allow
          Principal: {Service: [states.amazonaws.com, events.amazonaws.com, scheduler.amazonaws.com]}
          Action: sts:AssumeRole
  Starts:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      Roles: [!Ref Role]
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Action: states:StartExecution, Resource: [!Ref Machine, !Sub "${Machine}-gone"]}
          - {Effect: Allow, Action: sqs:SendMessage, Resource: !GetAtt DeadLetters.Arn}
  MaySendOnly:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: {Effect: Allow, Principal: {Service: scheduler.amazonaws.com}, Action: sts:AssumeRole}
      Policies:
        - PolicyName: send
          PolicyDocument:
            Version: "2012-10-17"
            Statement: {Effect: Allow, Action: sqs:SendMessage, Resource: !GetAtt DeadLetters.Arn}
  DeadLetters:
    Type: AWS::SQS::Queue
    Properties: {SqsManagedSseEnabled: true, MessageRetentionPeriod: 1209600}
  DeadLettersPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties: {Queues: [!Ref DeadLetters], PolicyDocument: {Version: "2012-10-17", Statement: []}}
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      RoleArn: !GetAtt Role.Arn
      Definition: {StartAt: Say, States: {Say: {Type: Pass, End: true}}}
  Arrived:
    Type: AWS::Events::Rule
    Properties:
      EventPattern:
        source: [aws.s3]
        detail-type: [Object Created]
        detail: {bucket: {name: [!Ref Photos]}, object: {key: [{wildcard: "inbox/*_READY"}]}}
      Targets:
        - {Id: machine, Arn: !Ref Machine, RoleArn: !GetAtt Role.Arn}
        - Id: gone
          Arn: !Sub "${Machine}-gone"
          RoleArn: !GetAtt Role.Arn
          DeadLetterConfig: {Arn: !GetAtt DeadLetters.Arn}
          RetryPolicy: {MaximumRetryAttempts: 5, MaximumEventAgeInSeconds: 60}
  Group: {Type: AWS::Scheduler::ScheduleGroup}
  Nightly:
    Type: AWS::Scheduler::Schedule
    Properties:
      GroupName: !Ref Group
      ScheduleExpression: cron(0 2 * * ? *)
      ScheduleExpressionTimezone: Europe/Berlin
      FlexibleTimeWindow: {Mode: "OFF"}
      State: DISABLED
      Target:
        Arn: !Ref Machine
        RoleArn: !GetAtt Role.Arn
        Input: '{"schedule": {"arn": "<aws.scheduler.schedule-arn>", "time": "<aws.scheduler.scheduled-time>"}}'
        DeadLetterConfig: {Arn: !GetAtt DeadLetters.Arn}
Outputs:
  Photos: {Value: !Ref Photos}
  Machine: {Value: !Ref Machine}
  DeadLetters: {Value: !Ref DeadLetters}
  Group: {Value: !Ref Group}
  Nightly: {Value: !Ref Nightly}
  Rule: {Value: !GetAtt Arrived.Arn}
  MaySendOnly: {Value: !GetAtt MaySendOnly.Arn}
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    return path


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture
def stack(cloud: LocalCloud, template: Path) -> Stack:
    return deploy(cloud, template, {})


def wait_for(condition: Callable[[], Any]) -> Any:
    """What becomes true within 30 seconds."""
    pause = threading.Event()
    for _ in range(1500):
        if found := condition():
            return found
        pause.wait(0.02)
    raise AssertionError("it did not come")


def executions(cloud: LocalCloud, stack: Stack, count: int = 1) -> list[dict[str, Any]]:
    """The executions of the machine with their inputs, once there are so many."""
    states = cloud.client("stepfunctions")

    def started() -> list[Any]:
        found = states.list_executions(stateMachineArn=stack.outputs["Machine"])["executions"]
        return found if len(found) >= count else []

    return [states.describe_execution(executionArn=each["executionArn"]) for each in wait_for(started)]


def dead_letter(cloud: LocalCloud, stack: Stack) -> tuple[Any, dict[str, str]]:
    """The next dead letter: its body, read, and its attributes."""
    received = cloud.client("sqs").receive_message(
        QueueUrl=stack.outputs["DeadLetters"], WaitTimeSeconds=20, MessageAttributeNames=["All"]
    )["Messages"][0]
    attributes = {name: each["StringValue"] for name, each in received["MessageAttributes"].items()}
    return json.loads(received["Body"]), attributes


def schedule(cloud: LocalCloud, stack: Stack, moment: datetime, **changes: Any) -> None:
    """Let the stack's schedule fire once, at a moment."""
    scheduler = cloud.client("scheduler")
    place = {"Name": stack.outputs["Nightly"], "GroupName": stack.outputs["Group"]}
    now = scheduler.get_schedule(**place)
    scheduler.update_schedule(
        **place,
        ScheduleExpression=f"at({moment:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow=now["FlexibleTimeWindow"],
        Target=now["Target"] | changes,
        State="ENABLED",
    )


def test_an_upload_starts_one_execution_with_the_event_as_its_input(cloud: LocalCloud, stack: Stack) -> None:
    s3 = cloud.client("s3")
    for key in ("inbox/a.jpg", "elsewhere/_READY", "inbox/night/_READY"):
        s3.put_object(Bucket=stack.outputs["Photos"], Key=key, Body=b"x")
    (execution,) = executions(cloud, stack)
    event = json.loads(execution["input"])
    assert event["detail"]["object"]["key"] == "inbox/night/_READY"
    assert execution["name"].startswith(event["id"])
    # The object was there when it was told of.
    assert s3.head_object(Bucket=stack.outputs["Photos"], Key=event["detail"]["object"]["key"])["ETag"]


def test_an_event_whose_target_is_gone_ends_in_the_dead_letter_queue(cloud: LocalCloud, stack: Stack) -> None:
    cloud.client("s3").put_object(Bucket=stack.outputs["Photos"], Key="inbox/_READY", Body=b"x")
    event, attributes = dead_letter(cloud, stack)
    assert event["detail"]["object"]["key"] == "inbox/_READY"
    assert attributes["RULE_ARN"] == stack.outputs["Rule"]
    assert attributes["TARGET_ARN"] == f"{stack.outputs['Machine']}-gone"
    assert attributes["ERROR_CODE"] == "NO_RESOURCE"
    assert "Does Not Exist" in attributes["ERROR_MESSAGE"]


def test_a_schedule_fires_in_a_second_with_its_input_filled_in(cloud: LocalCloud, stack: Stack) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=1)
    schedule(cloud, stack, moment)
    (execution,) = executions(cloud, stack)
    group, name = stack.outputs["Group"], stack.outputs["Nightly"]
    assert json.loads(execution["input"])["schedule"] == {
        "arn": f"arn:aws:scheduler:us-east-1:123456789012:schedule/{group}/{name}",
        "time": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
    }
    assert execution["startDate"] >= moment.replace(microsecond=0)


def test_a_schedule_whose_target_is_gone_ends_in_the_dead_letter_queue(cloud: LocalCloud, stack: Stack) -> None:
    gone = f"{stack.outputs['Machine']}-gone"
    schedule(cloud, stack, datetime.now(UTC), Arn=gone)
    call, attributes = dead_letter(cloud, stack)
    assert call["StateMachineArn"] == gone
    assert attributes["TARGET_ARN"] == gone
    assert attributes["ERROR_CODE"] == "StateMachineDoesNotExist"
    assert attributes["SCHEDULE_ARN"].endswith(f"{stack.outputs['Group']}/{stack.outputs['Nightly']}")


def test_a_schedule_whose_role_may_not_start_its_target_ends_in_the_dead_letter_queue(
    cloud: LocalCloud, stack: Stack
) -> None:
    schedule(cloud, stack, datetime.now(UTC), RoleArn=stack.outputs["MaySendOnly"])
    _, attributes = dead_letter(cloud, stack)
    assert attributes["ERROR_CODE"] == "AccessDeniedException"
    assert "is not authorized to perform: states:StartExecution" in attributes["ERROR_MESSAGE"]


def test_what_a_cloud_missed_while_it_was_down_happens_once_the_stack_is_there_again(
    tmp_path: Path, template: Path
) -> None:
    with LocalCloud(tmp_path / "state", hold_events=True) as cloud:
        stack = deploy(cloud, template, {})
        schedule(cloud, stack, datetime.now(UTC))
        cloud.client("s3").put_object(Bucket=stack.outputs["Photos"], Key="inbox/_READY", Body=b"x")
    with LocalCloud(tmp_path / "state", hold_events=True) as cloud:
        cloud.client("scheduler").get_schedule(Name=stack.outputs["Nightly"], GroupName=stack.outputs["Group"])
        cloud.deliver()
        inputs = [json.loads(execution["input"]) for execution in executions(cloud, stack, count=2)]
    assert {"schedule" in each for each in inputs} == {True, False}


def test_deploying_again_changes_what_is_there_and_deletes_what_is_gone(tmp_path: Path, template: Path) -> None:
    with LocalCloud(tmp_path / "state") as cloud:
        first = deploy(cloud, template, {})
    text = template.read_text().replace("cron(0 2 * * ? *)", "cron(0 3 * * ? *)")
    template.write_text(text.replace("  Arrived:\n", "  Renamed:\n").replace("Arrived.Arn", "Renamed.Arn"))
    with LocalCloud(tmp_path / "state") as cloud:
        second = deploy(cloud, template, {})
        place = {"Name": second.outputs["Nightly"], "GroupName": second.outputs["Group"]}
        assert cloud.client("scheduler").get_schedule(**place)["ScheduleExpression"] == "cron(0 3 * * ? *)"
        rules = [rule["Arn"] for rule in cloud.client("events").list_rules()["Rules"]]
    assert rules == [second.outputs["Rule"]]
    assert second.outputs["Rule"] != first.outputs["Rule"]


def test_an_event_that_comes_as_the_cloud_ends_is_delivered_by_the_next(tmp_path: Path, template: Path) -> None:
    with LocalCloud(tmp_path / "state") as cloud:
        stack = deploy(cloud, template, {})
        keys = [f"inbox/{number}_READY" for number in range(20)]
        for key in keys:
            cloud.client("s3").put_object(Bucket=stack.outputs["Photos"], Key=key, Body=b"x")
    with LocalCloud(tmp_path / "state") as cloud:
        found = executions(cloud, stack, count=20)
    assert sorted(json.loads(execution["input"])["detail"]["object"]["key"] for execution in found) == sorted(keys)
