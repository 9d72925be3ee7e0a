"""The rules of a template: what its parameters have to be together.

Source: CloudFormation User Guide, "Rules section structure" and "Rule-specific intrinsic functions". Rules see
parameters only. Fn::RefAll, Fn::ValueOf and Fn::ValueOfAll ask an account what there is in it, and are refused.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.local.deploy.errors import ParameterError, TemplateError
from pipeline.local.deploy.intrinsics import Scope, function_of, resolve


def check_rules(declared: Mapping[str, Any], scope: Scope) -> None:
    """Hold the parameters in `scope` to every rule. Raises ParameterError with what the broken assertions say."""
    broken = [sentence for name, rule in declared.items() for sentence in _broken(f"Rules.{name}", rule, scope)]
    if broken:
        raise ParameterError(*broken)


def _broken(path: str, rule: Any, scope: Scope) -> Iterator[str]:
    if not isinstance(rule, dict) or not rule.get("Assertions") or set(rule) - {"Assertions", "RuleCondition"}:
        raise TemplateError(f"{path}: expected Assertions, and RuleCondition where it does not always hold")
    if "RuleCondition" in rule and not _holds(rule["RuleCondition"], scope, f"{path}.RuleCondition"):
        return
    for index, assertion in enumerate(rule["Assertions"]):
        place = f"{path}.Assertions[{index}]"
        if not isinstance(assertion, dict) or set(assertion) - {"AssertDescription"} != {"Assert"}:
            raise TemplateError(f"{place}: expected Assert, and AssertDescription")
        if not _holds(assertion["Assert"], scope, place):
            yield str(assertion.get("AssertDescription", f"{place} does not hold"))


def _holds(node: Any, scope: Scope, path: str) -> bool:
    match function_of(node):
        case "Fn::Equals", [one, other]:
            return _text(one, scope, path) == _text(other, scope, path)
        case "Fn::Not", [inner]:
            return not _holds(inner, scope, path)
        case "Fn::And", list(inner) if 2 <= len(inner) <= 10:
            return all(_holds(item, scope, path) for item in inner)
        case "Fn::Or", list(inner) if 2 <= len(inner) <= 10:
            return any(_holds(item, scope, path) for item in inner)
        case "Fn::Contains", [strings, member]:
            return _text(member, scope, path) in _texts(strings, scope, path)
        case "Fn::EachMemberEquals", [strings, value]:
            return all(text == _text(value, scope, path) for text in _texts(strings, scope, path))
        case "Fn::EachMemberIn", [strings, allowed]:
            return set(_texts(strings, scope, path)) <= set(_texts(allowed, scope, path))
    raise TemplateError(f"{path}: expected a function of rules on parameters, such as Fn::Equals, got {node!r}")


def _text(node: Any, scope: Scope, path: str) -> str:
    return str(resolve(node, scope, path))


def _texts(node: Any, scope: Scope, path: str) -> list[str]:
    texts = resolve(node, scope, path)
    if not isinstance(texts, list):
        raise TemplateError(f"{path}: expected a list, got {texts!r}")
    return [str(text) for text in texts]
