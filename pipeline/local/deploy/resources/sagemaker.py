"""SageMaker models."""

from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, pick


def create_model(target: Target, properties: Properties) -> Created:
    name = properties.get("ModelName", target.name(longest=63))
    created = target.client("sagemaker").create_model(
        ModelName=name,
        **pick(properties, "Containers", "EnableNetworkIsolation", "ExecutionRoleArn", "PrimaryContainer", "Tags"),
    )
    return Created(created["ModelArn"], {"ModelName": name})


TYPES = {
    "AWS::SageMaker::Model": ResourceType(
        create_model,
        properties=frozenset(
            {"Containers", "EnableNetworkIsolation", "ExecutionRoleArn", "ModelName", "PrimaryContainer", "Tags"}
        ),
        attributes=frozenset({"ModelName"}),
    )
}
