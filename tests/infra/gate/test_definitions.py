"""The Parameters of an AWS task, held against botocore's model of the call that Step Functions makes with them."""

import copy
import json
from typing import Any

import pytest

from infra.gate.definitions import states, task_problems
from infra.gate.stack import Stack


@pytest.fixture
def job() -> dict[str, Any]:
    """A task of the deployed machine, as it is."""
    (definition,) = (text for text in Stack.read().definitions.values() if "RunProcessingJob" in text)
    return copy.deepcopy(dict(states(json.loads(definition)))["RunProcessingJob"])


def test_a_task_as_it_is_deployed_passes(job: dict[str, Any]) -> None:
    assert task_problems(job) == []


def test_a_misspelt_parameter_is_found(job: dict[str, Any]) -> None:
    job["Parameters"]["StoppingCondition"]["MaxRuntime.$"] = "$.partition.max_runtime_seconds"
    assert task_problems(job) == ["Parameters.StoppingCondition.MaxRuntime is unknown"]


def test_a_missing_parameter_is_found(job: dict[str, Any]) -> None:
    del job["Parameters"]["ProcessingJobName.$"]
    assert task_problems(job) == ["Parameters.ProcessingJobName is missing"]


def test_a_word_that_the_api_does_not_have_is_found(job: dict[str, Any]) -> None:
    job["Parameters"]["ProcessingInputs"][1]["S3Input"]["S3DataType"] = "AugmentedManifestFile"
    (said,) = task_problems(job)
    assert said.startswith("Parameters.ProcessingInputs[1].S3Input.S3DataType is none of")


def test_a_literal_against_the_pattern_is_found(job: dict[str, Any]) -> None:
    job["Parameters"]["RoleArn"] = "JobRole"
    assert task_problems(job)[0].startswith("Parameters.RoleArn does not match")
