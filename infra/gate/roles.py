"""What each role may do, whichever way it got there: inline, attached, or named by a managed policy."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.gate.finding import Finding
from infra.gate.stack import Stack, listed

CHECK = "roles"

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
    """A finding for each role that may touch what is encrypted, and may not use the key for it."""
    seen: set[Finding] = set()
    for resources in stack.decided():
        for role, owned in statements(resources).items():
            granted = _granted(owned)
            for action in sorted({action for statement in owned for action in listed(statement["Action"])}):
                missing = _TAKES.get(action, set()) - granted.get(action.partition(":")[0], set())
                finding = Finding(CHECK, role, f"{action} takes {' and '.join(sorted(missing))} of the stack's key")
                if missing and finding not in seen:
                    seen.add(finding)
                    yield finding


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
