"""What is said of stacks that cannot be changed, and which rights a deployment asks for."""

import pytest

from pipeline.deploying.building import TEMPLATE
from pipeline.deploying.change_sets import CAPABILITIES, refuse_unchangeable
from pipeline.deploying.deployment import refuse_name
from pipeline.deploying.errors import DeployError
from pipeline.deploying.templates import load


def described(status: str) -> dict[str, str]:
    return {"StackName": "photos", "StackStatus": status}


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("ROLLBACK_COMPLETE", "imagebatch destroy --stack photos"),
        ("ROLLBACK_FAILED", "imagebatch destroy --stack photos"),
        ("DELETE_FAILED", "imagebatch destroy --stack photos"),
        ("UPDATE_IN_PROGRESS", "Wait until it is not"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name photos"),
    ],
)
def test_a_stack_that_cannot_be_changed_is_refused_with_what_to_do(status: str, advice: str) -> None:
    with pytest.raises(DeployError, match=advice):
        refuse_unchangeable(described(status))


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_stack_at_rest_can_be_changed(status: str) -> None:
    refuse_unchangeable(described(status))


def test_nothing_that_a_stack_of_the_longest_name_makes_has_a_name_that_is_too_long() -> None:
    longest = "p" * 42
    refuse_name(longest)
    limits = {
        "AWS::Serverless::Function": ("FunctionName", 64),
        "AWS::Serverless::StateMachine": ("Name", 80),
        "AWS::Events::Rule": ("Name", 64),
        "AWS::Scheduler::Schedule": ("Name", 64),
    }
    for resource in load(TEMPLATE)["Resources"].values():
        if resource["Type"] in limits:
            member, limit = limits[resource["Type"]]
            name = resource["Properties"][member]
            assert len(name["Fn::Sub"].replace("${AWS::StackName}", longest)) <= limit


def test_no_more_is_asked_for_than_roles_without_names() -> None:
    assert "CAPABILITY_NAMED_IAM" not in CAPABILITIES
    assert "CAPABILITY_NAMED_IAM" not in TEMPLATE.with_name("samconfig.toml").read_text(encoding="utf-8")
