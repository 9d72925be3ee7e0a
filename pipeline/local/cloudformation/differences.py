"""What a change set would do: a template against the one that a stack was made of.

Whether a resource would be replaced is told by its type's properties that cannot change (`createOnlyProperties` of its
schema in the CloudFormation Registry; a test compares the table with those that cfn-lint carries).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.local.deploy import Prepared
from pipeline.local.deploy.intrinsics import function_of

_CANNOT_CHANGE: Mapping[str, frozenset[str]] = {
    "AWS::CodeBuild::Project": frozenset({"Name"}),
    "AWS::DynamoDB::Table": frozenset({"TableName"}),
    "AWS::ECR::Repository": frozenset({"EncryptionConfiguration", "RepositoryName"}),
    "AWS::Events::Rule": frozenset({"Name"}),
    "AWS::IAM::ManagedPolicy": frozenset({"Description", "ManagedPolicyName", "Path"}),
    "AWS::IAM::Role": frozenset({"Path", "RoleName"}),
    "AWS::Lambda::Alias": frozenset({"FunctionName", "Name"}),
    "AWS::Lambda::Function": frozenset({"FunctionName", "PackageType"}),
    "AWS::Logs::LogGroup": frozenset({"LogGroupName"}),
    "AWS::S3::Bucket": frozenset({"BucketName"}),
    "AWS::SNS::Topic": frozenset({"FifoTopic", "TopicName"}),
    "AWS::SQS::Queue": frozenset({"FifoQueue", "QueueName"}),
    "AWS::SageMaker::Model": frozenset(
        {"Containers", "EnableNetworkIsolation", "ExecutionRoleArn", "ModelName", "PrimaryContainer", "VpcConfig"}
    ),
    "AWS::StepFunctions::StateMachine": frozenset({"StateMachineName", "StateMachineType"}),
    "AWS::StepFunctions::StateMachineVersion": frozenset({"Description", "StateMachineArn", "StateMachineRevisionId"}),
}
# Their key is the one thing else that makes a table another.
_SOMETIMES: Mapping[str, frozenset[str]] = {"AWS::DynamoDB::Table": frozenset({"KeySchema", "AttributeDefinitions"})}


def changes(before: Prepared | None, resources: Mapping[str, str], after: Prepared) -> Iterator[dict[str, Any]]:
    """`Changes` of DescribeChangeSet. `resources` are the stack's physical ids by logical id."""
    old = _in_words(before) if before else {}
    new = _in_words(after)
    for logical_id in [name for name in old if name not in new]:
        yield _change("Remove", logical_id, old[logical_id], resources)
    for logical_id, resource in new.items():
        if logical_id not in old:
            yield _change("Add", logical_id, resource, {})
        elif old[logical_id]["Type"] != resource["Type"]:
            yield _change("Modify", logical_id, resource, resources, "True", ("Type",))
        elif changed := _changed(old[logical_id], resource):
            yield _change("Modify", logical_id, resource, resources, _replacement(resource["Type"], changed), changed)


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    before, after = old.get("Properties", {}), new.get("Properties", {})
    return tuple(name for name in {**before, **after} if before.get(name) != after.get(name))


def _replacement(kind: str, changed: tuple[str, ...]) -> str:
    if _CANNOT_CHANGE.get(kind, frozenset()) & set(changed):
        return "True"
    return "Conditional" if _SOMETIMES.get(kind, frozenset()) & set(changed) else "False"


def _change(
    action: str,
    logical_id: str,
    resource: Mapping[str, Any],
    resources: Mapping[str, str],
    replacement: str | None = None,
    changed: tuple[str, ...] = (),
) -> dict[str, Any]:
    details = [
        {
            "Target": {"Attribute": "Properties", "Name": name},
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        }
        for name in changed
    ]
    return {
        "Type": "Resource",
        "ResourceChange": {
            "Action": action,
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": resources.get(logical_id),
            "ResourceType": resource["Type"],
            "Replacement": replacement,
            "Scope": ["Properties"] if changed else [],
            "Details": details,
        },
    }


def _in_words(prepared: Prepared) -> dict[str, Any]:
    """The resources, with each reference to a parameter as what it stands for."""
    resources = prepared.template["Resources"]
    return {name: _with_values(resource, prepared.scope.values, set(resources)) for name, resource in resources.items()}


def _with_values(node: Any, values: Mapping[str, Any], resources: set[str]) -> Any:
    match function_of(node):
        case "Ref", str(name) if name in values and name not in resources:
            return values[name]
        case "Fn::Sub", str(text):
            return {"Fn::Sub": _filled(text, values, resources)}
        case "Fn::Sub", [str(text), own]:
            return {"Fn::Sub": [_filled(text, values, resources), _with_values(own, values, resources)]}
    if isinstance(node, dict):
        return {key: _with_values(value, values, resources) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_values(item, values, resources) for item in node]
    return node


def _filled(text: str, values: Mapping[str, Any], resources: set[str]) -> str:
    for name, value in values.items():
        if name not in resources and f"${{{name}}}" in text:
            text = text.replace(f"${{{name}}}", str(value))
    return text
