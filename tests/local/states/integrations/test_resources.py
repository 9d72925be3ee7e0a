"""Which Resource is which integration."""

import pytest

from pipeline.local.states.integrations import UnknownResourceError, resolve
from pipeline.local.states.integrations.activity import Activity
from pipeline.local.states.integrations.api_calls import ApiCall, AwsSdk
from pipeline.local.states.integrations.base import Integration
from pipeline.local.states.integrations.lambda_ import LambdaFunction, LambdaInvoke
from pipeline.local.states.integrations.nested import StartExecution
from pipeline.local.states.integrations.sagemaker import CreateJob


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        ("arn:aws:lambda:us-east-1:123456789012:function:resize", LambdaFunction),
        ("arn:aws:lambda:us-east-1:123456789012:function:resize:$LATEST", LambdaFunction),
        ("arn:aws:states:us-east-1:123456789012:activity:label", Activity),
        ("arn:aws:states:::lambda:invoke", LambdaInvoke),
        ("arn:aws:states:::lambda:invoke.waitForTaskToken", LambdaInvoke),
        ("arn:aws:states:::sns:publish", ApiCall),
        ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", ApiCall),
        ("arn:aws:states:::states:startExecution.sync:2", StartExecution),
        ("arn:aws:states:::sagemaker:createProcessingJob.sync", CreateJob),
        ("arn:aws:states:::sagemaker:createTransformJob.sync", CreateJob),
        ("arn:aws:states:::aws-sdk:sfn:startExecution", AwsSdk),
        ("arn:aws:states:::aws-sdk:eventbridge:putEvents", AwsSdk),
        ("arn:aws:states:::aws-sdk:bedrockruntime:invokeModel", AwsSdk),
    ],
)
def test_a_resource_is_resolved_by_its_arn(resource: str, kind: type[Integration]) -> None:
    assert isinstance(resolve(resource), kind)


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:states:::sagemaker:createProcessingJob.waitForTaskToken",
        "arn:aws:states:::dynamodb:getItem.sync",
        "arn:aws:states:::http:invoke",
        "arn:aws:states:::sns:publish.sync",
        "",
    ],
)
def test_what_nothing_serves_is_refused(resource: str) -> None:
    with pytest.raises(UnknownResourceError):
        resolve(resource)
