"""Activities and task tokens through the API."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pipeline.local.protocol import ServiceError


@pytest.fixture
def activity(machines: Any) -> str:
    arn: str = machines.service.handle("CreateActivity", {"name": "label"})["activityArn"]
    return arn


def task(activity: str, **fields: Any) -> dict[str, Any]:
    return {"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": activity, "End": True, **fields}}}


def fetch(machines: Any, activity: str) -> dict[str, Any]:
    answer: dict[str, Any] = machines.service.handle("GetActivityTask", {"activityArn": activity, "workerName": "me"})
    return answer


def test_a_worker_fetches_a_task_and_answers_it(machines: Any, activity: str) -> None:
    arn = machines.start(task(activity), {"image": "a.jpg"})
    work = fetch(machines, activity)
    machines.service.handle("SendTaskSuccess", {"taskToken": work["taskToken"], "output": '{"label": "cat"}'})
    outcome = machines.finish(arn)
    assert json.loads(work["input"]) == {"image": "a.jpg"}
    assert outcome.output == {"label": "cat"}
    assert outcome.events[3]["activityStartedEventDetails"] == {"workerName": "me"}


def test_a_worker_may_wait_before_there_is_a_task(machines: Any, activity: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(fetch, machines, activity)
        arn = machines.start(task(activity))
        token = waiting.result()["taskToken"]
    machines.service.handle("SendTaskFailure", {"taskToken": token, "error": "Blurred", "cause": "out of focus"})
    outcome = machines.finish(arn)
    assert (outcome.error, outcome.cause) == ("Blurred", "out of focus")


def test_a_heartbeat_that_does_not_come_is_a_timeout(machines: Any, activity: str) -> None:
    arn = machines.start(task(activity, HeartbeatSeconds=1, TimeoutSeconds=60))
    fetch(machines, activity)
    outcome = machines.finish(arn)
    assert (outcome.error, outcome.cause) == ("States.Timeout", None)
    assert outcome.types[-2] == "ActivityTimedOut"


def test_a_missed_heartbeat_is_caught_by_its_own_name(machines: Any, activity: str) -> None:
    definition = task(
        activity, HeartbeatSeconds=1, Catch=[{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Lost"}]
    )
    definition["States"]["Lost"] = {"Type": "Succeed"}
    arn = machines.start(definition)
    fetch(machines, activity)
    assert machines.finish(arn).output == {"Error": "States.Timeout", "Cause": ""}


@pytest.mark.parametrize("operation", ["SendTaskHeartbeat", "SendTaskFailure"])
def test_a_token_is_closed_with_its_task(machines: Any, activity: str, operation: str) -> None:
    arn = machines.start(task(activity))
    token = fetch(machines, activity)["taskToken"]
    machines.service.handle("SendTaskSuccess", {"taskToken": token, "output": "1"})
    machines.finish(arn)
    with pytest.raises(ServiceError, match="TaskTimedOut"):
        machines.service.handle(operation, {"taskToken": token})


def test_a_token_that_never_was_is_invalid(machines: Any) -> None:
    with pytest.raises(ServiceError, match="InvalidToken"):
        machines.service.handle("SendTaskHeartbeat", {"taskToken": "made up"})


def test_an_answer_that_is_no_json_is_refused(machines: Any, activity: str) -> None:
    machines.start(task(activity))
    token = fetch(machines, activity)["taskToken"]
    with pytest.raises(ServiceError, match="InvalidOutput"):
        machines.service.handle("SendTaskSuccess", {"taskToken": token, "output": "{"})


def test_a_stopped_task_is_not_handed_out(machines: Any, activity: str) -> None:
    stopped = machines.start(task(activity), 1)
    machines.service.handle("StopExecution", {"executionArn": stopped})
    machines.start(task(activity), 2)
    assert fetch(machines, activity)["input"] == "2"


def test_an_activity_that_does_not_exist_fails_the_execution(machines: Any) -> None:
    outcome = machines.run(task("arn:aws:states:us-east-1:123456789012:activity:none"))
    assert outcome.error == "States.Runtime"
    assert "does not exist" in outcome.cause
