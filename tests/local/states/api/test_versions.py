"""An execution keeps the version that it was started with; an alias starts another one from when it is moved."""

import json
from typing import Any

import pytest

from pipeline.local.protocol import ServiceError

ROLE = "arn:aws:iam::123456789012:role/states"


def passing(word: str) -> dict[str, Any]:
    return {"StartAt": "Say", "States": {"Say": {"Type": "Pass", "Result": word, "End": True}}}


def waiting(word: str) -> dict[str, Any]:
    """One that runs until it is told to end."""
    wait = "arn:aws:states:us-east-1:123456789012:activity:wait"
    return {
        "StartAt": "Wait",
        "States": {
            "Wait": {"Type": "Task", "Resource": wait, "Next": "Say"},
            "Say": {"Type": "Pass", "Result": word, "End": True},
        },
    }


@pytest.fixture
def published(machines: Any) -> tuple[str, str, str]:
    """The ARNs of a state machine, its first version and an alias of it; the state machine has changed since."""
    arn = machines.create(passing("old"))
    call = machines.service.handle
    version = call("PublishStateMachineVersion", {"stateMachineArn": arn})["stateMachineVersionArn"]
    route = [{"stateMachineVersionArn": version, "weight": 100}]
    alias = call("CreateStateMachineAlias", {"name": "live", "routingConfiguration": route})["stateMachineAliasArn"]
    call("UpdateStateMachine", {"stateMachineArn": arn, "definition": json.dumps(passing("new"))})
    return arn, version, alias


def said(machines: Any, arn: str) -> Any:
    execution = machines.service.handle("StartExecution", {"stateMachineArn": arn})["executionArn"]
    return machines.finish(execution).output


def test_a_version_and_its_alias_run_what_was_published(machines: Any, published: tuple[str, str, str]) -> None:
    arn, version, alias = published
    assert (version, alias) == (f"{arn}:1", f"{arn}:live")
    assert [said(machines, each) for each in published] == ["new", "old", "old"]


def test_an_alias_that_is_moved_starts_the_other_version(machines: Any, published: tuple[str, str, str]) -> None:
    arn, _, alias = published
    call = machines.service.handle
    second = call("PublishStateMachineVersion", {"stateMachineArn": arn})["stateMachineVersionArn"]
    route = [{"stateMachineVersionArn": second, "weight": 100}]
    call("UpdateStateMachineAlias", {"stateMachineAliasArn": alias, "routingConfiguration": route})

    assert second == f"{arn}:2"
    assert said(machines, alias) == "new"
    described = call("DescribeStateMachineAlias", {"stateMachineAliasArn": alias})
    assert described["routingConfiguration"] == route


def test_the_same_revision_is_published_once(machines: Any, published: tuple[str, str, str]) -> None:
    call = machines.service.handle
    request = {"stateMachineArn": published[0]}
    assert call("PublishStateMachineVersion", request) == call("PublishStateMachineVersion", request)
    assert len(call("ListStateMachineVersions", request)["stateMachineVersions"]) == 2


def test_an_execution_under_way_ends_as_its_version_has_it(machines: Any) -> None:
    call = machines.service.handle
    activity = call("CreateActivity", {"name": "wait"})["activityArn"]
    arn = machines.create(waiting("old"))
    version = call("PublishStateMachineVersion", {"stateMachineArn": arn})["stateMachineVersionArn"]
    execution = call("StartExecution", {"stateMachineArn": version})["executionArn"]

    call("UpdateStateMachine", {"stateMachineArn": arn, "definition": json.dumps(passing("new"))})
    token = call("GetActivityTask", {"activityArn": activity})["taskToken"]
    call("SendTaskSuccess", {"taskToken": token, "output": "{}"})

    assert machines.finish(execution).output == "old"


def test_an_execution_says_by_what_it_was_started(machines: Any, published: tuple[str, str, str]) -> None:
    arn, version, alias = published
    call = machines.service.handle
    execution = call("StartExecution", {"stateMachineArn": alias})["executionArn"]
    machines.finish(execution)

    described = call("DescribeExecution", {"executionArn": execution})
    assert described["stateMachineArn"] == arn
    assert (described["stateMachineVersionArn"], described["stateMachineAliasArn"]) == (version, alias)
    assert execution.split(":")[-2] == arn.rpartition(":")[2]


def test_a_version_that_an_alias_starts_cannot_be_deleted(machines: Any, published: tuple[str, str, str]) -> None:
    with pytest.raises(ServiceError, match="used by the aliases live"):
        machines.service.handle("DeleteStateMachineVersion", {"stateMachineVersionArn": published[1]})


def test_who_deletes_a_state_machine_deletes_its_versions(machines: Any, published: tuple[str, str, str]) -> None:
    machines.service.handle("DeleteStateMachine", {"stateMachineArn": published[0]})
    with pytest.raises(ServiceError, match="Does Not Exist"):
        machines.service.handle("StartExecution", {"stateMachineArn": published[2]})
