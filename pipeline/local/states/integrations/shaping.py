"""Bring a task's parameters into the form that a service's API takes.

Parameters are written in Pascal case whatever the API says; objects where the API takes text travel as JSON text;
null means absent. Source: Developer Guide, "Passing parameters to a service API", "AWS SDK service integrations".
"""

from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from pipeline.local.shapes import violations
from pipeline.local.states.documents import dump
from pipeline.local.states.errors import StatesRuntimeError
from pipeline.local.states.integrations.errors import Naming
from pipeline.local.states.scope import Json


def request_of(
    parameters: Json, shape: StructureShape | None, naming: Naming, *, blobs_as_json: bool
) -> dict[str, Any]:
    """The arguments of the API call.

    Raises:
        StateError: States.Runtime for parameters that the API does not know, the service's own validation error
            for values that break its rules.
    """
    if not isinstance(parameters, dict):
        raise _unusable(parameters, "The value for the field 'Parameters' must be an object")
    if shape is None:
        return {}
    known = {name.lower(): name for name in shape.members}
    for name in parameters:
        if name.lower() not in known:
            raise _unusable(parameters, f'The field "{name}" is not supported by Step Functions')
    request: dict[str, Any] = _shaped(parameters, shape, blobs_as_json)
    missing = [name for name in shape.required_members if name not in request]
    if broken := list(violations(shape, request)):
        raise naming.invalid(broken, missing)
    return request


def text_of(value: Json) -> str:
    """A value where text is expected: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else dump(value)


def _shaped(value: Json, shape: Shape, blobs_as_json: bool) -> Any:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        known = {name.lower(): name for name in shape.members}
        return {
            (member := known.get(name.lower(), name)): _shaped(inner, shape.members[member], blobs_as_json)
            if member in shape.members
            else inner
            for name, inner in value.items()
            if inner is not None
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_shaped(inner, shape.member, blobs_as_json) for inner in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {name: _shaped(inner, shape.value, blobs_as_json) for name, inner in value.items()}
    if shape.type_name == "string":
        return text_of(value)
    if shape.type_name == "blob":
        return (dump(value) if blobs_as_json else text_of(value)).encode()
    if shape.type_name in ("integer", "long"):
        return _integer(value)
    return value


def _integer(value: Json) -> Json:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return value
    return value


def _unusable(parameters: Json, problem: str) -> StatesRuntimeError:
    return StatesRuntimeError(f"The Parameters '{dump(parameters)}' could not be used to start the Task: [{problem}]")
