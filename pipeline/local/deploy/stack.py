"""Create the resources of a template, one after another, through the API of the service that owns each of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.interrupts import checkpoint
from pipeline.local.deploy import check
from pipeline.local.deploy.conditions import apply_conditions, evaluate_conditions
from pipeline.local.deploy.errors import TemplateError
from pipeline.local.deploy.graph import creation_order
from pipeline.local.deploy.intrinsics import Scope, resolve
from pipeline.local.deploy.parameters import resolve_parameters
from pipeline.local.deploy.resources import RESOURCE_TYPES, Created, Target
from pipeline.local.deploy.rules import check_rules
from pipeline.local.deploy.template import load, package, translate

FUNCTION, VERSION = "AWS::Lambda::Function", "AWS::Lambda::Version"
_WARMED = (FUNCTION, VERSION)


class Cloud(Protocol):
    """What the deployer needs of a cloud; LocalCloud has it."""

    region: str
    account_id: str

    def client(self, service: str) -> Any: ...
    def build_image(self, repository: str, /) -> None: ...
    def warm(self, function_names: list[str], /) -> None: ...
    def register(self, stack: "Stack", made: "Made", /) -> None: ...
    def stack(self, name: str, /) -> "Stack | None": ...


@dataclass(frozen=True)
class Stack:
    """What was deployed. `resources` are physical ids (what Ref gives) by logical id."""

    name: str
    outputs: Mapping[str, str]
    resources: Mapping[str, str]
    ignored: tuple[str, ...]
    """Types and properties that mean nothing on one machine, each with the reason: check.meaningless()."""
    id: str
    """The stack's ARN."""
    types: Mapping[str, str]
    """Of the resources, by logical id."""
    parameters: Mapping[str, str]
    """The parameters' values as text; those that must not be echoed are masked."""
    description: str
    output_descriptions: Mapping[str, str]


@dataclass(frozen=True)
class Prepared:
    """A template and its parameters, understood: what a deployment would do."""

    source: Mapping[str, Any]
    """The template as it was given, SAM and all."""
    given: Mapping[str, str]
    """The parameters that were given."""
    values: Mapping[str, Any]
    """Those, and the defaults of the others."""
    scope: Scope
    template: Mapping[str, Any]
    """Translated, and without what its conditions exclude."""


@dataclass(frozen=True)
class Made:
    """What a deployment made: for the next one in the same cloud to leave alone what has not changed."""

    prepared: Prepared
    properties: Mapping[str, Mapping[str, Any]]
    """Of each resource, with every function evaluated."""
    created: Mapping[str, Created]


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
    return make(cloud, prepare(cloud, source, parameters, stack_name), stack_name, warm_functions=warm_functions)


def prepare(cloud: Cloud, source: dict[str, Any], parameters: Mapping[str, str], stack_name: str) -> Prepared:
    """Understand a template, whose code and definitions lie in buckets. Raises TemplateError, ParameterError."""
    values = resolve_parameters(source.get("Parameters", {}), parameters)
    scope = Scope(values=values | _pseudo_parameters(cloud, stack_name), mappings=source.get("Mappings", {}))
    check_rules(source.get("Rules", {}), scope)
    truths = evaluate_conditions(source.get("Conditions", {}), scope)
    template = apply_conditions(translate(source, values, cloud.region), truths)
    problems = list(check.problems(template, scope.values))
    if problems:
        raise TemplateError(*problems)
    return Prepared(source, parameters, values, scope, template)


