"""Which resource needs which, and in what order to create them."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pipeline.local.deploy.errors import TemplateError
from pipeline.local.deploy.intrinsics import attribute_of, function_of, sub_variables


@dataclass(frozen=True)
class Reference:
    """A place that names a parameter or resource; `attribute` is None for Ref, and for Fn::Sub without a dot."""

    name: str
    attribute: str | None
    path: str


def references(node: Any, path: str) -> Iterator[Reference]:
    """Every Ref, Fn::GetAtt and Fn::Sub variable within `node`, which stands at `path`."""
    match function_of(node):
        case "Ref", argument:
            yield Reference(str(argument), None, path)
            return
        case "Fn::GetAtt", argument:
            yield Reference(*attribute_of(argument, path), path)
            return
        case "Fn::Sub", str(text):
            yield from _variables(text, path)
            return
        case "Fn::Sub", [str(text), dict(own)]:
            yield from (reference for reference in _variables(text, path) if reference.name not in own)
            yield from references(own, path)
            return
    if isinstance(node, dict):
        for key, value in node.items():
            yield from references(value, f"{path}.{key}")
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from references(item, f"{path}[{index}]")


def depends_on(resource: Mapping[str, Any]) -> list[str]:
    """What the resource names in DependsOn."""
    named = resource.get("DependsOn", [])
    return [named] if isinstance(named, str) else list(named)


def creation_order(resources: Mapping[str, Any], soonest: Container[str] = ()) -> list[str]:
    """Logical ids, each after everything that it refers to; those of the types `soonest`, and what they need, ahead of
    the others. A circle is a TemplateError that names it.
    """
    needs = {
        logical_id: {
            *({each.name for each in references(resource.get("Properties", {}), logical_id)} & set(resources)),
            *depends_on(resource),
        }
        for logical_id, resource in resources.items()
    }
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        # graphlib lists a circle with each node before the one that needs it.
        raise TemplateError(f"Resources: {' needs '.join(reversed(error.args[1]))}") from error
    ahead: set[str] = set()
    wanted = [logical_id for logical_id, resource in resources.items() if resource.get("Type") in soonest]
    while wanted:
        logical_id = wanted.pop()
        if logical_id not in ahead:
            ahead.add(logical_id)
            wanted += needs[logical_id]
    return sorted(order, key=lambda logical_id: logical_id not in ahead)


def _variables(text: str, path: str) -> Iterator[Reference]:
    for name in sub_variables(text):
        yield Reference(*attribute_of(name, path), path) if "." in name else Reference(name, None, path)
