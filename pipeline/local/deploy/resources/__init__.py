"""The resource types that can be deployed, each made by its service's own API.

A type says which properties it understands and which attributes Fn::GetAtt may ask of it; the rest is refused. To add
one, write its function into the file of its service and its entry into that file's table.
"""

from collections.abc import Mapping

from pipeline.local.deploy.resources import (
    chatbot,
    cloudwatch,
    containers,
    dynamodb,
    ec2,
    events,
    iam,
    kms,
    lambdas,
    logs,
    queries,
    s3,
    sagemaker,
    scheduler,
    sns,
    sqs,
    stepfunctions,
)
from pipeline.local.deploy.resources.base import Created, ResourceType, Target

RESOURCE_TYPES: Mapping[str, ResourceType] = {
    **chatbot.TYPES,
    **cloudwatch.TYPES,
    **containers.TYPES,
    **dynamodb.TYPES,
    **ec2.TYPES,
    **events.TYPES,
    **iam.TYPES,
    **kms.TYPES,
    **lambdas.TYPES,
    **logs.TYPES,
    **queries.TYPES,
    **s3.TYPES,
    **sagemaker.TYPES,
    **scheduler.TYPES,
    **sns.TYPES,
    **sqs.TYPES,
    **stepfunctions.TYPES,
}

__all__ = ["RESOURCE_TYPES", "Created", "ResourceType", "Target"]
