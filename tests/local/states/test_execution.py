"""How executions end before they are done, and what is left of them."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.local.protocol import ServiceError
from pipeline.local.states.api import StatesService

WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
FOR_EVER: dict[str, Any] = {
    "StartAt": "Again",
    "States": {
        "Again": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.stop", "IsPresent": True, "Next": "Stop"}],
            "Default": "Again",
        },
        "Stop": {"Type": "Succeed"},
    },
}
EACH_WAITS = {
    "StartAt": "Each",
    "States": {"Each": {"Type": "Map", "ItemProcessor": WAIT, "End": True}},
}


def test_a_stopped_execution_is_aborted_with_error_and_cause(machines: Any) -> None:
    arn = machines.start(WAIT)
    machines.await_events(arn, "WaitStateEntered")
    machines.service.handle("StopExecution", {"executionArn": arn, "error": "Enough", "cause": "by hand"})
    outcome = machines.finish(arn)
    assert (outcome.status, outcome.error, outcome.cause) == ("ABORTED", "Enough", "by hand")
    assert outcome.types == ["ExecutionStarted", "WaitStateEntered", "WaitStateAborted", "ExecutionAborted"]


def test_stopping_an_execution_that_has_ended_changes_nothing(machines: Any) -> None:
    outcome = machines.run({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    machines.service.handle("StopExecution", {"executionArn": outcome.arn})
    assert machines.finish(outcome.arn) == outcome


def test_a_machine_over_its_time_limit_is_timed_out_without_error_or_cause(machines: Any) -> None:
    outcome = machines.run({**WAIT, "TimeoutSeconds": 1})
    assert (outcome.status, outcome.error, outcome.cause) == ("TIMED_OUT", None, None)
    assert outcome.types[-1] == "ExecutionTimedOut"


def test_forty_iterations_of_an_inline_map_run_at_once(machines: Any) -> None:
    arn = machines.start(EACH_WAITS, list(range(60)))
    machines.await_events(arn, "WaitStateEntered", 40)
    machines.service.handle("StopExecution", {"executionArn": arn})
    assert machines.finish(arn).types.count("MapIterationStarted") == 40


def test_stopping_a_map_aborts_its_iterations(machines: Any) -> None:
    arn = machines.start(EACH_WAITS, [1, 2])
    machines.await_events(arn, "WaitStateEntered", 2)
    machines.service.handle("StopExecution", {"executionArn": arn})
    types = machines.finish(arn).types
    assert types.count("MapIterationAborted") == 2
    assert types[-2:] == ["MapStateAborted", "ExecutionAborted"]


def test_a_machine_that_never_waits_leaves_room_for_others(machines: Any) -> None:
    busy = machines.start(FOR_EVER)
    quick = machines.run({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    machines.service.handle("StopExecution", {"executionArn": busy})
    assert quick.status == "SUCCEEDED"


def test_an_output_beyond_the_limit_fails_the_execution(machines: Any) -> None:
    doubled = {"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$"}, "End": True}
    outcome = machines.run({"StartAt": "P", "States": {"P": doubled}}, {"text": "x" * 140_000})
    assert outcome.error == "States.DataLimitExceeded"


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    return tmp_path / "states.sqlite"


def service_on(path: Path) -> StatesService:
    return StatesService(lambda *_: None, path)


def test_a_new_service_on_the_same_file_knows_what_the_old_one_ran(store_path: Path, machines: Any) -> None:
    first = service_on(store_path)
    outcome = type(machines)(first).run({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}, {"n": 1})
    first.close()
    second = service_on(store_path)
    assert type(machines)(second).finish(outcome.arn) == outcome
    second.close()


def test_what_a_dead_process_left_running_is_aborted(store_path: Path, machines: Any) -> None:
    first = service_on(store_path)
    arn = type(machines)(first).start(WAIT)
    first.store.flush()
    second = service_on(store_path)
    answer = second.handle("DescribeExecution", {"executionArn": arn})
    second.close()
    first.close()
    assert answer["status"] == "ABORTED"
    assert "process" in answer["cause"]


def test_a_fault_of_the_interpreter_s_own_ends_the_execution(machines: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The clients of these tests raise what no integration expects."""
    function = "arn:aws:lambda:us-east-1:123456789012:function:none"
    outcome = machines.run({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": function, "End": True}}})
    assert outcome.error == "States.Runtime"
    assert "Internal error" in outcome.cause
    assert caplog.records


def test_closing_aborts_what_runs_and_refuses_what_comes_later(store_path: Path, machines: Any) -> None:
    service = service_on(store_path)
    arn = type(machines)(service).start(WAIT)
    service.close()
    reopened = service_on(store_path)
    assert reopened.handle("DescribeExecution", {"executionArn": arn})["status"] == "ABORTED"
    reopened.close()
    with pytest.raises(ServiceError, match="has been closed"):
        service.engine.call(_nothing())


async def _nothing() -> None:
    pass


def test_an_execution_ends_as_it_does_whether_or_not_its_status_can_be_told(
    service: StatesService, machines: Any
) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    service.listen(full)

    assert machines.run({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}).status == "SUCCEEDED"
