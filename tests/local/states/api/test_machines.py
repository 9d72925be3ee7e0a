"""State machines through the API."""

import json
from typing import Any

import pytest

from pipeline.local.protocol import ServiceError

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
ROLE = "arn:aws:iam::123456789012:role/states"


def task(resource: str) -> dict[str, Any]:
    return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "Parameters": {}, "End": True}}}


def refusal(machines: Any, operation: str, **parameters: Any) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        machines.service.handle(operation, parameters)
    return refused.value


def test_what_is_created_is_described(machines: Any) -> None:
    logging = {"level": "ERROR", "includeExecutionData": True, "destinations": []}
    arn = machines.create(PASS, name="orders", type="EXPRESS", loggingConfiguration=logging)
    answer = machines.service.handle("DescribeStateMachine", {"stateMachineArn": arn})
    assert arn == "arn:aws:states:us-east-1:123456789012:stateMachine:orders"
    assert (answer["name"], answer["type"], answer["status"]) == ("orders", "EXPRESS", "ACTIVE")
    assert json.loads(answer["definition"]) == PASS
    assert answer["loggingConfiguration"] == logging


def test_creating_the_same_again_gives_the_same(machines: Any) -> None:
    assert machines.create(PASS, name="same") == machines.create(PASS, name="same")


def test_creating_another_under_the_same_name_is_refused(machines: Any) -> None:
    machines.create(PASS, name="taken")
    other = json.dumps({**PASS, "Comment": "other"})
    error = refusal(machines, "CreateStateMachine", name="taken", definition=other, roleArn=ROLE)
    assert error.code == "StateMachineAlreadyExists"


@pytest.mark.parametrize("name", ["with space", "a/b", "tab\t", "q?", "a" * 81, "", 'quote"'])
def test_names_that_aws_forbids_are_refused(machines: Any, name: str) -> None:
    error = refusal(machines, "CreateStateMachine", name=name, definition=json.dumps(PASS), roleArn=ROLE)
    assert error.code in ("InvalidName", "ValidationException")


def test_a_bad_definition_is_refused_with_the_path_of_every_problem(machines: Any) -> None:
    bad = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Next": "Nowhere"}}}
    error = refusal(machines, "CreateStateMachine", name="bad", definition=json.dumps(bad), roleArn=ROLE)
    assert error.code == "InvalidDefinition"
    assert "/States/P/Next" in error.message


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        ("arn:aws:states:::sqs:deleteQueue", "sqs:deleteQueue is not an optimised integration"),
        ("arn:aws:states:::sqs:sendMessage.sync", "has no .sync"),
        ("arn:aws:states:::aws-sdk:s3:makeCoffee", "no action 'makeCoffee'"),
        ("arn:aws:states:::aws-sdk:coffee:make", "no service 'coffee'"),
        ("arn:aws:states:::aws-sdk:s3:getObject.sync", "have no .sync"),
        ("arn:aws:s3:::bucket", "neither a Lambda function's ARN"),
        ("not an arn", "not a valid resource ARN"),
    ],
)
def test_a_task_whose_resource_nothing_serves_is_refused(machines: Any, resource: str, reason: str) -> None:
    nested = {"StartAt": "Each", "States": {"Each": {"Type": "Map", "ItemProcessor": task(resource), "End": True}}}
    error = refusal(machines, "CreateStateMachine", name="bad", definition=json.dumps(nested), roleArn=ROLE)
    assert "/States/Each/ItemProcessor/States/T/Resource" in error.message
    assert reason in error.message


def test_validation_lists_problems_without_creating_anything(machines: Any) -> None:
    bad = json.dumps(task("arn:aws:states:::sqs:deleteQueue"))
    answer = machines.service.handle("ValidateStateMachineDefinition", {"definition": bad})
    assert answer["result"] == "FAIL"
    assert [diagnostic["location"] for diagnostic in answer["diagnostics"]] == ["/States/T/Resource"]
    assert machines.service.handle("ValidateStateMachineDefinition", {"definition": json.dumps(PASS)})["result"] == "OK"


