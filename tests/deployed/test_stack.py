"""Finding a stack: what its outputs say, and what is said where it is not there."""

from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pipeline.deployed.stack import Deployment, find_deployment
from pipeline.errors import UnknownDeployment


@pytest.fixture
def cloudformation() -> Iterator[Stubber]:
    """CloudFormation, as far as its answers are put in; they are held to botocore's model of them."""
    client = boto3.client(
        "cloudformation", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    with Stubber(client) as stubber:
        yield stubber


def described(name: str, status: str = "CREATE_COMPLETE", **outputs: str) -> dict[str, object]:
    return {
        "StackName": name,
        "CreationTime": datetime(2026, 11, 20, tzinfo=UTC),
        "StackStatus": status,
        "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()],
    }


def test_a_stack_says_which_machine_and_which_bucket(cloudformation: Stubber) -> None:
    stack = described("imagebatch", StateMachineArn="arn:machine", ResultsBucket="results", TopicArn="arn:topic")
    cloudformation.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "imagebatch"})

    assert find_deployment(cloudformation.client, "imagebatch") == Deployment("arn:machine", "results")


def test_a_stack_that_keeps_a_ledger_says_which_table_it_is(cloudformation: Stubber) -> None:
    stack = described("imagebatch", StateMachineArn="arn:machine", ResultsBucket="results", LedgerTable="ledger")
    cloudformation.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "imagebatch"})

    assert find_deployment(cloudformation.client, "imagebatch").ledger == "ledger"


def test_runs_of_a_stack_start_its_alias(cloudformation: Stubber) -> None:
    arns = {"StateMachineArn": "arn:machine", "StateMachineAliasArn": "arn:machine:live"}
    stack = described("imagebatch", ResultsBucket="results", **arns)
    cloudformation.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "imagebatch"})

    assert find_deployment(cloudformation.client, "imagebatch").started == "arn:machine:live"


def test_runs_of_a_stack_from_before_there_were_aliases_start_its_state_machine(cloudformation: Stubber) -> None:
    stack = described("imagebatch", StateMachineArn="arn:machine", ResultsBucket="results")
    cloudformation.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "imagebatch"})

    assert find_deployment(cloudformation.client, "imagebatch").started == "arn:machine"


def test_a_stack_that_is_not_there_is_named_that_are(cloudformation: Stubber) -> None:
    cloudformation.add_client_error("describe_stacks", "ValidationError", "Stack with id nowhere does not exist", 400)
    others = [
        described("website", Url="https://example.com"),
        described("photos-prod", StateMachineArn="arn:machine", ResultsBucket="results"),
    ]
    cloudformation.add_response("describe_stacks", {"Stacks": others}, {})

    with pytest.raises(
        UnknownDeployment,
        match=r"There is no stack 'nowhere' in us-east-1; of this product there are photos-prod\. --stack names",
    ):
        find_deployment(cloudformation.client, "nowhere")


def test_a_stack_that_is_not_there_is_named_where_the_others_may_not_be_read(cloudformation: Stubber) -> None:
    cloudformation.add_client_error("describe_stacks", "ValidationError", "Stack with id nowhere does not exist", 400)
    cloudformation.add_client_error("describe_stacks", "AccessDenied", "not authorized", 403)

    with pytest.raises(UnknownDeployment, match=r"There is no stack 'nowhere' in us-east-1\. --stack names another"):
        find_deployment(cloudformation.client, "nowhere")


def test_a_stack_of_another_template_is_told_by_the_output_it_lacks(cloudformation: Stubber) -> None:
    stack = described("imagebatch", "CREATE_IN_PROGRESS", StateMachineArn="arn:machine")
    cloudformation.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "imagebatch"})

    with pytest.raises(UnknownDeployment, match=r"'imagebatch' \(CREATE_IN_PROGRESS\) has no output 'ResultsBucket'"):
        find_deployment(cloudformation.client, "imagebatch")


def test_a_refusal_is_no_missing_stack(cloudformation: Stubber) -> None:
    cloudformation.add_client_error("describe_stacks", "ExpiredToken", "The security token is expired", 403)

    with pytest.raises(ClientError, match="ExpiredToken"):
        find_deployment(cloudformation.client, "imagebatch")
