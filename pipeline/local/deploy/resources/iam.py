"""Roles and managed policies. The local cloud keeps them, and checks their grammar; it does not enforce them."""

import json

from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, inside, pick


def create_role(target: Target, properties: Properties) -> Created:
    iam = target.client("iam")
    name = properties.get("RoleName", target.name())
    role = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]),
        **pick(properties, "Description", "MaxSessionDuration", "Path", "PermissionsBoundary", "Tags"),
    )["Role"]
    for arn in properties.get("ManagedPolicyArns", []):
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    for index, policy in enumerate(properties.get("Policies", [])):
        inside(target, policy, f"Policies[{index}]", "PolicyName", "PolicyDocument")
        iam.put_role_policy(
            RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=json.dumps(policy["PolicyDocument"])
        )
    return Created(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})


def create_managed_policy(target: Target, properties: Properties) -> Created:
    iam = target.client("iam")
    policy = iam.create_policy(
        PolicyName=properties.get("ManagedPolicyName", target.name(longest=128)),
        PolicyDocument=json.dumps(properties["PolicyDocument"]),
        **pick(properties, "Description", "Path"),
    )["Policy"]
    for role in properties.get("Roles", []):
        iam.attach_role_policy(RoleName=role, PolicyArn=policy["Arn"])
    return Created(policy["Arn"], {"PolicyArn": policy["Arn"]})


TYPES = {
    "AWS::IAM::Role": ResourceType(
        create_role,
        properties=frozenset(
            {
                "AssumeRolePolicyDocument",
                "Description",
                "ManagedPolicyArns",
                "MaxSessionDuration",
                "Path",
                "PermissionsBoundary",
                "Policies",
                "RoleName",
                "Tags",
            }
        ),
        required=frozenset({"AssumeRolePolicyDocument"}),
        attributes=frozenset({"Arn", "RoleId"}),
    ),
    "AWS::IAM::ManagedPolicy": ResourceType(
        create_managed_policy,
        properties=frozenset({"Description", "ManagedPolicyName", "Path", "PolicyDocument", "Roles"}),
        required=frozenset({"PolicyDocument"}),
        attributes=frozenset({"PolicyArn"}),
    ),
}
