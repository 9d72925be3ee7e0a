"""The Parameters of every AWS task, held against botocore's model of the call that Step Functions makes with them."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.model import OperationModel, Shape

RESOURCE = re.compile(
    r"arn:aws:states:::(aws-sdk:)?(?P<service>[a-z]+):(?P<action>[a-zA-Z]+)(\.sync|\.waitForTaskToken)?"
)

# What an optimised integration takes as JSON where the API takes its text.
TAKEN_AS_JSON = {("lambda", "Payload"), ("events", "Detail")}

# The models' patterns are Java's.
UNICODE_CLASSES = {r"\p{L}": r"\w", r"\p{Z}": r"\s", r"\p{N}": r"\d"}


def operation(task: dict[str, Any]) -> OperationModel:
    match = RESOURCE.fullmatch(task["Resource"])
    assert match, task["Resource"]
    name = match["action"][0].upper() + match["action"][1:]
    return botocore.session.get_session().get_service_model(match["service"]).operation_model(name)


def problems(task: dict[str, Any]) -> list[str]:
    model = operation(task)
    return list(_check(task["Parameters"], model.input_shape, model.service_model.service_name, ""))


def _check(value: Any, shape: Shape, service: str, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        yield from _check_structure(value, shape, service, path)
    elif shape.type_name == "list":
        for index, item in enumerate(value):
            yield from _check(item, shape.member, service, f"{path}[{index}]")
    elif shape.type_name == "map":
        for key, item in value.items():
            if not key.endswith(".$"):
                yield from _check(item, shape.value, service, f"{path}.{key}")
    elif not (isinstance(value, str) and "${" in value):
        yield from _check_scalar(value, shape, path)


def _check_structure(value: dict[str, Any], shape: Shape, service: str, path: str) -> Iterator[str]:
    names = {key.removesuffix(".$") for key in value}
    yield from (f"{path}.{name} is unknown" for name in names - set(shape.members))
    yield from (f"{path}.{name} is missing" for name in set(shape.required_members) - names)
    for key, item in value.items():
        if key in shape.members and (service, key) not in TAKEN_AS_JSON:
            yield from _check(item, shape.members[key], service, f"{path}.{key}")


def _check_scalar(value: Any, shape: Shape, path: str) -> Iterator[str]:
    kinds = {"string": str, "integer": int, "long": int, "boolean": bool, "float": float, "double": float}
    if not isinstance(value, kinds[shape.type_name]):
        yield f"{path} should be a {shape.type_name}"
        return
    if value not in shape.metadata.get("enum", [value]):
        yield f"{path} is none of {shape.metadata['enum']}"
    pattern = shape.metadata.get("pattern", ".*")
    for theirs, ours in UNICODE_CLASSES.items():
        pattern = pattern.replace(theirs, ours)
    if not re.fullmatch(pattern, str(value), re.DOTALL):
        yield f"{path} does not match {pattern}"
    size = len(value) if isinstance(value, str) else value
    if not shape.metadata.get("min", size) <= size <= shape.metadata.get("max", size):
        yield f"{path} is outside of its limits"


@pytest.fixture
def job(state):
    return copy.deepcopy(state("RunProcessingJob"))


def test_every_task_makes_a_call_that_botocore_knows(places):
    assert {place.name: problems(place.state) for place in places if place.state["Type"] == "Task"} == {
        place.name: [] for place in places if place.state["Type"] == "Task"
    }


def test_a_misspelt_parameter_is_found(job):
    job["Parameters"]["StoppingCondition"]["MaxRuntime.$"] = "$.partition.max_runtime_seconds"
    assert problems(job) == [".StoppingCondition.MaxRuntime is unknown"]


def test_a_missing_parameter_is_found(job):
    del job["Parameters"]["ProcessingJobName.$"]
    assert problems(job) == [".ProcessingJobName is missing"]


def test_a_word_that_the_api_does_not_have_is_found(job):
    job["Parameters"]["ProcessingInputs"][1]["S3Input"]["S3DataType"] = "AugmentedManifestFile"
    assert [problem.partition(" is ")[0] for problem in problems(job)] == [".ProcessingInputs[1].S3Input.S3DataType"]


def test_a_literal_against_the_pattern_is_found(job):
    job["Parameters"]["RoleArn"] = "JobRole"
    assert problems(job)[0].startswith(".RoleArn does not match")
