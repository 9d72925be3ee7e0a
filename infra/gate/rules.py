"""The rules of rules.guard, evaluated by AWS's own library for Guard."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import cloudformation_validate as validate

from infra.gate.finding import Finding
from infra.gate.stack import Stack

CHECK = "rules"
RULES = Path(__file__).with_name("rules.guard")


def check(stack: Stack) -> Iterator[Finding]:
    """A finding for each resource that breaks a rule, and for each bucket, topic and queue that has no policy."""
    report = _engine().validate_template(
        json.dumps(stack.translated).encode(), validate.ValidateConfig(disable_builtin_rules=True)
    )
    for found in report.diagnostics:
        place = found.entity.logical_id if found.entity else "the template"
        yield Finding(CHECK, place, f"{found.message} [{found.rule_id}]")
    yield from _without_policy(stack)


@cache
def _engine() -> validate.Engine:
    rules = [validate.file_to_external_rule_source(RULES)]
    return validate.RegoEngine(validate.EngineConfig(guard_rules=rules))


# Guard compares no list of one resource with the name of another.
_POLICIES = {
    "AWS::S3::Bucket": ("AWS::S3::BucketPolicy", "Bucket"),
    "AWS::SNS::Topic": ("AWS::SNS::TopicPolicy", "Topics"),
    "AWS::SQS::Queue": ("AWS::SQS::QueuePolicy", "Queues"),
}


def _without_policy(stack: Stack) -> Iterator[Finding]:
    resources = stack.translated["Resources"]
    for name, entry in resources.items():
        if entry["Type"] not in _POLICIES:
            continue
        kind, member = _POLICIES[entry["Type"]]
        policies = [each["Properties"][member] for each in resources.values() if each["Type"] == kind]
        if not any({"Ref": name} in (policy if isinstance(policy, list) else [policy]) for policy in policies):
            yield Finding(CHECK, name, f"it has no {kind}, so it can be reached without TLS")
