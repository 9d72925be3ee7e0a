"""A failed distributed map hides its error in its children."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.results.failures import root_error

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:imagebatch:first"
HIDDEN = {"Error": "States.ExceedToleratedFailureThreshold", "Cause": "The specified threshold was exceeded"}


class StepFunctions:
    """Answers as Step Functions does for an execution with two map runs, the second of which has a failed child."""

    def __init__(self, *, is_denied: bool = False) -> None:
        self.is_denied = is_denied

    def list_map_runs(self, executionArn: str) -> Any:  # noqa: N803 - the API's names
        if self.is_denied:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListMapRuns")
        assert executionArn == EXECUTION
        return {"mapRuns": [{"mapRunArn": "fine"}, {"mapRunArn": "broken"}]}

    def list_executions(self, mapRunArn: str, statusFilter: str, maxResults: int) -> Any:  # noqa: N803
        failed = [{"executionArn": "child"}] if (mapRunArn, statusFilter) == ("broken", "FAILED") else []
        return {"executions": failed[:maxResults]}

    def describe_execution(self, executionArn: str) -> Any:  # noqa: N803
        assert executionArn == "child"
        return {"error": "ClientError", "cause": "the images bucket is gone"}


def test_the_error_of_a_failed_child_is_the_one_to_report() -> None:
    assert root_error(HIDDEN, EXECUTION, StepFunctions()) == {
        "Error": "ClientError",
        "Cause": "the images bucket is gone",
    }


def test_children_that_cannot_be_read_leave_the_error_as_it_is() -> None:
    assert root_error(HIDDEN, EXECUTION, StepFunctions(is_denied=True)) == HIDDEN


@pytest.mark.parametrize("error", [{"Error": "RunDoesNotAddUp", "Cause": "one too few"}, {}])
def test_any_other_error_is_reported_as_it_is(error: dict[str, str]) -> None:
    assert root_error(error, EXECUTION, StepFunctions()) == error
