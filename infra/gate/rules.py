"""The rules of rules.guard, evaluated by AWS's own library for Guard, and two that Guard has no words for."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import cloudformation_validate as validate

from infra.gate.finding import Finding
from infra.gate.stack import Stack, listed

CHECK = "rules"
RULES = Path(__file__).with_name("rules.guard")


def check(stack: Stack) -> Iterator[Finding]:
    """A finding for each resource that breaks a rule of rules.guard, or one that Guard has no words for.

    A resource may be left out of a rule of rules.guard by its Metadata, as with checkov, if that says why:
    `guard: {skip: [{id: RULE, comment: ...}]}`.
    """
    report = _engine().validate_template(
        json.dumps(stack.translated).encode(), validate.ValidateConfig(disable_builtin_rules=True)
    )
    for found in report.diagnostics:
        place = found.entity.logical_id if found.entity else "the template"
        if found.rule_id not in _skipped(stack, place):
            yield Finding(CHECK, place, f"{found.message} [{found.rule_id}]")
    yield from _tls_only(stack)
    yield from _secrets(stack)


def _skipped(stack: Stack, name: str) -> set[str]:
    given = stack.translated["Resources"].get(name, {}).get("Metadata", {}).get("guard", {}).get("skip", ())
    return {each["id"] for each in given if each.get("comment")}


@cache
def _engine() -> validate.Engine:
    rules = [validate.file_to_external_rule_source(RULES)]
    return validate.RegoEngine(validate.EngineConfig(guard_rules=rules))


# The policy of each kind of resource, the member that names the resource, and what "all of it" is. Guard compares no
# list of one resource with the name of another.
_POLICIES: Mapping[str, tuple[str, str, Callable[[str], list[Any]]]] = {
    "AWS::S3::Bucket": (
        "AWS::S3::BucketPolicy",
        "Bucket",
        lambda name: [{"Fn::GetAtt": [name, "Arn"]}, {"Fn::Sub": f"${{{name}.Arn}}/*"}],
    ),
    "AWS::SNS::Topic": ("AWS::SNS::TopicPolicy", "Topics", lambda name: [{"Ref": name}]),
    "AWS::SQS::Queue": ("AWS::SQS::QueuePolicy", "Queues", lambda name: [{"Fn::GetAtt": [name, "Arn"]}]),
}
_SENDS = {"AWS::SNS::TopicPolicy": "sns:Publish", "AWS::SQS::QueuePolicy": "sqs:SendMessage"}


def _tls_only(stack: Stack) -> Iterator[Finding]:
    """A bucket, a topic and a queue have a policy that refuses everybody who comes to any of it without TLS."""
    resources = stack.translated["Resources"]
    for name, entry in resources.items():
        if entry["Type"] not in _POLICIES:
            continue
        kind, member, everything = _POLICIES[entry["Type"]]
        refusals = [
            statement
            for each in resources.values()
            if each["Type"] == kind and {"Ref": name} in listed(each["Properties"][member])
            for statement in listed(each["Properties"]["PolicyDocument"]["Statement"])
            if statement["Effect"] == "Deny"
            and statement.get("Principal") == "*"
            and _SENDS.get(kind, "s3:*") in listed(statement["Action"])
            and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        ]
        if not any(all(part in listed(each["Resource"]) for part in everything(name)) for each in refusals):
            yield Finding(CHECK, name, f"it has no {kind} that refuses whoever comes without TLS")


_SECRET = re.compile(r"secret|passw(or)?d|token|credential|api_?key|private_?key", re.IGNORECASE)


def _secrets(stack: Stack) -> Iterator[Finding]:
    """Names under which a secret would stand in the template, or in what it gives functions and builds."""
    text = "a secret in a template is read by whoever may see the stack; have Secrets Manager hold it"
    yield from (
        Finding(CHECK, f"Parameters.{name}", text)
        for name in stack.source.get("Parameters", {})
        if _SECRET.search(name)
    )
    for name, entry in stack.translated["Resources"].items():
        environment = entry.get("Properties", {}).get("Environment", {})
        given = list(environment.get("Variables", {}))
        given += [each["Name"] for each in environment.get("EnvironmentVariables", ())]
        yield from (Finding(CHECK, f"{name}.{variable}", text) for variable in given if _SECRET.search(variable))