def test_an_update_applies_to_executions_that_start_later(machines: Any) -> None:
    arn = machines.create({"StartAt": "W", "States": {"W": {"Type": "Wait", "SecondsPath": "$.s", "End": True}}})
    start = {"stateMachineArn": arn, "input": '{"s": 3600}'}
    before = machines.service.handle("StartExecution", start)["executionArn"]
    machines.service.handle("UpdateStateMachine", {"stateMachineArn": arn, "definition": json.dumps(PASS)})
    after = machines.finish(machines.service.handle("StartExecution", start)["executionArn"])
    assert after.status == "SUCCEEDED"
    described = machines.service.handle("DescribeStateMachineForExecution", {"executionArn": before})
    assert json.loads(described["definition"])["StartAt"] == "W"


def test_a_deleted_machine_is_gone_and_its_executions_go_on(machines: Any) -> None:
    execution = machines.start({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}})
    arn = machines.service.handle("DescribeExecution", {"executionArn": execution})["stateMachineArn"]
    machines.service.handle("DeleteStateMachine", {"stateMachineArn": arn})
    assert refusal(machines, "DescribeStateMachine", stateMachineArn=arn).code == "StateMachineDoesNotExist"
    assert machines.service.handle("DescribeExecution", {"executionArn": execution})["status"] == "RUNNING"


def test_lists_come_in_pages(machines: Any) -> None:
    created = {machines.create(PASS) for _ in range(5)}
    listed, token = [], None
    while True:
        request = {"maxResults": 2} | ({"nextToken": token} if token else {})
        answer = machines.service.handle("ListStateMachines", request)
        listed += [machine["stateMachineArn"] for machine in answer["stateMachines"]]
        if (token := answer["nextToken"]) is None:
            break
    assert sorted(created) == sorted(listed)


def test_a_token_of_another_make_is_refused(machines: Any) -> None:
    assert refusal(machines, "ListStateMachines", nextToken="bm9uc2Vuc2U=").code == "InvalidToken"


def test_a_token_of_another_operation_is_refused(machines: Any) -> None:
    arns = [machines.create(PASS) for _ in range(2)]
    token = machines.service.handle("ListStateMachines", {"maxResults": 1})["nextToken"]
    assert refusal(machines, "ListExecutions", stateMachineArn=arns[0], nextToken=token).code == "InvalidToken"


@pytest.mark.parametrize(
    ("operation", "parameter"),
    [
        ("DeleteStateMachine", "stateMachineArn"),
        ("DescribeMapRun", "mapRunArn"),
        ("DescribeStateMachineForExecution", "executionArn"),
        ("ListMapRuns", "executionArn"),
    ],
)
def test_the_arn_of_something_else_is_refused(machines: Any, operation: str, parameter: str) -> None:
    arn = "arn:aws:states:us-east-1:123456789012:activity:other"
    assert refusal(machines, operation, **{parameter: arn}).code == "InvalidArn"


def test_tags_are_kept_with_what_they_tag(machines: Any) -> None:
    arn = machines.create(PASS, tags=[{"key": "team", "value": "vision"}])
    machines.service.handle("TagResource", {"resourceArn": arn, "tags": [{"key": "stage", "value": "dev"}]})
    machines.service.handle("UntagResource", {"resourceArn": arn, "tagKeys": ["team"]})
    tags = machines.service.handle("ListTagsForResource", {"resourceArn": arn})["tags"]
    assert tags == [{"key": "stage", "value": "dev"}]


def test_a_state_machine_is_published_as_it_is_created_and_changed(machines: Any) -> None:
    arn = machines.create(PASS, publish=True)
    changed = {"definition": json.dumps({**PASS, "Comment": "changed"}), "publish": True}
    updated = machines.service.handle("UpdateStateMachine", {"stateMachineArn": arn, **changed})
    assert updated["stateMachineVersionArn"] == f"{arn}:2"
