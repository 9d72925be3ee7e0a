"""What would change, and the change itself: CloudFormation's change sets.

Source: CloudFormation User Guide, "Update CloudFormation stacks using change sets".
"""

import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from pipeline.deploying.errors import DeployError
from pipeline.objects import error_code

# No role has a name of its own, so CAPABILITY_NAMED_IAM is not asked for.
CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
_NOTHING = ("didn't contain changes", "No updates are to be performed")
# What holds somebody's data: a change set that replaces or removes one is refused unless it is named.
_DATA = {"AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket"}
_UNDER_WAY = "_IN_PROGRESS"
_NEVER_MADE = {"CREATE_FAILED", "DELETE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"}
_SETTLED_WELL = {"CREATE_COMPLETE", "DELETE_COMPLETE", "UPDATE_COMPLETE"}


@dataclass(frozen=True)
class Change:
    """What would become of one resource."""

    action: str
    """Add, Modify, Remove, Import or Dynamic."""
    logical_id: str
    type: str
    replacement: str
    """True, False or Conditional for what is modified; else empty."""

    @property
    def endangers_data(self) -> bool:
        return self.type in _DATA and (self.action == "Remove" or self.replacement in ("True", "Conditional"))


@dataclass(frozen=True)
class ChangeSet:
    """A change set that can be executed."""

    id: str
    stack: str
    changes: Sequence[Change]


def find_stack(cloudformation: Any, name: str) -> Mapping[str, Any] | None:
    """The stack of a name as DescribeStacks has it; None where there is none, or only what a change set left of it."""
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error_code(error) != "ValidationError":
            raise
        return None
    found: Mapping[str, Any] = stack
    return None if found["StackStatus"] == "REVIEW_IN_PROGRESS" else found


