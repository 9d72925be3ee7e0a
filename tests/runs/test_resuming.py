"""A run is taken over by one execution, and only where the one that has it has ended without success."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.contract import ModelContract
from pipeline.contract.store import read_digest
from pipeline.errors import ContractMismatch, InvalidPrices, InvalidRunInput
from pipeline.runs.keys import result_key, run_key
from pipeline.runs.resuming import is_resumption, resume
from pipeline.runs.run import Run, load_run
from pipeline.settings import StartRunSettings

RESULTS = "example-results"
SETTINGS = StartRunSettings("example-images", RESULTS, "tiny", "incoming/")
LATER = {"arn": "arn:aws:states:us-east-1:123456789012:execution:imagebatch:later", "name": "later", "started_at": ""}
OTHER = {**LATER, "arn": f"{LATER['arn']}-still"}


class StepFunctions:
    def __init__(self, status: str | None = "FAILED", redrive: str = "REDRIVABLE", error: str = "SNS.Fault") -> None:
        self.status = status
        self.error = error
        self.redrive = redrive

    def describe_execution(self, executionArn: str) -> Any:  # noqa: N803 - the API's name
        if self.status is None:
            raise ClientError({"Error": {"Code": "ExecutionDoesNotExist"}}, "DescribeExecution")
        return {"status": self.status, "executionArn": executionArn, "redriveStatus": self.redrive, "error": self.error}


def put_summary(s3: Any, run: Run, **changes: Any) -> None:
    """What AggregatePredictions leaves of a run that adds up."""
    summary = {"execution_arn": run.execution_arn, "published": {"predictions": "s3://r/p.parquet"}, **changes}
    objects.put_json(s3, RESULTS, result_key(run.run_id, "summary.json"), summary)


@pytest.fixture
def failed(s3: Any, run: Run, begin: Callable[..., Any]) -> Run:
    """A run of the model that lies in the results bucket."""
    failed = replace(run, model_digest=read_digest(s3, RESULTS, run.model))
    objects.put_json(s3, RESULTS, run_key(run.run_id), failed.to_json())
    return failed


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED", None])
def test_a_run_whose_execution_has_ended_is_taken_over(s3: Any, failed: Run, status: str | None) -> None:
    answer = resume({"resume": failed.run_id}, LATER, SETTINGS, s3, StepFunctions(status))

    taken = load_run(s3, answer)
    assert (answer["claimed"], answer["run_id"]) == (True, failed.run_id)
    assert (taken.execution_arn, taken.resumed, taken.same_model_since) == (LATER["arn"], 1, 0)
    assert (taken.started_at, taken.trigger, taken.sources) == (failed.started_at, failed.trigger, failed.sources)
    assert taken.earlier_executions == (failed.execution_arn,)


def test_a_run_whose_models_files_were_replaced_is_one_of_the_new_ones(s3: Any, failed: Run) -> None:
    s3.put_object(Bucket=RESULTS, Key="models/tiny/labels.txt", Body=b"cat\ncow\n")

    taken = load_run(s3, resume({"resume": failed.run_id}, LATER, SETTINGS, s3, StepFunctions()))

    assert taken.model_digest == read_digest(s3, RESULTS, "tiny") != failed.model_digest
    assert taken.same_model_since == 1


def test_a_run_is_not_taken_over_while_the_prices_do_not_read(s3: Any, failed: Run) -> None:
    s3.put_object(Bucket=RESULTS, Key="prices.json", Body=b"{")

    with pytest.raises(InvalidPrices, match=r"s3://example-results/prices\.json is no JSON"):
        resume({"resume": failed.run_id}, LATER, SETTINGS, s3, StepFunctions())
    assert load_run(s3, failed.pointer).execution_arn == failed.execution_arn


def test_a_run_whose_models_contract_is_another_by_now_is_not_taken_over(
    s3: Any, failed: Run, contract: ModelContract
) -> None:
    other = replace(contract, output=replace(contract.output, top_k=2))
    objects.put_json(s3, RESULTS, "models/tiny/contract.json", other.to_json())

    with pytest.raises(ContractMismatch, match=f"when the run {failed.run_id} began"):
        resume({"resume": failed.run_id}, LATER, SETTINGS, s3, StepFunctions())


@pytest.mark.parametrize(("status", "said"), [("RUNNING", "is under way"), ("SUCCEEDED", "has succeeded")])
def test_a_run_that_needs_nobody_is_left_alone(s3: Any, failed: Run, status: str, said: str) -> None:
    answer = resume({"resume": failed.run_id}, LATER, SETTINGS, s3, StepFunctions(status))

    assert not answer["claimed"]
    assert said in answer["note"]
    assert load_run(s3, answer) == failed


def test_a_run_that_was_gathered_and_not_told_of_is_left_to_a_redrive(s3: Any, failed: Run) -> None:
    put_summary(s3, failed)

    answer = resume({"resume": failed.run_id}, LATER, SETTINGS, s3, StepFunctions())

    assert not answer["claimed"]
    assert f"has its results, and a redrive (`imagebatch resume {failed.run_id}`) tells of them" in answer["note"]
    assert load_run(s3, answer) == failed


def test_a_run_that_was_gathered_is_taken_over_where_a_redrive_is_not_possible_any_more(s3: Any, failed: Run) -> None:
    put_summary(s3, failed)

    assert resume({"resume": failed.run_id}, LATER, SETTINGS, s3, StepFunctions(redrive="NOT_REDRIVABLE"))["claimed"]


def test_a_summary_that_an_execution_before_has_left_does_not_count(s3: Any, failed: Run) -> None:
    put_summary(s3, failed, execution_arn=OTHER["arn"])

    assert resume({"resume": failed.run_id}, LATER, SETTINGS, s3, StepFunctions())["claimed"]


def test_a_run_that_was_gathered_and_then_found_wrong_is_taken_over(s3: Any, failed: Run) -> None:
    put_summary(s3, failed)

    assert resume({"resume": failed.run_id}, LATER, SETTINGS, s3, StepFunctions(error="CorruptVerdicts"))["claimed"]


def test_a_summary_whose_function_ended_before_its_tables_were_published_does_not_count(s3: Any, failed: Run) -> None:
    put_summary(s3, failed, published=None)

    assert resume({"resume": failed.run_id}, LATER, SETTINGS, s3, StepFunctions(error="Sandbox.Timedout"))["claimed"]


@pytest.mark.parametrize("body", [b"", b"[1]", b'{"published"'])
def test_a_summary_that_does_not_read_does_not_count(s3: Any, failed: Run, body: bytes) -> None:
    s3.put_object(Bucket=RESULTS, Key=result_key(failed.run_id, "summary.json"), Body=body)

    assert resume({"resume": failed.run_id}, LATER, SETTINGS, s3, StepFunctions())["claimed"]


def test_a_function_that_is_retried_finds_its_own_claim(s3: Any, failed: Run) -> None:
    for _ in range(2):
        answer = resume({"resume": failed.run_id}, LATER, SETTINGS, s3, StepFunctions())

    assert answer["claimed"]
    assert load_run(s3, answer).resumed == 1


def test_of_two_executions_that_take_a_run_at_once_one_has_it(s3: Any, failed: Run) -> None:
    class Between(StepFunctions):
        """While the first looks at who has the run, the second takes it."""

        def describe_execution(self, executionArn: str) -> Any:  # noqa: N803
            if executionArn == failed.execution_arn:
                answer = resume({"resume": failed.run_id}, OTHER, SETTINGS, s3, StepFunctions())
                assert answer["claimed"]
                return {"status": "FAILED"}
            assert executionArn == OTHER["arn"]
            return {"status": "RUNNING"}

    answer = resume({"resume": failed.run_id}, LATER, SETTINGS, s3, Between())

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
        resume(document, LATER, SETTINGS, s3, StepFunctions())


@pytest.mark.parametrize(("document", "is_one"), [({"resume": "a"}, True), ({}, False), (["resume"], False)])
def test_an_input_that_asks_for_a_run_to_be_resumed_is_told_from_others(document: Any, is_one: bool) -> None:
    assert is_resumption(document) == is_one
