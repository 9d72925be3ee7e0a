"""Roles and managed policies, which pipeline/local/permissions holds to what they allow."""

import json
from contextlib import suppress
from typing import Any

from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, inside, pick


def create_role(target: Target, properties: Properties) -> Created:
    iam = target.client("iam")
    name = properties.get("RoleName", target.name())
    trust = json.dumps(properties["AssumeRolePolicyDocument"])
    try:
        role = iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=trust,
            **pick(properties, "Description", "MaxSessionDuration", "Path", "PermissionsBoundary", "Tags"),
        )["Role"]
    except iam.exceptions.EntityAlreadyExistsException:
        role = iam.get_role(RoleName=name)["Role"]
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
        _take_away_policies(iam, name)
    for arn in properties.get("ManagedPolicyArns", []):
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    for index, policy in enumerate(properties.get("Policies", [])):
        inside(target, policy, f"Policies[{index}]", "PolicyName", "PolicyDocument")
        iam.put_role_policy(
            RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=json.dumps(policy["PolicyDocument"])
        )
    return Created(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})


def delete_role(target: Target, name: str) -> None:
    iam = target.client("iam")
    with suppress(iam.exceptions.NoSuchEntityException):
        _take_away_policies(iam, name)
        iam.delete_role(RoleName=name)


def _take_away_policies(iam: Any, role: str) -> None:
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=role, PolicyArn=attached["PolicyArn"])
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=name)


def create_managed_policy(target: Target, properties: Properties) -> Created:
    iam = target.client("iam")
    name = properties.get("ManagedPolicyName", target.name(longest=128))
    document = json.dumps(properties["PolicyDocument"])
    try:
        policy = iam.create_policy(
            PolicyName=name, PolicyDocument=document, **pick(properties, "Description", "Path")
        )["Policy"]  # fmt: skip
    except iam.exceptions.EntityAlreadyExistsException:
        arn = f"arn:aws:iam::{target.account_id}:policy{properties.get('Path', '/')}{name}"
        policy = iam.get_policy(PolicyArn=arn)["Policy"]
        for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
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
        delete=delete_role,
    ),
    "AWS::IAM::ManagedPolicy": ResourceType(
        create_managed_policy,
        properties=frozenset({"Description", "ManagedPolicyName", "Path", "PolicyDocument", "Roles"}),
        required=frozenset({"PolicyDocument"}),
        attributes=frozenset({"PolicyArn"}),
    ),
}
