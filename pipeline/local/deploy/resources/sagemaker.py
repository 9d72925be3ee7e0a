"""SageMaker models, and the endpoints that serve them."""

import time
from typing import Any

from botocore.exceptions import ClientError

from pipeline.interrupts import checkpoint
from pipeline.local.deploy.errors import TemplateError
from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, pick

# Until an endpoint is in service: as long as its server may take to answer a ping, and a while.
_SECONDS_BETWEEN_LOOKS, _LOOKS = 0.2, 3000
_EXISTS = "Cannot create already existing"
_NO_VPC = "models are served by processes of this machine, in no VPC"


def create_model(target: Target, properties: Properties) -> Created:
    sagemaker = target.client("sagemaker")
    name = properties.get("ModelName", target.name(longest=63, content=properties))
    try:
        arn = sagemaker.create_model(
            ModelName=name,
            **pick(properties, "Containers", "EnableNetworkIsolation", "ExecutionRoleArn", "PrimaryContainer", "Tags"),
        )["ModelArn"]
    except ClientError as error:
        if "ModelName" in properties or _EXISTS not in str(error):
            raise
        arn = sagemaker.describe_model(ModelName=name)["ModelArn"]  # one that was replaced, and stayed, is back
    return Created(arn, {"ModelName": name})


def create_endpoint_config(target: Target, properties: Properties) -> Created:
    sagemaker = target.client("sagemaker")
    name = properties.get("EndpointConfigName", target.name(longest=63, content=properties))
    try:
        arn = sagemaker.create_endpoint_config(
            EndpointConfigName=name, **pick(properties, "ProductionVariants", "Tags")
        )["EndpointConfigArn"]
    except ClientError as error:
        if "EndpointConfigName" in properties or _EXISTS not in str(error):
            raise
        arn = sagemaker.describe_endpoint_config(EndpointConfigName=name)["EndpointConfigArn"]
    return Created(arn, {"EndpointConfigName": name})


def create_endpoint(target: Target, properties: Properties) -> Created:
    """Create or update an endpoint, and wait until it is in service, as CloudFormation does."""
    sagemaker = target.client("sagemaker")
    name = properties.get("EndpointName", target.name(longest=63))
    try:
        arn = sagemaker.create_endpoint(EndpointName=name, **pick(properties, "EndpointConfigName", "Tags"))[
            "EndpointArn"
        ]
    except ClientError as error:
        if _EXISTS not in str(error):
            raise
        arn = sagemaker.update_endpoint(EndpointName=name, **pick(properties, "EndpointConfigName"))["EndpointArn"]
    described = _settled(sagemaker, name)
    if described["EndpointStatus"] != "InService":
        raise TemplateError(
            f"Resources.{target.logical_id} (AWS::SageMaker::Endpoint): the endpoint {name} is not in service. "
            f"{_reason(described)}"
        )
    return Created(arn, {"EndpointName": name})


def _settled(sagemaker: Any, name: str) -> dict[str, Any]:
    """What is known of an endpoint once its server runs, or has failed, or has had its time."""
    for _ in range(_LOOKS):
        described: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=name)
        if described["EndpointStatus"] in ("InService", "Failed"):
            break
        checkpoint()
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    return described


def _reason(described: Any) -> str:
    status = described.get("EndpointStatus", "unknown")
    return str(
        described.get("FailureReason") or f"Its status is {status} after {_SECONDS_BETWEEN_LOOKS * _LOOKS:.0f} s"
    )


TYPES = {
    "AWS::SageMaker::Model": ResourceType(
        create_model,
        properties=frozenset(
            {"Containers", "EnableNetworkIsolation", "ExecutionRoleArn", "ModelName", "PrimaryContainer", "Tags"}
        ),
        attributes=frozenset({"ModelName"}),
        meaningless={"VpcConfig": _NO_VPC},
    ),
    "AWS::SageMaker::EndpointConfig": ResourceType(
        create_endpoint_config,
        properties=frozenset({"EndpointConfigName", "ProductionVariants", "Tags"}),
        required=frozenset({"ProductionVariants"}),
        attributes=frozenset({"EndpointConfigName"}),
        meaningless={"KmsKeyId": "what an endpoint stores lies in a folder of this machine", "VpcConfig": _NO_VPC},
    ),
    "AWS::SageMaker::Endpoint": ResourceType(
        create_endpoint,
        properties=frozenset({"EndpointConfigName", "EndpointName", "Tags"}),
        required=frozenset({"EndpointConfigName"}),
        attributes=frozenset({"EndpointName"}),
        meaningless={"DeploymentConfig": "an endpoint here is one process, and is made anew with its cloud"},
    ),
}
