"""Change sets: what would change is told first, and then changed; what has not changed is left alone."""

import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local import deploy
from pipeline.local.cloud import LocalCloud

TEMPLATE = """
Parameters: {{Word: {{Type: String, Default: one}}}}
Resources:
  Bucket: {{Type: AWS::S3::Bucket, DeletionPolicy: Retain, Properties: {{BucketName: {bucket}}}}}
  Group: {{Type: AWS::Logs::LogGroup, Properties: {{LogGroupName: /said, RetentionInDays: {days}}}}}
  {more}
Outputs: {{Word: {{Value: !Ref Word}}}}
"""
TOPIC = "Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Word}}"
SECONDS = 30


def template(bucket: str = "kept", days: int = 7, more: str = TOPIC) -> str:
    return TEMPLATE.format(bucket=bucket, days=days, more=more)


class Stacks:
    """Change sets of the stack `changing`."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.client = cloud.client("cloudformation")
        self._number = 0

    def propose(
        self, text: str, kind: str = "UPDATE", tags: dict[str, str] | None = None, **parameters: str
    ) -> dict[str, Any]:
        self._number += 1
        given = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
        created = self.client.create_change_set(
            StackName="changing",
            ChangeSetName=f"change-{self._number}",
            ChangeSetType=kind,
            TemplateBody=text,
            Parameters=given,
            **({"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if tags else {}),
        )
        described: dict[str, Any] = self.client.describe_change_set(ChangeSetName=created["Id"])
        return described

    def execute(self, proposed: dict[str, Any]) -> str:
        self.client.execute_change_set(ChangeSetName=proposed["ChangeSetId"])
        return self.settled()

    def settled(self) -> str:
        """The status of the stack once nothing is under way; empty where it is gone."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            try:
                status = str(self.client.describe_stacks(StackName="changing")["Stacks"][0]["StackStatus"])
            except ClientError:
                return ""
            if not status.endswith("IN_PROGRESS"):
                return status
            time.sleep(0.02)
        raise TimeoutError("the stack is still under way")


@pytest.fixture
def stacks() -> Any:
    with LocalCloud() as cloud:
        made = Stacks(cloud)
        assert made.execute(made.propose(template(), "CREATE")) == "CREATE_COMPLETE"
        yield made


def changes(described: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    entries = [change["ResourceChange"] for change in described["Changes"]]
    return {entry["LogicalResourceId"]: (entry["Action"], entry.get("Replacement")) for entry in entries}


def test_a_change_set_tells_what_would_be_changed_added_and_removed(stacks: Stacks) -> None:
    queue = "Queue: {Type: AWS::SQS::Queue}"
    assert changes(stacks.propose(template(bucket="other", days=14, more=queue))) == {
        "Topic": ("Remove", None),
        "Bucket": ("Modify", "True"),
        "Group": ("Modify", "False"),
        "Queue": ("Add", None),
    }


def test_a_parameter_changes_the_resources_that_refer_to_it(stacks: Stacks) -> None:
    assert changes(stacks.propose(template(), Word="two")) == {"Topic": ("Modify", "False")}


def test_nothing_to_change_is_said_so(stacks: Stacks) -> None:
    described = stacks.propose(template())
    assert (described["Status"], described["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "didn't contain changes" in described["StatusReason"]


def test_what_is_executed_is_changed_and_the_rest_stays(stacks: Stacks) -> None:
    before = stacks.client.describe_stack_resources(StackName="changing")["StackResources"]
    assert stacks.execute(stacks.propose(template(days=14), Word="one")) == "UPDATE_COMPLETE"
    after = stacks.client.describe_stack_resources(StackName="changing")["StackResources"]
    assert [each["PhysicalResourceId"] for each in after] == [each["PhysicalResourceId"] for each in before]


def test_a_change_that_was_proposed_before_another_was_made_is_gone(stacks: Stacks) -> None:
    proposed = stacks.propose(template(days=30))
    assert stacks.execute(stacks.propose(template(days=14))) == "UPDATE_COMPLETE"
    with pytest.raises(ClientError, match="ChangeSetNotFound"):
        stacks.execute(proposed)


def test_a_stack_that_is_being_changed_cannot_be_changed_by_another(
    stacks: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, really_make = threading.Event(), threading.Event(), deploy.make

    def make(*given: Any) -> Any:
        begun.set()
        assert go_on.wait(SECONDS)
        return really_make(*given)

    monkeypatch.setattr(deploy, "make", make)
    stacks.client.execute_change_set(ChangeSetName=stacks.propose(template(days=14))["ChangeSetId"])
    assert begun.wait(SECONDS)
    later = stacks.propose(template(days=30))
    with pytest.raises(ClientError, match="is in UPDATE_IN_PROGRESS state and can not be updated"):
        stacks.execute(later)
    with pytest.raises(ClientError, match="UPDATE_IN_PROGRESS"):
        stacks.client.delete_stack(StackName="changing")
    go_on.set()
    assert stacks.settled() == "UPDATE_COMPLETE"
    assert stacks.execute(later) == "UPDATE_COMPLETE"


def test_a_change_that_fails_says_why(stacks: Stacks) -> None:
    bad = template(more="Rule: {Type: AWS::Events::Rule, Properties: {ScheduleExpression: never}}")
    assert stacks.execute(stacks.propose(bad)) == "UPDATE_FAILED"
    events = stacks.client.describe_stack_events(StackName="changing")["StackEvents"]
    assert "Resources.Rule" in events[0]["ResourceStatusReason"]


def test_a_stack_that_is_deleted_leaves_what_its_template_retains(stacks: Stacks) -> None:
    stacks.client.delete_stack(StackName="changing")
    assert stacks.settled() == ""


def test_what_makes_roles_has_to_be_acknowledged(stacks: Stacks) -> None:
    role = "Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}"
    with pytest.raises(ClientError, match="CAPABILITY_IAM"):
        stacks.propose(template(more=role))


def test_a_transform_is_shown_by_the_change_set_and_needs_no_acknowledgement(stacks: Stacks) -> None:
    serverless = "Transform: AWS::Serverless-2016-10-31\n" + template(days=14)
    assert changes(stacks.propose(serverless)) == {"Group": ("Modify", "False")}


def test_a_stack_that_is_proposed_has_an_event_and_one_that_is_not_is_refused(stacks: Stacks) -> None:
    with pytest.raises(ClientError, match="does not exist"):
        stacks.client.describe_stack_events(StackName="proposed")
    stacks.client.create_change_set(
        StackName="proposed", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=template(bucket="proposed")
    )
    (event,) = stacks.client.describe_stack_events(StackName="proposed")["StackEvents"]
    assert event["ResourceStatus"] == "REVIEW_IN_PROGRESS"


def test_a_stack_has_the_tags_of_the_latest_change_that_names_some(stacks: Stacks) -> None:
    for days, tags in ((8, {"team": "birds"}), (9, None)):
        assert stacks.execute(stacks.propose(template(days=days), tags=tags)) == "UPDATE_COMPLETE"
        (described,) = stacks.client.describe_stacks(StackName="changing")["Stacks"]
        assert described["Tags"] == [{"Key": "team", "Value": "birds"}]


def test_a_stack_that_is_not_there_cannot_be_updated(stacks: Stacks) -> None:
    with pytest.raises(ClientError, match="already exists"):
        stacks.propose(template(), "CREATE")
