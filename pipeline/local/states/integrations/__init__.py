"""What a Task's Resource stands for.

resolve("arn:aws:states:::sqs:sendMessage.waitForTaskToken")    the integration behind the ARN, made once

base        what an integration is, and what it tells history
lambda_     function ARNs, lambda:invoke            activity    activities
api_calls   sns, sqs, dynamodb, events, aws-sdk     nested      states:startExecution
sagemaker   jobs, with .sync                        shaping, responses, errors   parameters in, results and errors out
"""

import re
from collections.abc import Callable
from functools import lru_cache

from pipeline.local.states.integrations.activity import Activity
from pipeline.local.states.integrations.api_calls import ApiCall, AwsSdk, ItemCall, PutEvents, SendMessage
from pipeline.local.states.integrations.base import Integration, UnknownResourceError
from pipeline.local.states.integrations.errors import Naming
from pipeline.local.states.integrations.lambda_ import LambdaFunction, LambdaInvoke
from pipeline.local.states.integrations.nested import StartExecution
from pipeline.local.states.integrations.sagemaker import CreateJob

__all__ = ["Integration", "UnknownResourceError", "resolve"]

TOKEN, SYNC, SYNC2 = ".waitForTaskToken", ".sync", ".sync:2"

_RESOURCE = re.compile(r"arn:aws[a-z-]*:states:[a-z0-9-]*:\d*:(aws-sdk:)?([a-z0-9]+):([a-zA-Z0-9]+)(\.[A-Za-z0-9:]+)?")
_LAMBDA = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[\w-]+(:[\w$-]+)?")
_ACTIVITY = re.compile(r"arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:activity:.+")

_SNS = Naming("SNS", "AmazonSNS", "AmazonSNSException")
_SQS = Naming(
    "SQS",
    "AmazonSQS",
    "AmazonSQSException",
    ("MissingParameter", "The request must contain the parameter {0}."),
)
_DYNAMODB = Naming("DynamoDB", "AmazonDynamoDBv2", "AmazonDynamoDBException")
_EVENTS = Naming("EventBridge", "AmazonEventBridge", "AmazonEventBridgeException")
_STATES = Naming("StepFunctions", "AWSStepFunctions", "AWSStepFunctionsException")
_SAGEMAKER = Naming("SageMaker", "AmazonSageMaker", "AmazonSageMakerException")

Factory = Callable[[str, str, str], Integration]


def _api(kind: type[ApiCall], client: str, naming: Naming) -> Factory:
    return lambda service, action, pattern: kind(service, action, pattern, client=client, naming=naming)


# Service and action -> the patterns beside request-response that it has, and what makes it.
_OPTIMISED: dict[tuple[str, str], tuple[tuple[str, ...], Factory]] = {
    ("lambda", "invoke"): ((TOKEN,), LambdaInvoke),
    ("sns", "publish"): ((TOKEN,), _api(ApiCall, "sns", _SNS)),
    ("sqs", "sendMessage"): ((TOKEN,), _api(SendMessage, "sqs", _SQS)),
    ("events", "putEvents"): ((TOKEN,), _api(PutEvents, "events", _EVENTS)),
    ("states", "startExecution"): ((SYNC, SYNC2, TOKEN), _api(StartExecution, "stepfunctions", _STATES)),
    **{
        ("dynamodb", action): ((), _api(ItemCall, "dynamodb", _DYNAMODB))
        for action in ("getItem", "putItem", "updateItem", "deleteItem")
    },
    **{
        ("sagemaker", action): ((SYNC,), _api(CreateJob, "sagemaker", _SAGEMAKER))
        for action in ("createProcessingJob", "createTransformJob", "createTrainingJob")
    },
    **{
        ("sagemaker", action): ((), _api(ApiCall, "sagemaker", _SAGEMAKER))
        for action in ("createModel", "createEndpointConfig", "createEndpoint", "updateEndpoint")
    },
}


@lru_cache(maxsize=1024)
def resolve(resource: str) -> Integration:
    """The integration behind a Resource.

    Raises:
        UnknownResourceError: nothing serves it; the text says why.
    """
    if _LAMBDA.fullmatch(resource):
        return LambdaFunction(resource)
    if _ACTIVITY.fullmatch(resource):
        return Activity(resource)
    match = _RESOURCE.fullmatch(resource)
    if match is None:
        raise UnknownResourceError(
            f"{resource!r} is neither a Lambda function's ARN, an activity's, nor arn:aws:states:::SERVICE:ACTION"
        )
    sdk, service, action, pattern = match[1], match[2], match[3], match[4] or ""
    if sdk:
        if pattern not in ("", TOKEN):
            raise UnknownResourceError(f"AWS SDK integrations have no {pattern}, only request-response and {TOKEN}")
        return AwsSdk(f"aws-sdk:{service}", action, pattern)
    if (service, action) not in _OPTIMISED:
        known = ", ".join(sorted(f"{service}:{action}" for service, action in _OPTIMISED))
        raise UnknownResourceError(f"{service}:{action} is not an optimised integration here; there are {known}")
    patterns, make = _OPTIMISED[service, action]
    if pattern and pattern not in patterns:
        offered = ", ".join(patterns) or "request-response only"
        raise UnknownResourceError(f"{service}:{action} has no {pattern}: it has {offered}")
    return make(service, action, pattern)