def refuse_unchangeable(stack: Mapping[str, Any] | None) -> None:
    """Raises DeployError where a stack is there and cannot be changed now, with what to do about it."""
    if stack is None:
        return
    name, status = stack["StackName"], stack["StackStatus"]
    if status.endswith(_UNDER_WAY):
        raise DeployError(f"The stack {name} is being changed ({status}). Wait until it is not.")
    if status in _NEVER_MADE:
        raise DeployError(
            f"The stack {name} could not be made ({status}), and CloudFormation changes no such stack. Its events say "
            f"why; `imagebatch destroy --stack {name}` deletes what is left. Then deploy it again."
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        raise DeployError(
            f"The stack {name} could neither be changed nor changed back ({status}). Its events say what was in the "
            f"way; then: aws cloudformation continue-update-rollback --stack-name {name}"
        )


def propose(
    cloudformation: Any,
    stack: str,
    template: Mapping[str, str],
    declared: Collection[str],
    parameters: Mapping[str, str],
    pause: float,
) -> ChangeSet | None:
    """A change set; None where there is nothing to change.

    `template` is TemplateBody or TemplateURL, and `declared` are its parameters. Of a stack that is there, the
    parameters that are not given stay what they are. `pause` is the time between two looks, in seconds. Raises
    DeployError where CloudFormation refuses.
    """
    there = find_stack(cloudformation, stack)
    refuse_unchangeable(there)
    before = [entry["ParameterKey"] for entry in (there or {}).get("Parameters", ())]
    kept = [name for name in before if name in declared and name not in parameters]
    given: list[dict[str, Any]] = [
        {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
    ]
    given += [{"ParameterKey": name, "UsePreviousValue": True} for name in kept]
    created = cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=f"imagebatch-{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}",
        ChangeSetType="UPDATE" if there else "CREATE",
        Capabilities=list(CAPABILITIES),
        Parameters=given,
        **template,
    )
    described = _created(cloudformation, created["Id"], pause)
    if described["Status"] == "FAILED":
        reason = described.get("StatusReason", "")
        cloudformation.delete_change_set(ChangeSetName=created["Id"])
        if any(words in reason for words in _NOTHING):
            return None
        raise DeployError(f"CloudFormation cannot make a change set of the stack {stack}: {reason}")
    return ChangeSet(created["Id"], stack, list(_changes(cloudformation, created["Id"])))


def _created(cloudformation: Any, number: str, pause: float) -> Mapping[str, Any]:
    while True:
        described: Mapping[str, Any] = cloudformation.describe_change_set(ChangeSetName=number)
        if described["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            return described
        time.sleep(pause)


def _changes(cloudformation: Any, number: str) -> Iterator[Change]:
    for page in cloudformation.get_paginator("describe_change_set").paginate(ChangeSetName=number):
        for entry in page["Changes"]:
            change = entry["ResourceChange"]
            yield Change(
                change["Action"], change["LogicalResourceId"], change["ResourceType"], change.get("Replacement", "")
            )


def refuse_to_lose_data(change_set: ChangeSet, named: Sequence[str]) -> None:
    """Raises DeployError where a bucket, a table or a key would be replaced or removed that nobody named."""
    lost = [change for change in change_set.changes if change.endangers_data and change.logical_id not in named]
    if lost:
        what = ", ".join(f"{change.logical_id} ({change.type})" for change in lost)
        raise DeployError(
            f"The stack {change_set.stack} would lose {what}: a new and empty one would take its place, or none. The "
            "old one would stay in the account, and be no part of the stack. Where that is meant, name each: "
            + " ".join(f"--replace {change.logical_id}" for change in lost)
        )


def discard(cloudformation: Any, change_set: ChangeSet, *, is_new: bool) -> None:
    """Delete a change set that is not to be executed, and the empty stack that it came with, where that is new."""
    cloudformation.delete_change_set(ChangeSetName=change_set.id)
    if is_new:
        cloudformation.delete_stack(StackName=change_set.stack)


def execute(cloudformation: Any, change_set: ChangeSet, say: Callable[[str], None], pause: float) -> Mapping[str, Any]:
    """Execute a change set, and wait until the stack has changed; the stack. Raises DeployError with what failed."""
    token = uuid.uuid4().hex
    cloudformation.execute_change_set(ChangeSetName=change_set.id, ClientRequestToken=token)
    wait(cloudformation, change_set.stack, token, say, pause)
    found = find_stack(cloudformation, change_set.stack)
    if found is None:
        raise DeployError(f"The stack {change_set.stack} is gone: somebody else has deleted it. Deploy it again.")
    return found


def wait(cloudformation: Any, stack: str, token: str, say: Callable[[str], None], pause: float) -> None:
    """Wait for the end of what was asked for with `token`, telling each event. Raises DeployError with what failed."""
    told: dict[str, Mapping[str, Any]] = {}
    while True:
        for event in reversed(_events(cloudformation, stack, token)):
            if event["EventId"] in told:
                continue
            told[event["EventId"]] = event
            status = event["ResourceStatus"]
            say(f"  {status:<28} {event['LogicalResourceId']}")
            if event["PhysicalResourceId"] == event["StackId"] and not status.endswith(_UNDER_WAY):
                if status in _SETTLED_WELL:
                    return
                raise DeployError(f"The stack {stack} is {status}. {_why(told.values())}")
        time.sleep(pause)


def _why(events: Iterable[Mapping[str, Any]]) -> str:
    failed = [
        f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
        for event in events
        if event["ResourceStatus"].endswith("_FAILED") and event.get("ResourceStatusReason")
    ]
    return "; ".join(failed[:3]) or "Its events say why."


def _events(cloudformation: Any, stack: str, token: str) -> list[Mapping[str, Any]]:
    """The events of a request, newest first: of the latest page, which holds more than happens between two looks."""
    try:
        events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    except ClientError as error:
        if error_code(error) != "ValidationError":
            raise
        return []
    return [event for event in events if event.get("ClientRequestToken") == token]
