"""The message about a run that failed: what it was doing, what is safe, and the command that goes on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import errors
from pipeline.errors import ImageBatchError
from pipeline.results import failure_messages
from pipeline.results.failure_messages import run_failed
from pipeline.results.failures import FAILED, Failure
from pipeline.runs.stages import Stage

ARN = "arn:aws:states:us-east-1:123456789012:execution:imagebatch:first"
RUN = {"run_id": "2026-11-20T0200-incoming-7f3a9c", "bucket": "example-results"}
# SNS API, Publish, `Subject`: "less than 100 characters long".
LONGEST_SUBJECT = 99


def failure(**changes: Any) -> Failure:
    values = {"status": "FAILED", "stage": Stage.PREDICTING, "run": RUN, "error": "States.Timeout", "cause": "slow"}
    return Failure(**{"execution_arn": ARN, "execution_name": "first", "redrive_count": 0, **values, **changes})


@pytest.mark.parametrize("stage", Stage)
def test_a_failed_run_says_what_it_was_doing_and_what_is_safe(stage: Stage) -> None:
    message = run_failed(failure(stage=stage), "imagebatch")

    doing = failure_messages._DOING[stage]
    assert f"while {doing}" in message["subject"]
    assert f"has failed while {doing}.\nExecution {ARN}" in message["body"]
    assert "What failed\n  States.Timeout\n  slow\n\nWhat is safe\n  " in message["body"]
    assert f"s3://example-results/runs/{RUN['run_id']}/" in message["body"]


def test_a_failed_run_names_the_command_that_goes_on() -> None:
    body = run_failed(failure(), "photos")["body"]

    assert f"imagebatch resume {RUN['run_id']} --stack photos" in body
    assert "What is done is not done again." in body


def test_a_run_above_its_limit_goes_on_with_another() -> None:
    body = run_failed(failure(error="OverBudget"), "photos")["body"]

    assert "Raise the limit" in body
    assert f"imagebatch resume {RUN['run_id']} --stack photos --max-cost USD" in body


def test_an_input_that_was_wrong_is_corrected_and_not_resumed() -> None:
    body = run_failed(failure(stage=Stage.STARTING, run=None, error="InvalidRunInput"), "photos")["body"]

    assert "Nothing was listed and nothing was written." in body
    assert "Correct the input, and start the state machine again." in body
    assert "resume" not in body


@pytest.mark.parametrize(("status", "told"), [("TIMED_OUT", "ran out of time"), ("ABORTED", "was stopped")])
def test_what_no_state_could_tell_of_is_told_as_well(status: str, told: str) -> None:
    assert f"{told} while running the model" in run_failed(failure(status=status), "imagebatch")["body"]


def test_somebody_who_stopped_a_run_is_told_why_and_advised_nothing() -> None:
    message = run_failed(failure(status="ABORTED", error="Stopped", cause="the wrong photos"), "imagebatch")

    assert "Why\n  Stopped\n  the wrong photos" in message["body"]
    assert "Remove the cause" not in message["body"]
    assert "imagebatch STOPPED while running the model" in message["subject"]


def test_the_sentence_of_a_lambda_is_told_and_not_its_trace() -> None:
    cause = '{"errorMessage": "model: there is no \'huge\'", "errorType": "UnknownModel", "stackTrace": ["File x"]}'
    body = run_failed(failure(error="UnknownModel", cause=cause), "imagebatch")["body"]

    assert "  UnknownModel\n  model: there is no 'huge'\n" in body
    assert "stackTrace" not in body


def test_a_failure_without_an_error_is_still_told() -> None:
    assert "an unknown error" in run_failed(failure(error="", cause=""), "imagebatch")["subject"]


def test_advice_is_given_about_errors_that_there_are() -> None:
    ours = {
        name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, ImageBatchError)
    }

    assert set(failure_messages._ADVICE) <= ours


@given(name=st.text(max_size=200), run_id=st.text(max_size=200), status=st.sampled_from(FAILED))
def test_a_subject_is_one_that_sns_takes(name: str, run_id: str, status: str) -> None:
    subject = run_failed(failure(error=name, run={**RUN, "run_id": run_id}, status=status), "stack")["subject"]

    assert 0 < len(subject) <= LONGEST_SUBJECT
    assert subject.isascii()
    assert subject.isprintable()
