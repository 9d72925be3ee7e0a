"""What each role may do, whichever way it got there: inline, attached, or named by a managed policy; and who has it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.gate.finding import Finding
from infra.gate.stack import Stack, listed

CHECK = "roles"
_ROLE = re.compile(r"arn:aws:iam::[0-9]{12}:role/(.+)")

# What a call takes of the key that the thing is encrypted with, and the service that takes it (Service Authorization
# Reference; S3 User Guide, "Using server-side encryption with AWS KMS keys"; SNS and SQS Developer Guides, "Key
# management"; DynamoDB Developer Guide, "Encryption at rest: usage notes").
_READS, _WRITES = {"kms:Decrypt"}, {"kms:Decrypt", "kms:GenerateDataKey"}
_TAKES: Mapping[str, set[str]] = {
    "dynamodb:BatchGetItem": _READS,
    "dynamodb:BatchWriteItem": _READS,
    "s3:GetObject": _READS,
    "s3:PutObject": _WRITES,
    "sns:Publish": _WRITES,
    "sqs:SendMessage": _WRITES,
}


def statements(resources: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The statements of each role, by its logical id. The resources are decided (`Stack.decided`)."""
    managed = {name: entry["Properties"] for name, entry in resources.items() if _is(entry, "ManagedPolicy")}
    arns = {f"policy/{name.lower()}": properties for name, properties in managed.items()}
    found: dict[str, list[dict[str, Any]]] = {}
    for name, entry in resources.items():
        if not _is(entry, "Role"):
            continue
        properties = entry["Properties"]
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", ())]
        attached = [str(arn).rpartition(":")[2] for arn in properties.get("ManagedPolicyArns", ())]
        documents += [arns[arn]["PolicyDocument"] for arn in attached if arn in arns]
        documents += [each["PolicyDocument"] for each in managed.values() if name.lower() in each.get("Roles", ())]
        found[name] = [statement for document in documents for statement in listed(document["Statement"])]
    return found


def check(stack: Stack) -> Iterator[Finding]:
    """A finding for each role that two have, that has a policy from elsewhere, or that lacks the key; each once."""
    seen: set[Finding] = set()
    for resources in stack.decided():
        for finding in (*_shared(resources), *_foreign(resources), *_without_key(resources)):
            if finding not in seen:
                seen.add(finding)
                yield finding


def _shared(resources: Mapping[str, Any]) -> Iterator[Finding]:
    """Of what runs, each has a role of its own: what one is broken into may do is what it needs, and no more.

    Whoever hands a role on has it as well: a state machine, a function that starts jobs. A role that other roles assume
    is theirs together, and one that may do nothing does not matter.
    """
    matter = {name for name, owned in statements(resources).items() if owned and _is_for_services(resources[name])}
    users: dict[str, list[str]] = {}
    for name, entry in resources.items():
        if not _is(entry, "Role") and not _is(entry, "ManagedPolicy"):
            for role in sorted(set(_roles_in(entry.get("Properties", {})))):
                users.setdefault(role, []).append(name)
    yield from (
        Finding(CHECK, " and ".join(users[role.lower()]), f"they have one role, {role}; give each its own")
        for role in sorted(matter)
        if len(users.get(role.lower(), ())) > 1
    )


def _roles_in(node: Any) -> Iterator[str]:
    """The roles whose ARNs stand anywhere in the properties of a resource."""
    if isinstance(node, Mapping | list):
        for each in node.values() if isinstance(node, Mapping) else node:
            yield from _roles_in(each)
    elif match := _ROLE.fullmatch(str(node)):
        yield match[1]


def _is_for_services(role: Mapping[str, Any]) -> bool:
    trust = listed(role["Properties"]["AssumeRolePolicyDocument"]["Statement"])
    return any("Service" in each.get("Principal", ()) for each in trust)


def _foreign(resources: Mapping[str, Any]) -> Iterator[Finding]:
    here = {f"policy/{name.lower()}" for name, entry in resources.items() if _is(entry, "ManagedPolicy")}
    for name, entry in resources.items():
        attached = entry["Properties"].get("ManagedPolicyArns", ()) if _is(entry, "Role") else ()
        for arn in attached:
            if str(arn).rpartition(":")[2] not in here:
                yield Finding(CHECK, name, f"{arn} is no policy of this template; write out what the role needs")


def _without_key(resources: Mapping[str, Any]) -> Iterator[Finding]:
    for role, owned in statements(resources).items():
        granted = _granted(owned)
        for action in sorted({action for statement in owned for action in listed(statement.get("Action", []))}):
            missing = _TAKES.get(action, set()) - granted.get(action.partition(":")[0], set())
            if missing:
                yield Finding(CHECK, role, f"{action} takes {' and '.join(sorted(missing))} of the stack's key")


def _granted(owned: list[dict[str, Any]]) -> dict[str, set[str]]:
    """What may be done with the key, by the service that does it."""
    granted: dict[str, set[str]] = {}
    for statement in owned:
        conditions = statement.get("Condition", {}).get("StringEquals", {})
        for service in listed(conditions.get("kms:ViaService", [])):
            granted.setdefault(service.partition(".")[0], set()).update(listed(statement["Action"]))
    return granted


def _is(entry: Mapping[str, Any], kind: str) -> bool:
    return bool(entry["Type"] == f"AWS::IAM::{kind}")
