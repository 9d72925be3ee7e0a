"""The parameters of a template: given values and defaults, checked against what the template says of them.

Source: CloudFormation User Guide, "Parameters section structure".
"""

import re
from collections.abc import Mapping
from typing import Any

from pipeline.local.deploy.errors import ParameterError

_KNOWN = {
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
}


def resolve_parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """The value of every declared parameter: a string, an int or float for Number, a list for a list type.

    Raises ParameterError, which names every parameter that is wrong, unknown or missing.
    """
    problems = [
        f"there is no parameter {name}; the parameters are {', '.join(declared) or 'none'}"
        for name in given
        if name not in declared
    ]
    values: dict[str, Any] = {}
    for name, declaration in declared.items():
        try:
            values[name] = _value(declaration, given.get(name))
        except (ValueError, re.error) as error:
            problems.append(f"parameter {name}: {error}")
    if problems:
        raise ParameterError(*problems)
    return values


def _value(declaration: Mapping[str, Any], given: str | None) -> Any:
    unknown = sorted(set(declaration) - _KNOWN)
    if unknown:
        raise ValueError(f"{unknown[0]} is not understood")
    value = declaration.get("Default") if given is None else given
    if value is None:
        raise ValueError("it has no default, so it has to be given")
    match declaration.get("Type"):
        case "String":
            _check_text(declaration, str(value))
            return str(value)
        case "Number":
            return _number(declaration, value)
        case "CommaDelimitedList":
            items = [item.strip() for item in str(value).split(",")] if value != "" else []
            for item in items:
                _check_text(declaration, item)
            return items
        case other:
            raise ValueError(f"the type {other} is not understood; String, Number and CommaDelimitedList are")


def _check_text(declaration: Mapping[str, Any], text: str) -> None:
    pattern = declaration.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(str(pattern), text):
        raise ValueError(declaration.get("ConstraintDescription", f"{text!r} does not match {pattern}"))
    if not int(declaration.get("MinLength", 0)) <= len(text) <= int(declaration.get("MaxLength", len(text))):
        raise ValueError(f"{text!r} has {len(text)} characters, which is outside MinLength and MaxLength")
    _check_allowed(declaration, text)


def _number(declaration: Mapping[str, Any], value: Any) -> int | float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not a number") from None
    if not float(declaration.get("MinValue", number)) <= number <= float(declaration.get("MaxValue", number)):
        raise ValueError(f"{value} is outside MinValue and MaxValue")
    _check_allowed(declaration, str(value))
    return int(number) if number.is_integer() else number


def _check_allowed(declaration: Mapping[str, Any], text: str) -> None:
    allowed = [str(value) for value in declaration.get("AllowedValues", [text])]
    if text not in allowed:
        raise ValueError(f"{text!r} is not one of {', '.join(allowed)}")
