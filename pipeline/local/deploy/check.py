"""Everything in a template that the deployer would not understand, found before anything is created."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.local.deploy.graph import depends_on, references
from pipeline.local.deploy.resources import RESOURCE_TYPES, ResourceType

_SECTIONS = {
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
}
# DeletionPolicy and UpdateReplacePolicy speak of a resource that leaves its stack: stack.py goes by them.
_RESOURCE_FIELDS = {"DeletionPolicy", "DependsOn", "Metadata", "Properties", "Type", "UpdateReplacePolicy"}
_OUTPUT_FIELDS = {"Description", "Value"}


def problems(template: Mapping[str, Any], names: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each thing that is not understood. `names` are the parameters and pseudo parameters."""
    resources = template["Resources"]
    yield from (f"the section {section} is not understood" for section in template if section not in _SECTIONS)
    for logical_id, resource in resources.items():
        path = f"Resources.{logical_id}"
        yield from _unknown(resource, _RESOURCE_FIELDS, path)
        kind = RESOURCE_TYPES.get(str(resource.get("Type")))
        if kind is None:
            yield f"{path}: the type {resource.get('Type')} is not understood"
            continue
        known = kind.properties | set(kind.meaningless)
        properties = resource.get("Properties", {})
        yield from _unknown(properties, known, f"{path} ({resource['Type']})")
        yield from (
            f"{path} ({resource['Type']}): {name} is missing" for name in sorted(kind.required - set(properties))
        )
        for missing in (name for name in depends_on(resource) if name not in resources):
            yield f"{path}.DependsOn: there is no resource {missing!r}"
        yield from _dangling(properties, resources, names, f"{path}.Properties")
    for name, output in template.get("Outputs", {}).items():
        yield from _unknown(output, _OUTPUT_FIELDS, f"Outputs.{name}")
        if "Value" not in output:
            yield f"Outputs.{name}: Value is missing"
        yield from _dangling(output, resources, names, f"Outputs.{name}")


def meaningless(template: Mapping[str, Any]) -> Iterator[str]:
    """The types and properties that mean nothing on one machine, each with the reason and the resources that have it.

    `AWS::Lambda::Function.TracingConfig: there is no X-Ray here (StartRunFunction, PlanRetryFunction)`
    """
    noted: dict[str, list[str]] = {}
    properties: dict[str, list[str]] = {}
    for logical_id, resource in template["Resources"].items():
        kind = RESOURCE_TYPES[resource["Type"]]
        if kind.noted:
            noted.setdefault(f"{resource['Type']}: {kind.noted}", []).append(logical_id)
        for name, value in resource.get("Properties", {}).items():
            if name in kind.meaningless and value != {"Ref": "AWS::NoValue"}:
                properties.setdefault(f"{resource['Type']}.{name}: {kind.meaningless[name]}", []).append(logical_id)
    yield from (f"{what} ({', '.join(ids)})" for what, ids in [*sorted(noted.items()), *sorted(properties.items())])


def _unknown(entry: Mapping[str, Any], known: set[str] | frozenset[str], path: str) -> Iterator[str]:
    return (f"{path}: {name} is not understood" for name in entry if name not in known)


def _dangling(node: Any, resources: Mapping[str, Any], names: Mapping[str, Any], path: str) -> Iterator[str]:
    for reference in references(node, path):
        if reference.name not in resources:
            if reference.attribute is not None or (reference.name not in names and reference.name != "AWS::NoValue"):
                yield f"{reference.path}: there is no parameter or resource {reference.name!r}"
            continue
        kind: ResourceType | None = RESOURCE_TYPES.get(str(resources[reference.name].get("Type")))
        if kind and reference.attribute is not None and reference.attribute not in kind.attributes:
            yield f"{reference.path}: the attribute {reference.attribute} of {reference.name} is not understood"
