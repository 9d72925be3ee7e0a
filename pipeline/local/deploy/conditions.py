"""The conditions of a template: evaluated first, and then taken out of the template.

Conditions depend on parameters only, so which branch of every Fn::If counts, and which resources there are, is known
before anything is created.

Source: CloudFormation User Guide, "Condition functions".
"""

from collections.abc import Mapping
from typing import Any

from pipeline.local.deploy.errors import TemplateError
from pipeline.local.deploy.intrinsics import Scope, function_of, resolve


def evaluate_conditions(declared: Mapping[str, Any], scope: Scope) -> dict[str, bool]:
    """The truth of every condition of the section Conditions."""
    truths: dict[str, bool] = {}
    for name in declared:
        _named(name, declared, scope, truths, ())
    return truths


def apply_conditions(template: Mapping[str, Any], truths: Mapping[str, bool]) -> dict[str, Any]:
    """`template` without the resources and outputs whose condition is false, and with each Fn::If's chosen branch."""
    applied = dict(template)
    for section in ("Resources", "Outputs"):
        applied[section] = {
            name: _choose(
                {key: value for key, value in entry.items() if key != "Condition"}, truths, f"{section}.{name}"
            )
            for name, entry in template.get(section, {}).items()
            if "Condition" not in entry or _truth(entry["Condition"], truths, f"{section}.{name}.Condition")
        }
    return applied


def _named(
    name: str, declared: Mapping[str, Any], scope: Scope, truths: dict[str, bool], outer: tuple[str, ...]
) -> bool:
    if name in outer:
        raise TemplateError(f"Conditions: {' depends on '.join((*outer, name))}")
    if name not in declared:
        raise TemplateError(f"Conditions: there is no condition {name!r}")
    if name not in truths:
        truths[name] = _evaluate(declared[name], declared, scope, truths, (*outer, name))
    return truths[name]


def _evaluate(
    node: Any, declared: Mapping[str, Any], scope: Scope, truths: dict[str, bool], outer: tuple[str, ...]
) -> bool:
    path = f"Conditions.{outer[-1]}"
    if isinstance(node, dict) and set(node) == {"Condition"}:
        return _named(node["Condition"], declared, scope, truths, outer)
    match function_of(node):
        case "Fn::Equals", [one, other]:
            return bool(_comparable(resolve(one, scope, path)) == _comparable(resolve(other, scope, path)))
        case "Fn::Not", [inner]:
            return not _evaluate(inner, declared, scope, truths, outer)
        case "Fn::And", list(inner) if 2 <= len(inner) <= 10:
            return all(_evaluate(item, declared, scope, truths, outer) for item in inner)
        case "Fn::Or", list(inner) if 2 <= len(inner) <= 10:
            return any(_evaluate(item, declared, scope, truths, outer) for item in inner)
    raise TemplateError(f"{path}: expected Fn::Equals, Fn::Not, Fn::And, Fn::Or or Condition, got {node!r}")


def _comparable(value: Any) -> Any:
    """Parameters are text to CloudFormation, whatever their type: 7 equals "7"."""
    return value if isinstance(value, list | dict) else str(value)


def _choose(node: Any, truths: Mapping[str, bool], path: str) -> Any:
    match function_of(node):
        case "Fn::If", [str(name), chosen, other]:
            return _choose(chosen if _truth(name, truths, path) else other, truths, path)
        case "Fn::If", argument:
            raise TemplateError(f"{path}: Fn::If expects a condition and two values, got {argument!r}")
    if isinstance(node, dict):
        return {key: _choose(value, truths, f"{path}.{key}") for key, value in node.items()}
    if isinstance(node, list):
        return [_choose(item, truths, f"{path}[{index}]") for index, item in enumerate(node)]
    return node


def _truth(name: str, truths: Mapping[str, bool], path: str) -> bool:
    if name not in truths:
        raise TemplateError(f"{path}: there is no condition {name!r}")
    return truths[name]