def make(
    cloud: Cloud, prepared: Prepared, stack_name: str, before: Made | None = None, *, warm_functions: bool = False
) -> Stack:
    """Make what was prepared; of what this cloud made `before`, change what has changed.

    Raises TemplateError for a resource that its service refuses.
    """
    source, values, scope, template = prepared.source, prepared.values, prepared.scope, prepared.template
    properties: dict[str, Mapping[str, Any]] = {}
    created: dict[str, Created] = {}
    versioned = {
        resource["Properties"]["FunctionName"].get("Ref")
        for resource in template["Resources"].values()
        if resource["Type"] == VERSION and isinstance(resource["Properties"]["FunctionName"], dict)
    }
    resources: dict[str, str] = {}
    # A function's worker starts while the rest is made.
    for logical_id in creation_order(template["Resources"], soonest=_WARMED if warm_functions else ()):
        checkpoint()
        resource = template["Resources"][logical_id]
        target = _target(cloud, stack_name, logical_id)
        properties[logical_id] = _resolved(resource, logical_id, scope)
        created[logical_id] = (
            _unchanged(logical_id, resource, properties[logical_id], before)
            or _create(resource, target, properties[logical_id])
        )  # fmt: skip
        resources[logical_id] = created[logical_id].ref
        scope.values[logical_id] = created[logical_id].ref
        scope.attributes.update({(logical_id, name): value for name, value in created[logical_id].attributes.items()})
        # Where a function has a version, that is what is invoked.
        if warm_functions and resource["Type"] in _WARMED and logical_id not in versioned:
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
    _delete_what_is_gone(cloud, stack, before, template["Resources"])
    cloud.register(stack, Made(prepared, properties, created))
    return stack


def delete(cloud: Cloud, stack: Stack, made: Made | None) -> list[str]:
    """Delete what a stack made, last things first; the logical ids of what is retained, as the template says."""
    template = made.prepared.template["Resources"] if made else {}
    retained = []
    for logical_id, ref in reversed(list(stack.resources.items())):
        kind = RESOURCE_TYPES.get(stack.types[logical_id])
        if str(template.get(logical_id, {}).get("DeletionPolicy", "Delete")).startswith("Retain"):
            retained.append(logical_id)
        elif kind is not None and kind.delete is not None:
            kind.delete(_target(cloud, stack.name, logical_id), ref)
    return retained


def _delete_what_is_gone(cloud: Cloud, stack: Stack, made: Made | None, now: Mapping[str, Any]) -> None:
    """Delete what was replaced or removed, unless its UpdateReplacePolicy or its DeletionPolicy retains it."""
    before = cloud.stack(stack.name)
    if before is None:
        return
    then = made.prepared.template["Resources"] if made else {}
    there = {(stack.types[logical_id], ref) for logical_id, ref in stack.resources.items()}
    for logical_id, ref in before.resources.items():
        kind = RESOURCE_TYPES.get(before.types[logical_id])
        if kind is None or kind.delete is None or (before.types[logical_id], ref) in there:
            continue
        # Policies are those of the template that is deployed, where the resource still stands in it.
        declared = now.get(logical_id) or then.get(logical_id, {})
        policy = "UpdateReplacePolicy" if logical_id in now else "DeletionPolicy"
        if not str(declared.get(policy, "Delete")).startswith("Retain"):
            kind.delete(_target(cloud, stack.name, logical_id), ref)


def _target(cloud: Cloud, stack_name: str, logical_id: str) -> Target:
    return Target(logical_id, stack_name, cloud.region, cloud.account_id, cloud.client, cloud.build_image)


def _resolved(resource: Mapping[str, Any], logical_id: str, scope: Scope) -> dict[str, Any]:
    """The properties of a resource that its type acts on."""
    kind = RESOURCE_TYPES[resource["Type"]]
    given = resolve(resource.get("Properties", {}), scope, f"Resources.{logical_id}.Properties")
    return {name: value for name, value in given.items() if name in kind.properties}


def _unchanged(
    logical_id: str, resource: Mapping[str, Any], properties: Mapping[str, Any], before: Made | None
) -> Created | None:
    """What was made of a resource before, where that is what it still says."""
    if before is None or before.properties.get(logical_id) != properties:
        return None
    # A version is of what its function, or state machine, is now.
    if resource["Type"].endswith("Version") or before.prepared.template["Resources"][logical_id] != resource:
        return None
    return before.created[logical_id]


def _create(resource: Mapping[str, Any], target: Target, properties: Mapping[str, Any]) -> Created:
    path = f"Resources.{target.logical_id}"
    try:
        return RESOURCE_TYPES[resource["Type"]].create(target, properties)
    except (ClientError, BotoCoreError) as error:
        said = " ".join(str(error).split())  # botocore lists what is wrong over several lines
        raise TemplateError(f"{path} ({resource['Type']}): {said}") from error
    except KeyError as missing:
        raise TemplateError(f"{path} ({resource['Type']}): {missing} is missing") from missing


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
