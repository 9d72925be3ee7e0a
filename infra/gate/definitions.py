"""The state machines' definitions, as text and beside the template that fills them in.

Structure, transitions and reachability are the parser's (pipeline/local/states/definition). A task's parameters are
held against botocore's model of the call that Step Functions makes with them, since Step Functions itself looks at them
only when the state runs.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import OperationModel, Shape

from infra.gate.finding import Finding
from infra.gate.stack import Stack
from pipeline.local.states.definition import parse
from pipeline.local.states.documents import load
from pipeline.local.states.errors import DefinitionError
from pipeline.local.states.integrations import UnknownResourceError, resolve

CHECK = "definitions"
_VARIABLE = re.compile(r"\$\{([A-Za-z0-9_]+)\}")
_CALL = re.compile(r"arn:aws:states:::(aws-sdk:)?(?P<service>[a-z]+):(?P<action>[a-zA-Z]+)(\.sync|\.waitForTaskToken)?")
# What an optimised integration takes as JSON where the API takes its text.
_TAKEN_AS_JSON = {("lambda", "Payload"), ("events", "Detail"), ("sqs", "MessageBody")}
# The models' patterns are Java's.
_UNICODE_CLASSES = {r"\p{L}": r"\w", r"\p{Z}": r"\s", r"\p{N}": r"\d"}


def check(stack: Stack) -> Iterator[Finding]:
    """A finding for each thing wrong with a definition, with the state or the path that it is in."""
    for name, text in stack.definitions.items():
        try:
            parse(text)
        except DefinitionError as error:
            yield from (Finding(CHECK, f"{name}{problem.path}", problem.message) for problem in error.problems)
            continue
        substituted = stack.source["Resources"][name]["Properties"].get("DefinitionSubstitutions", {})
        yield from (Finding(CHECK, name, said) for said in _substitutions(text, substituted))
        for state_name, state in states(load(text)):
            if state["Type"] == "Task":
                yield from (Finding(CHECK, f"{name}.{state_name}", said) for said in task_problems(state))


def states(branch: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every state by its name, at any depth."""
    for name, state in branch["States"].items():
        yield name, state
        inner = [*state.get("Branches", ()), *filter(None, (state.get("ItemProcessor"), state.get("Iterator")))]
        for each in inner:
            yield from states(each)


def task_problems(task: Mapping[str, Any]) -> list[str]:
    """What is wrong with a Task: its Resource, its Parameters, or that it might wait for ever."""
    said = []
    if not {"TimeoutSeconds", "TimeoutSecondsPath"} & set(task):
        said.append("waits for ever: give TimeoutSeconds")
    try:
        resolve(task["Resource"])
    except UnknownResourceError as error:
        return [*said, str(error)]
    match = _CALL.fullmatch(task["Resource"])
    if match is None:
        return said
    said += [f"Parameters.{path} is missing: jobs encrypt with the stack's key" for path in _without_key(task)]
    model = _operation(match["service"], match["action"])
    return said + list(_value(task.get("Parameters", {}), model.input_shape, match["service"], "Parameters"))


def _without_key(task: Mapping[str, Any]) -> list[str]:
    """Where a job's outputs would lie without the key of the stack. Its volumes are the plan's, with its instances."""
    action = task["Resource"].removesuffix(".sync").rpartition(":")[2]
    output = {"createProcessingJob": "ProcessingOutputConfig", "createTransformJob": "TransformOutput"}.get(action)
    given = task.get("Parameters", {}).get(output, {})
    return [f"{output}.KmsKeyId"] if output and not {"KmsKeyId", "KmsKeyId.$"} & set(given) else []


def _substitutions(text: str, given: Mapping[str, Any]) -> Iterator[str]:
    named = set(_VARIABLE.findall(text))
    yield from (f"${{{name}}} has no substitution" for name in sorted(named - set(given)))
    yield from (f"the substitution {name} stands nowhere in the definition" for name in sorted(set(given) - named))


@cache
def _operation(service: str, action: str) -> OperationModel:
    named = {"states": "stepfunctions"}.get(service, service)
    models = botocore.session.get_session().get_service_model(named)
    return models.operation_model(action[0].upper() + action[1:])


def _value(value: Any, shape: Any, service: str, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        yield from _structure(value, shape, service, path)
    elif shape.type_name == "list":
        for index, item in enumerate(value):
            yield from _value(item, shape.member, service, f"{path}[{index}]")
    elif shape.type_name == "map":
        for key, item in value.items():
            if not key.endswith(".$"):
                yield from _value(item, shape.value, service, f"{path}.{key}")
    elif not (isinstance(value, str) and "${" in value):
        yield from _scalar(value, shape, path)


def _structure(value: Any, shape: Any, service: str, path: str) -> Iterator[str]:
    names = {key.removesuffix(".$") for key in value}
    yield from (f"{path}.{name} is unknown" for name in sorted(names - set(shape.members)))
    yield from (f"{path}.{name} is missing" for name in sorted(set(shape.required_members) - names))
    for key, item in value.items():
        if key in shape.members and (service, key) not in _TAKEN_AS_JSON:
            yield from _value(item, shape.members[key], service, f"{path}.{key}")


def _scalar(value: Any, shape: Shape, path: str) -> Iterator[str]:
    kinds = {"string": str, "integer": int, "long": int, "boolean": bool, "float": float, "double": float}
    if not isinstance(value, kinds[shape.type_name]):
        yield f"{path} should be a {shape.type_name}"
        return
    if value not in shape.metadata.get("enum", [value]):
        yield f"{path} is none of {shape.metadata['enum']}"
    pattern = str(shape.metadata.get("pattern", ".*"))
    for theirs, ours in _UNICODE_CLASSES.items():
        pattern = pattern.replace(theirs, ours)
    if not re.fullmatch(pattern, str(value), re.DOTALL):
        yield f"{path} does not match {pattern}"
    size: Any = len(value) if isinstance(value, str) else value
    if not shape.metadata.get("min", size) <= size <= shape.metadata.get("max", size):
        yield f"{path} is outside of its limits"
