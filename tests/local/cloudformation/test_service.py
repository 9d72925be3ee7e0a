"""CloudFormation of the local cloud: what boto3, which parses the answers by botocore's models, reads of a stack."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import deploy

TEMPLATE = """
Description: Topics & "more"
Parameters:
  Names: {Type: CommaDelimitedList, Default: "a,b"}
  Token: {Type: String, Default: hidden, NoEcho: true}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: told}}
Outputs:
  TopicArn: {Description: "Where <people> subscribe", Value: !Ref Topic}
  Odd: {Value: "a & b < c"}
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A cloud with the stack `told` deployed."""
    path: Path = tmp_path_factory.mktemp("template") / "template.yaml"
    path.write_text(TEMPLATE, encoding="utf-8")
    with LocalCloud() as cloud:
        deploy(cloud, path, {}, "told")
        yield cloud


@pytest.fixture
def cloudformation(cloud: LocalCloud) -> Any:
    return cloud.client("cloudformation")


def test_a_stack_is_described_with_its_outputs(cloudformation: Any, cloud: LocalCloud) -> None:
    (stack,) = cloudformation.describe_stacks(StackName="told")["Stacks"]

    assert (stack["StackName"], stack["StackStatus"]) == ("told", "CREATE_COMPLETE")
    assert stack["Description"] == 'Topics & "more"'
    assert stack["Outputs"] == [
        {
            "OutputKey": "TopicArn",
            "OutputValue": f"arn:aws:sns:us-east-1:{cloud.account_id}:told",
            "Description": "Where <people> subscribe",
        },
        {"OutputKey": "Odd", "OutputValue": "a & b < c"},
    ]


def test_a_stack_is_found_by_its_id_too(cloudformation: Any) -> None:
    (stack,) = cloudformation.describe_stacks(StackName="told")["Stacks"]

    assert cloudformation.describe_stacks(StackName=stack["StackId"])["Stacks"] == [stack]


def test_a_parameter_that_must_not_be_echoed_is_masked(cloudformation: Any) -> None:
    (stack,) = cloudformation.describe_stacks(StackName="told")["Stacks"]

    assert {entry["ParameterKey"]: entry["ParameterValue"] for entry in stack["Parameters"]} == {
        "Names": "a,b",
        "Token": "****",
    }


@pytest.mark.parametrize("operation", ["describe_stacks", "list_stack_resources", "describe_stack_resources"])
def test_a_stack_that_is_not_there_is_refused_in_the_words_of_cloudformation(
    cloudformation: Any, operation: str
) -> None:
    with pytest.raises(ClientError, match="Stack with id nowhere does not exist") as refused:
        getattr(cloudformation, operation)(StackName="nowhere")

    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_all_stacks_are_listed(cloudformation: Any) -> None:
    pages = cloudformation.get_paginator("list_stacks").paginate()

    assert [stack["StackName"] for page in pages for stack in page["StackSummaries"]] == ["told"]


@pytest.mark.parametrize(("status", "count"), [("CREATE_COMPLETE", 1), ("DELETE_COMPLETE", 0)])
def test_stacks_are_listed_by_status(cloudformation: Any, status: str, count: int) -> None:
    listed = cloudformation.list_stacks(StackStatusFilter=["ROLLBACK_COMPLETE", status])["StackSummaries"]

    assert len(listed) == count


def test_a_status_that_does_not_exist_is_refused(cloudformation: Any) -> None:
    with pytest.raises(ClientError, match="Member must satisfy enum value set"):
        cloudformation.list_stacks(StackStatusFilter=["GONE"])


def test_the_resources_of_a_stack_are_listed_with_their_types(cloudformation: Any, cloud: LocalCloud) -> None:
    (resource,) = cloudformation.list_stack_resources(StackName="told")["StackResourceSummaries"]

    assert (resource["LogicalResourceId"], resource["ResourceType"]) == ("Topic", "AWS::SNS::Topic")
    assert resource["PhysicalResourceId"] == f"arn:aws:sns:us-east-1:{cloud.account_id}:told"


def test_a_resource_tells_its_stack(cloudformation: Any, cloud: LocalCloud) -> None:
    topic = f"arn:aws:sns:us-east-1:{cloud.account_id}:told"

    (resource,) = cloudformation.describe_stack_resources(PhysicalResourceId=topic)["StackResources"]

    assert (resource["StackName"], resource["LogicalResourceId"]) == ("told", "Topic")


def test_a_stack_that_is_deployed_again_was_updated(cloud: LocalCloud, cloudformation: Any, tmp_path: Path) -> None:
    for topic in ("first", "second"):
        text = f"Resources: {{Topic: {{Type: AWS::SNS::Topic, Properties: {{TopicName: {topic}}}}}}}"
        (tmp_path / "template.yaml").write_text(text, encoding="utf-8")
        deploy(cloud, tmp_path / "template.yaml", {}, "twice")

    (stack,) = cloudformation.describe_stacks(StackName="twice")["Stacks"]
    (resource,) = cloudformation.list_stack_resources(StackName="twice")["StackResourceSummaries"]
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert stack["LastUpdatedTime"] >= stack["CreationTime"]
    assert resource["PhysicalResourceId"].endswith(":second")


def test_what_the_service_does_not_do_is_refused_by_name(cloudformation: Any) -> None:
    with pytest.raises(ClientError, match="does not serve cloudformation UpdateStack"):
        cloudformation.update_stack(StackName="told", UsePreviousTemplate=True)
