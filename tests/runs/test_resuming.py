"""A run is taken over by one execution, and only where the one that has it has ended without success."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.errors import InvalidRunInput
from pipeline.runs.keys import run_key
from pipeline.runs.resuming import is_resumption, resume
from pipeline.runs.run import Run, load_run

RESULTS = "example-results"
LATER = {"arn": "arn:aws:states:us-east-1:123456789012:execution:imagebatch:later", "name": "later", "started_at": ""}
OTHER = {**LATER, "arn": f"{LATER['arn']}-still"}


class StepFunctions:
    def __init__(self, status: str | None = "FAILED") -> None:
        self.status = status

    def describe_execution(self, executionArn: str) -> Any:  # noqa: N803 - the API's name
        if self.status is None:
            raise ClientError({"Error": {"Code": "ExecutionDoesNotExist"}}, "DescribeExecution")
        return {"status": self.status, "executionArn": executionArn}


@pytest.fixture
def failed(s3: Any, run: Run) -> Run:
    objects.put_json(s3, RESULTS, run_key(run.run_id), run.to_json())
    return run


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED", None])
def test_a_run_whose_execution_has_ended_is_taken_over(s3: Any, failed: Run, status: str | None) -> None:
    answer = resume({"resume": failed.run_id}, LATER, RESULTS, s3, StepFunctions(status))

    taken = load_run(s3, answer)
    assert (answer["claimed"], answer["run_id"]) == (True, failed.run_id)
    assert (taken.execution_arn, taken.resumed) == (LATER["arn"], 1)
    assert (taken.started_at, taken.trigger, taken.sources) == (failed.started_at, failed.trigger, failed.sources)


@pytest.mark.parametrize(("status", "said"), [("RUNNING", "is under way"), ("SUCCEEDED", "has succeeded")])
def test_a_run_that_needs_nobody_is_left_alone(s3: Any, failed: Run, status: str, said: str) -> None:
    answer = resume({"resume": failed.run_id}, LATER, RESULTS, s3, StepFunctions(status))

    assert not answer["claimed"]
    assert said in answer["note"]
    assert load_run(s3, answer) == failed


def test_a_function_that_is_retried_finds_its_own_claim(s3: Any, failed: Run) -> None:
    for _ in range(2):
        answer = resume({"resume": failed.run_id}, LATER, RESULTS, s3, StepFunctions())

    assert answer["claimed"]
    assert load_run(s3, answer).resumed == 1


def test_of_two_executions_that_take_a_run_at_once_one_has_it(s3: Any, failed: Run) -> None:
    class Between(StepFunctions):
        """While the first looks at who has the run, the second takes it."""

        def describe_execution(self, executionArn: str) -> Any:  # noqa: N803
            if executionArn == failed.execution_arn:
                answer = resume({"resume": failed.run_id}, OTHER, RESULTS, s3, StepFunctions())
                assert answer["claimed"]
                return {"status": "FAILED"}
            assert executionArn == OTHER["arn"]
            return {"status": "RUNNING"}

    answer = resume({"resume": failed.run_id}, LATER, RESULTS, s3, Between())

    assert not answer["claimed"]
    assert load_run(s3, answer).execution_arn == OTHER["arn"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"resume": "2026-11-20T0200-gone-123456"}, "there is no run '2026-11-20T0200-gone-123456'"),
        ({"resume": "../run"}, "expected the id of a run, got '../run'"),
        ({"resume": 5}, "expected the id of a run, got 5"),
        ({"resume": "a", "prefixes": []}, r"expected no other field beside it but max_cost_usd, .* got \['prefixes'\]"),
    ],
)
def test_what_cannot_be_resumed_is_named(s3: Any, document: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRunInput, match=f"resume: {said}"):
        resume(document, LATER, RESULTS, s3, StepFunctions())


@pytest.mark.parametrize(("document", "is_one"), [({"resume": "a"}, True), ({}, False), (["resume"], False)])
def test_an_input_that_asks_for_a_run_to_be_resumed_is_told_from_others(document: Any, is_one: bool) -> None:
    assert is_resumption(document) == is_one
