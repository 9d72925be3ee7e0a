"""Create the resources of a template, one after another, through the API of the service that owns each of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.local.deploy import check
from pipeline.local.deploy.conditions import apply_conditions, evaluate_conditions
from pipeline.local.deploy.errors import TemplateError
from pipeline.local.deploy.graph import creation_order
from pipeline.local.deploy.intrinsics import Scope, resolve
from pipeline.local.deploy.parameters import resolve_parameters
from pipeline.local.deploy.resources import RESOURCE_TYPES, Target
from pipeline.local.deploy.rules import check_rules
from pipeline.local.deploy.template import load, package, translate

FUNCTION, VERSION = "AWS::Lambda::Function", "AWS::Lambda::Version"


class Cloud(Protocol):
    """What the deployer needs of a cloud; LocalCloud has it."""

    region: str
    account_id: str

    def client(self, service: str) -> Any: ...
    def warm(self, function_names: list[str], /) -> None: ...
    def register(self, stack: "Stack", /) -> None: ...
    def stack(self, name: str, /) -> "Stack | None": ...


@dataclass(frozen=True)
class Stack:
    """What was deployed. `resources` are physical ids (what Ref gives) by logical id."""

    name: str
    outputs: Mapping[str, str]
    resources: Mapping[str, str]
    ignored: tuple[str, ...]
    """Properties that mean nothing on one machine, each as `LogicalId.Property: why`."""
    id: str
    """The stack's ARN."""
    types: Mapping[str, str]
    """Of the resources, by logical id."""
    parameters: Mapping[str, str]
    """The parameters' values as text; those that must not be echoed are masked."""
    description: str
    output_descriptions: Mapping[str, str]


def deploy(
    cloud: Cloud,
    template_path: Path,
    parameters: Mapping[str, str],
    stack_name: str = "imagebatch",
    *,
    warm_functions: bool = False,
) -> Stack:
    """Deploy the SAM or CloudFormation template at `template_path` as a stack.

    Where an earlier cloud deployed the stack into the same folder, what is there of it is changed into what the
    template says now, and what the template no longer has is deleted; except for buckets, whose objects are
    somebody's data.

    `warm_functions` lets each function start its first worker as soon as the function exists, while the rest of the
    stack is still being made. Raises TemplateError for a template that is not understood, before anything is created,
    and for a resource that its service refuses.
    """
    source = package(load(template_path), template_path.parent)
    values = resolve_parameters(source.get("Parameters", {}), parameters)
    scope = Scope(values=values | _pseudo_parameters(cloud, stack_name), mappings=source.get("Mappings", {}))
    check_rules(source.get("Rules", {}), scope)
    truths = evaluate_conditions(source.get("Conditions", {}), scope)
    template = apply_conditions(translate(source, values, cloud.region), truths)
    problems = list(check.problems(template, scope.values))
    if problems:
        raise TemplateError(*problems)

    versioned = {
        resource["Properties"]["FunctionName"].get("Ref")
        for resource in template["Resources"].values()
        if resource["Type"] == VERSION and isinstance(resource["Properties"]["FunctionName"], dict)
    }
    resources: dict[str, str] = {}
    for logical_id in creation_order(template["Resources"]):
        resource = template["Resources"][logical_id]
        target = Target(logical_id, stack_name, cloud.region, cloud.account_id, cloud.client)
        resources[logical_id] = _create(resource, target, scope)
        # Where a function has a version, that is what is invoked.
        if warm_functions and resource["Type"] in (FUNCTION, VERSION) and logical_id not in versioned:
            cloud.warm([resources[logical_id]])
    outputs = {
        name: str(resolve(output["Value"], scope, f"Outputs.{name}")) for name, output in template["Outputs"].items()
    }
    stack = Stack(
        name=stack_name,
        outputs=outputs,
        resources=resources,
        ignored=tuple(check.meaningless(template)),
        id=str(scope.values["AWS::StackId"]),
        types={logical_id: template["Resources"][logical_id]["Type"] for logical_id in resources},
        parameters={name: _told(source["Parameters"][name], value) for name, value in values.items()},
        description=source.get("Description", ""),
        output_descriptions={
            name: output["Description"] for name, output in template["Outputs"].items() if "Description" in output
        },
    )
    _delete_what_is_gone(cloud, stack)
    cloud.register(stack)
    return stack


def _delete_what_is_gone(cloud: Cloud, stack: Stack) -> None:
    before = cloud.stack(stack.name)
    if before is None:
        return
    there = {(stack.types[logical_id], ref) for logical_id, ref in stack.resources.items()}
    for logical_id, ref in before.resources.items():
        kind = RESOURCE_TYPES.get(before.types[logical_id])
        if kind is not None and kind.delete is not None and (before.types[logical_id], ref) not in there:
            kind.delete(Target(logical_id, stack.name, cloud.region, cloud.account_id, cloud.client), ref)


def _create(resource: Mapping[str, Any], target: Target, scope: Scope) -> str:
    kind = RESOURCE_TYPES[resource["Type"]]
    path = f"Resources.{target.logical_id}"
    given = resolve(resource.get("Properties", {}), scope, f"{path}.Properties")
    try:
        created = kind.create(target, {name: value for name, value in given.items() if name in kind.properties})
    except (ClientError, BotoCoreError) as error:
        said = " ".join(str(error).split())  # botocore lists what is wrong over several lines
        raise TemplateError(f"{path} ({resource['Type']}): {said}") from error
    except KeyError as missing:
        raise TemplateError(f"{path} ({resource['Type']}): {missing} is missing") from missing
    scope.values[target.logical_id] = created.ref
    scope.attributes.update({(target.logical_id, name): value for name, value in created.attributes.items()})
    return created.ref


def _told(declaration: Mapping[str, Any], value: Any) -> str:
    """A parameter's value as CloudFormation tells it."""
    if str(declaration.get("NoEcho", False)).lower() == "true":
        return "****"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _pseudo_parameters(cloud: Cloud, stack_name: str) -> dict[str, Any]:
    return {
        "AWS::AccountId": cloud.account_id,
        "AWS::NotificationARNs": [],
        "AWS::Partition": "aws",
        "AWS::Region": cloud.region,
        "AWS::StackId": f"arn:aws:cloudformation:{cloud.region}:{cloud.account_id}:stack/{stack_name}/local",
        "AWS::StackName": stack_name,
        "AWS::URLSuffix": "amazonaws.com",
    }
