"""CloudFormation's intrinsic functions, evaluated.

`resolve` knows Ref, Fn::GetAtt, Fn::Sub, Fn::Join, Fn::Select, Fn::Split, Fn::FindInMap and Fn::Base64. Fn::If and the
condition functions are gone by then: conditions.py takes them out first. Any other `Fn::` is refused by name.

Source: CloudFormation User Guide, "Intrinsic function reference".
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.local.deploy.errors import TemplateError

_SUB_PLACE = re.compile(r"\$\{(!?)([^{}]*)\}")  # ${name}, or ${!name}, which stands for the text ${name}


@dataclass
class Scope:
    """What templates refer to: `values` by Ref, `attributes` by Fn::GetAtt. Both grow while a stack is made."""

    values: dict[str, Any]
    attributes: dict[tuple[str, str], Any] = field(default_factory=dict)
    mappings: Mapping[str, Any] = field(default_factory=dict)


class _NoValue:
    """What `!Ref AWS::NoValue` gives: whatever holds it does without it."""


NO_VALUE = _NoValue()


def function_of(node: Any) -> tuple[str, Any] | None:
    """The name and argument where `node` is a call of a function, such as `{"Ref": "Topic"}`."""
    if isinstance(node, dict) and len(node) == 1:
        name, argument = next(iter(node.items()))
        if name == "Ref" or str(name).startswith("Fn::"):
            return name, argument
    return None


def sub_variables(text: str) -> Iterator[str]:
    """The names in a Fn::Sub text: parameters, resources, and resources' attributes (`Topic.TopicName`)."""
    return (name.strip() for literal, name in _SUB_PLACE.findall(text) if not literal)


def attribute_of(argument: Any, path: str) -> tuple[str, str]:
    """The resource and the attribute that a Fn::GetAtt names, or a Fn::Sub by a name with a dot."""
    match argument:
        case str() if "." in argument:
            logical_id, _, attribute = argument.partition(".")
            return logical_id, attribute
        case [str(logical_id), str(attribute)]:
            return logical_id, attribute
    raise TemplateError(f"{path}: expected a resource and an attribute of it, got {argument!r}")


def resolve(node: Any, scope: Scope, path: str) -> Any:
    """`node` with every function in it evaluated. `path` is where the node stands, for TemplateError to say."""
    call = function_of(node)
    if call is not None:
        name, argument = call
        function = _FUNCTIONS.get(name)
        if function is None:
            raise TemplateError(f"{path}: the function {name} is not understood")
        return function(argument, scope, f"{path}.{name}")
    if isinstance(node, dict):
        resolved = {key: resolve(value, scope, f"{path}.{key}") for key, value in node.items()}
        return {key: value for key, value in resolved.items() if value is not NO_VALUE}
    if isinstance(node, list):
        items = [resolve(item, scope, f"{path}[{index}]") for index, item in enumerate(node)]
        return [item for item in items if item is not NO_VALUE]
    return node


def _ref(argument: Any, scope: Scope, path: str) -> Any:
    if argument == "AWS::NoValue":
        return NO_VALUE
    if argument not in scope.values:
        raise TemplateError(f"{path}: there is no parameter or resource {argument!r}")
    return scope.values[argument]


def _get_att(argument: Any, scope: Scope, path: str) -> Any:
    logical_id, attribute = attribute_of(argument, path)
    if (logical_id, attribute) not in scope.attributes:
        raise TemplateError(f"{path}: there is no attribute {attribute!r} of a resource {logical_id!r}")
    return scope.attributes[logical_id, attribute]


def _sub(argument: Any, scope: Scope, path: str) -> str:
    text, own = (argument, {}) if isinstance(argument, str) else _arguments(argument, 2, path)
    own = resolve(own, scope, path)

    def value(match: re.Match[str]) -> str:
        if match[1]:
            return f"${{{match[2]}}}"
        name = match[2].strip()
        if name in own:
            return as_text(own[name])
        found = _get_att(name, scope, path) if "." in name else _ref(name, scope, path)
        return as_text(found)

    return _SUB_PLACE.sub(value, text)


def _join(argument: Any, scope: Scope, path: str) -> str:
    delimiter, items = _arguments(argument, 2, path)
    return str(delimiter).join(as_text(item) for item in _list(resolve(items, scope, path), path))


def _select(argument: Any, scope: Scope, path: str) -> Any:
    index, items = _arguments(resolve(argument, scope, path), 2, path)
    items = _list(items, path)
    if not (str(index).isdecimal() and int(index) < len(items)):
        raise TemplateError(f"{path}: there is no item {index} in a list of {len(items)}")
    return items[int(index)]


def _split(argument: Any, scope: Scope, path: str) -> list[str]:
    delimiter, text = _arguments(resolve(argument, scope, path), 2, path)
    return str(text).split(delimiter)


def _find_in_map(argument: Any, scope: Scope, path: str) -> Any:
    found: Any = scope.mappings
    for key in _arguments(resolve(argument, scope, path), 3, path):
        if not isinstance(found, Mapping) or str(key) not in found:
            raise TemplateError(f"{path}: the mapping has no {key!r}")
        found = found[str(key)]
    return found


def _base64(argument: Any, scope: Scope, path: str) -> str:
    return base64.b64encode(as_text(resolve(argument, scope, path)).encode()).decode()


def _arguments(argument: Any, count: int, path: str) -> list[Any]:
    if not isinstance(argument, list) or len(argument) != count:
        raise TemplateError(f"{path}: expected a list of {count} arguments, got {argument!r}")
    return argument


def _list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise TemplateError(f"{path}: expected a list, got {value!r}")
    return value


def as_text(value: Any) -> str:
    """A value where CloudFormation makes text of it: `true`, not Python's `True`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


_FUNCTIONS: Mapping[str, Callable[[Any, Scope, str], Any]] = {
    "Ref": _ref,
    "Fn::Base64": _base64,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAtt": _get_att,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
}
