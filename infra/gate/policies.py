"""Every policy of the stack, as IAM would read it.

parliament knows each action, the resources that it takes and the conditions that it has. What it does not judge is said
here: that a wildcard stands for something, that a role is passed to one service, and that nothing in the stack changes
what others may do. principals.py says who is spoken of.
"""

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from infra.gate import principals
from infra.gate.finding import Finding
from infra.gate.stack import ACCOUNT, Stack, listed

with warnings.catch_warnings():  # it reads its data by pkg_resources, and leaves the files open
    warnings.simplefilter("ignore")
    import parliament

CHECK = "policies"

# Actions that know no resources, or whose resources are not known before they are made (Service Authorization
# Reference). NetworkPolicy and ModelNetworkPolicy say in the template why interfaces cannot be named.
WITHOUT_RESOURCES = re.compile(
    r"(xray:(PutTraceSegments|PutTelemetryRecords|GetSamplingRules|GetSamplingTargets)"
    r"|logs:((Create|Get|Update|Delete|List)LogDeliver(y|ies)|PutResourcePolicy|Describe(ResourcePolicies|LogGroups))"
    r"|ecr:GetAuthorizationToken|cloudwatch:PutMetricData|servicequotas:ListServiceQuotas"
    r"|sagemaker:List(Processing|Transform)Jobs"
    r"|ec2:((Assign|Unassign)PrivateIpAddresses|(Create|Delete|Detach)NetworkInterface(Permission)?|Describe\w+))"
)
# Who may do these may do anything: by a role, by code that runs with one, or by the policy of what holds the data.
_OPENS_DOORS = re.compile(
    r"iam:(?!PassRole$)\w+|sts:(?!AssumeRole$)\w+|lambda:(Add|Create|Delete|Put|Remove|Update)\w+"
    r"|kms:(Put|Create(?!Grant$)|Disable|Revoke|Schedule)\w+|organizations:\w+"
    r"|s3:((Put|Delete)Bucket\w*|PutObjectAcl|PutAccessPoint\w*|Bypass\w+)|(sns|sqs):(Add|Set)\w+"
)
# What parliament says that is not so, by the issue and a word in its detail.
_MISTAKEN = (
    # An action that takes several kinds of resources wants one of them, and not each.
    ("RESOURCE_MISMATCH", "'states:DescribeExecution'"),
    ("RESOURCE_MISMATCH", "'states:ListExecutions'"),
    # Lambda puts it into every request that a function signs (Developer Guide, "Using source function ARN to control
    # function access behavior").
    ("UNKNOWN_CONDITION_FOR_ACTION", "lambda:SourceFunctionArn"),
    # Whether "*" is right is for WITHOUT_RESOURCES to say.
    ("RESOURCE_STAR", ""),
)


class Policy(NamedTuple):
    """A policy, who has it (the type of its resource), and its document with nothing left to resolve."""

    place: str
    kind: str
    document: dict[str, Any]


def check(stack: Stack) -> Iterator[Finding]:
    """A finding for each thing wrong with a policy; each once, whatever the conditions."""
    seen: set[Finding] = set()
    for resources in stack.decided():
        for policy in policies(resources):
            for finding in _policy(policy):
                if finding not in seen:
                    seen.add(finding)
                    yield finding


def policies(resources: Mapping[str, Any]) -> Iterator[Policy]:
    """Every policy document in the resources, at any depth of their properties."""
    for name, entry in resources.items():
        yield from _documents(entry.get("Properties", {}), name, entry["Type"])


def _documents(node: Any, place: str, kind: str) -> Iterator[Policy]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if isinstance(value, dict) and "Statement" in value:
                yield Policy(f"{place}.{key}", kind, value)
            else:
                named = node.get("PolicyName", "") if key != "PolicyName" else ""
                yield from _documents(value, f"{place}.{named or key}" if named else f"{place}.{key}", kind)
    elif isinstance(node, list):
        for item in node:
            yield from _documents(item, place, kind)


def _policy(policy: Policy) -> Iterator[Finding]:
    statements = [entry for entry in listed(policy.document["Statement"]) if isinstance(entry, dict)]
    if policy.place.endswith("AssumeRolePolicyDocument"):
        for statement in statements:
            yield from (Finding(CHECK, policy.place, text) for text in principals.trusts(statement))
        return
    of_a_resource = any({"Principal", "NotPrincipal"} & set(statement) for statement in statements)
    for statement in statements:
        if statement.get("Effect") == "Allow":
            texts = _open(statement, policy.kind) if of_a_resource else _identity(statement)
            yield from (Finding(CHECK, policy.place, text) for text in texts)
    if not of_a_resource:
        yield from _parliament(policy)


def _parliament(policy: Policy) -> Iterator[Finding]:
    for found in parliament.analyze_policy_string(json.dumps(policy.document)).findings:
        text = f"{found.issue}: {found.detail or found.location}"
        if not any(found.issue == issue and word in text for issue, word in _MISTAKEN):
            yield Finding("parliament", policy.place, text)


def _identity(statement: Mapping[str, Any]) -> Iterator[str]:
    actions, resources = listed(statement.get("Action", [])), listed(statement.get("Resource", []))
    if "NotAction" in statement or "NotResource" in statement:
        yield "a statement names what it allows, not what it does not"
    yield from (f"{action} allows more than is named" for action in actions if "*" in action or "?" in action)
    yield from (f"{action} changes what others may do" for action in actions if _OPENS_DOORS.fullmatch(action))
    if "*" in resources:
        yield from (
            f"{action} on every resource; name them"
            for action in actions
            if not WITHOUT_RESOURCES.fullmatch(action) and "*" not in action
        )
    yield from (f"{arn} is more than this stack's; name what" for arn in resources if arn != "*" and _is_wide(arn))
    conditions = principals.conditions(statement)
    if "iam:PassRole" in actions:
        if any(not re.fullmatch(r"arn:aws:iam::[0-9]{12}:role/[\w+=,.@/-]+", arn) for arn in resources):
            yield f"iam:PassRole on {', '.join(resources)}; name one role"
        services = listed(conditions.get("iam:passedtoservice", []))
        if len(services) != 1 or "*" in services[0]:
            yield "iam:PassRole without iam:PassedToService, so to any service"
    if {"kms:Decrypt", "kms:GenerateDataKey"} & set(actions) and "kms:viaservice" not in conditions:
        yield "the key is used by the services that hold what it encrypts; give kms:ViaService"
    if "kms:CreateGrant" in actions and conditions.get("kms:grantisforawsresource") != "true":
        yield "kms:CreateGrant hands the key to anybody; give kms:GrantIsForAWSResource"


def _is_wide(arn: str) -> bool:
    """Whether a resource begins with a wildcard, or may be another account's."""
    _, _, service, region, account, resource = (arn.split(":", 5) + [""] * 5)[:6]
    if not account:  # S3 names nobody, and what is before the first slash is the bucket
        return service != "s3" or bool(re.search(r"[*?]", resource.partition("/")[0]))
    name = re.split(r"[:/]", resource, maxsplit=1)[-1]
    return account != ACCOUNT or bool(re.search(r"[*?]", service + region)) or name[:1] in ("", "*", "?")


def _open(statement: Mapping[str, Any], kind: str) -> Iterator[str]:
    """What a resource's own policy lets others do. A VPC endpoint's speaks of who is inside the VPC already."""
    yield from principals.lets_in(statement)
    if kind != "AWS::KMS::Key":
        yield from (f"{action} allows more than is named" for action in listed(statement["Action"]) if "*" in action)
