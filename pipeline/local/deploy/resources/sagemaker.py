"""SageMaker models, and the endpoints that serve them."""

from typing import Any

from botocore.exceptions import WaiterError

from pipeline.local.deploy.errors import TemplateError
from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, pick

# Until an endpoint is in service: as long as its server may take to answer a ping, and a while.
_SECONDS_BETWEEN_LOOKS, _LOOKS = 0.2, 3000
_NO_VPC = "models are served by processes of this machine, in no VPC"


def create_model(target: Target, properties: Properties) -> Created:
    name = properties.get("ModelName", target.name(longest=63))
    created = target.client("sagemaker").create_model(
        ModelName=name,
        **pick(properties, "Containers", "EnableNetworkIsolation", "ExecutionRoleArn", "PrimaryContainer", "Tags"),
    )
    return Created(created["ModelArn"], {"ModelName": name})


def create_endpoint_config(target: Target, properties: Properties) -> Created:
    name = properties.get("EndpointConfigName", target.name(longest=63))
    created = target.client("sagemaker").create_endpoint_config(
        EndpointConfigName=name, **pick(properties, "ProductionVariants", "Tags")
    )
    return Created(created["EndpointConfigArn"], {"EndpointConfigName": name})


def create_endpoint(target: Target, properties: Properties) -> Created:
    """Create an endpoint, and wait until it is in service, as CloudFormation does."""
    sagemaker = target.client("sagemaker")
    name = properties.get("EndpointName", target.name(longest=63))
    created = sagemaker.create_endpoint(EndpointName=name, **pick(properties, "EndpointConfigName", "Tags"))
    try:
        sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName=name, WaiterConfig={"Delay": _SECONDS_BETWEEN_LOOKS, "MaxAttempts": _LOOKS}
        )
    except WaiterError as error:
        raise TemplateError(
            f"Resources.{target.logical_id} (AWS::SageMaker::Endpoint): the endpoint {name} is not in service. "
            f"{_reason(error.last_response)}"
        ) from error
    return Created(created["EndpointArn"], {"EndpointName": name})


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
