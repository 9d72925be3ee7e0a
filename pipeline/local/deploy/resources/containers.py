"""Repositories of container images, and the projects that build them.

No container is built on one machine: what a stack's project would build into its repository is run from the sources.
"""

from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target

_WHY = "no container is built on one machine: jobs run from the sources"


def note_repository(target: Target, properties: Properties) -> Created:
    name = properties.get("RepositoryName", target.name(longest=256).lower())
    target.build_image(name)
    registry = f"{target.account_id}.dkr.ecr.{target.region}.amazonaws.com"
    arn = f"arn:aws:ecr:{target.region}:{target.account_id}:repository/{name}"
    return Created(name, {"Arn": arn, "RepositoryUri": f"{registry}/{name}"})


def note_project(target: Target, properties: Properties) -> Created:
    name = properties.get("Name", target.name(longest=255))
    return Created(name, {"Arn": f"arn:aws:codebuild:{target.region}:{target.account_id}:project/{name}"})


TYPES = {
    "AWS::ECR::Repository": ResourceType(
        note_repository,
        properties=frozenset({"RepositoryName"}),
        attributes=frozenset({"Arn", "RepositoryUri"}),
        meaningless=dict.fromkeys(
            (
                *("EmptyOnDelete", "EncryptionConfiguration", "ImageScanningConfiguration", "ImageTagMutability"),
                *("LifecyclePolicy", "RepositoryPolicyText", "Tags"),
            ),
            _WHY,
        ),
    ),
    "AWS::CodeBuild::Project": ResourceType(
        note_project,
        properties=frozenset(
            {
                *("Artifacts", "ConcurrentBuildLimit", "Description", "EncryptionKey", "Environment", "LogsConfig"),
                *("Name", "QueuedTimeoutInMinutes", "ServiceRole", "Source", "Tags", "TimeoutInMinutes", "VpcConfig"),
            }
        ),
        attributes=frozenset({"Arn"}),
        noted=_WHY,
    ),
}
