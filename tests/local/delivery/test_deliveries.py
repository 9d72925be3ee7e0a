"""Attempts, retries and dead letters, with services that answer what a test wants and a clock that it turns."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.local.database import Database
from pipeline.local.delivery import Deliveries, Delivery
from pipeline.local.timers import Timers

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
DEAD = "arn:aws:sqs:us-east-1:123456789012:dead"
ROLE = "arn:aws:iam::123456789012:role/sender"
RULE = "arn:aws:events:us-east-1:123456789012:rule/r"


def refused(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": f"it is {code}"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Call"
    )


class Services:
    """Stands for every service: `answers` are what StartExecution raises, call by call, and then nothing any more."""

    def __init__(self, *answers: Exception) -> None:
        self.roles: dict[str, str] = {}
        """In which role each operation was called last."""
        self._role = ""
        self.answers = list(answers)
        self.started: list[dict[str, Any]] = []
        self.dead: list[dict[str, Any]] = []

    def __call__(self, service: str, role: str) -> "Services":
        self._role = role
        return self

    def start_execution(self, **parameters: Any) -> None:
        self.roles["start_execution"] = self._role
        self.started.append(parameters)
        if self.answers:
            raise self.answers.pop(0)

    def get_queue_url(self, **parameters: str) -> dict[str, str]:
        return {"QueueUrl": f"http://queue/{parameters['QueueName']}"}

    def send_message(self, **parameters: Any) -> None:
        self.roles["send_message"] = self._role
        self.dead.append(parameters)

    @property
    def dead_attributes(self) -> dict[str, str]:
        return {name: each["StringValue"] for name, each in self.dead[0]["MessageAttributes"].items()}


class Bench:
    """Deliveries over an hour or a day in no time: whenever something waits, the clock is turned on."""

    def __init__(self, services: Services) -> None:
        self.now = 1_000_000.0
        self.services = services
        self._timers = Timers(lambda: self.now)
        self._database = Database()
        self._deliveries = Deliveries(self._database, self._timers, services)

    def deliver(self, **changes: Any) -> Services:
        delivery = Delivery(
            **{"source": RULE, "target": MACHINE, "payload": "{}", "name": "n", "created": self.now, **changes}
        )
        self._deliveries.send(delivery)
        waiting = threading.Event()
        while items := self._database.items("deliveries"):
            self.now = max(self.now, items[0][1])
            self._timers.wake()
            waiting.wait(0.002)
        return self.services

    def close(self) -> None:
        self._timers.close()
        self._deliveries.close()


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(*answers: Exception) -> Bench:
        made.append(Bench(Services(*answers)))
        return made[-1]

    yield make
    for each in made:
        each.close()


Make = Callable[..., Bench]


def test_a_target_that_takes_it_is_called_once(bench: Make) -> None:
    services = bench().deliver(payload='{"a": 1}', name="the-name")
    assert services.started == [{"stateMachineArn": MACHINE, "name": "the-name", "input": '{"a": 1}'}]
    assert services.dead == []


@pytest.mark.parametrize(
    "answer",
    [
        refused("ServiceUnavailable", 503),
        refused("ThrottlingException"),
        refused("TooManyRequestsException", 429),
        EndpointConnectionError(endpoint_url="http://nowhere"),
    ],
    ids=str,
)
def test_what_may_pass_is_tried_again(bench: Make, answer: Exception) -> None:
    services = bench(answer, answer).deliver(dead_letters=DEAD)
    assert len(services.started) == 3
    assert services.dead == []


def test_every_attempt_has_the_same_name_so_that_one_execution_is_started(bench: Make) -> None:
    services = bench(refused("ServiceUnavailable", 503)).deliver(name="once")
    assert {call["name"] for call in services.started} == {"once"}


def test_an_execution_that_an_earlier_attempt_started_is_a_delivery(bench: Make) -> None:
    services = bench(refused("ExecutionAlreadyExists")).deliver(dead_letters=DEAD)
    assert services.dead == []


def test_what_the_role_does_not_allow_is_not_tried_again_and_says_so(bench: Make) -> None:
    services = bench(refused("AccessDeniedException")).deliver(dead_letters=DEAD, role=ROLE)
    assert len(services.started) == 1
    assert services.dead_attributes["ERROR_CODE"] == "NO_PERMISSIONS"


def test_a_rule_calls_its_target_in_the_target_s_role_and_its_queue_by_the_queue_s_policy(bench: Make) -> None:
    services = bench(refused("StateMachineDoesNotExist")).deliver(dead_letters=DEAD, role=ROLE)
    assert services.roles == {"start_execution": ROLE, "send_message": ""}


def test_a_schedule_does_both_in_its_role(bench: Make) -> None:
    services = bench(refused("StateMachineDoesNotExist")).deliver(dead_letters=DEAD, role=ROLE, scheduled_time="now")
    assert services.roles == {"start_execution": ROLE, "send_message": ROLE}


def test_a_target_that_is_gone_is_not_tried_again(bench: Make) -> None:
    services = bench(refused("StateMachineDoesNotExist")).deliver(dead_letters=DEAD, undelivered='{"the": "event"}')
    assert len(services.started) == 1
    assert services.dead[0]["MessageBody"] == '{"the": "event"}'
    assert services.dead_attributes == {
        "RULE_ARN": RULE,
        "TARGET_ARN": MACHINE,
        "ERROR_CODE": "NO_RESOURCE",
        "ERROR_MESSAGE": "it is StateMachineDoesNotExist",
        "RETRY_ATTEMPTS": "0",
    }


def test_what_a_target_refuses_for_good_is_not_tried_again(bench: Make) -> None:
    services = bench(refused("InvalidExecutionInput")).deliver(dead_letters=DEAD)
    assert len(services.started) == 1
    assert services.dead_attributes["ERROR_CODE"] == "INVALID_PARAMETER"


def test_retries_end_at_their_number(bench: Make) -> None:
    services = bench(*[refused("Internal", 500)] * 9).deliver(dead_letters=DEAD, max_retries=2)
    assert len(services.started) == 3
    assert services.dead_attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
    assert services.dead_attributes["RETRY_ATTEMPTS"] == "2"
    assert services.dead_attributes["ERROR_CODE"] == "ERROR_FROM_TARGET"


def test_retries_end_with_the_age_of_the_event(bench: Make) -> None:
    services = bench(*[refused("ThrottlingException")] * 200).deliver(dead_letters=DEAD, max_age=60)
    assert 4 < len(services.started) < 15
    assert services.dead_attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"
    assert services.dead_attributes["ERROR_CODE"] == "THROTTLING"


def test_an_event_that_is_too_old_is_not_tried_at_all(bench: Make) -> None:
    services = bench().deliver(dead_letters=DEAD, created=1_000_000.0 - 3601, max_age=3600)
    assert services.started == []
    assert services.dead_attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"


def test_without_a_dead_letter_queue_the_log_says_what_was_dropped(
    bench: Make, caplog: pytest.LogCaptureFixture
) -> None:
    bench(refused("StateMachineDoesNotExist")).deliver()
    assert f"{RULE} to {MACHINE}: StateMachineDoesNotExist: it is StateMachineDoesNotExist" in caplog.text


def test_a_schedules_dead_letter_holds_the_call_and_says_when_it_was_due(bench: Make) -> None:
    schedule = "arn:aws:scheduler:us-east-1:123456789012:schedule/default/nightly"
    services = bench(refused("StateMachineDoesNotExist")).deliver(
        source=schedule, dead_letters=DEAD, scheduled_time="2026-11-20T02:00:00Z", payload='{"top_k": 3}'
    )
    body = json.loads(services.dead[0]["MessageBody"])
    assert body == {"StateMachineArn": MACHINE, "Name": "n", "Input": '{"top_k": 3}'}
    assert services.dead_attributes == {
        "SCHEDULE_ARN": schedule,
        "TARGET_ARN": MACHINE,
        "SCHEDULED_TIME": "2026-11-20T02:00:00Z",
        "EXECUTION_ID": "n",
        "ERROR_CODE": "StateMachineDoesNotExist",
        "ERROR_MESSAGE": "it is StateMachineDoesNotExist",
        "RETRY_ATTEMPTS": "0",
        "IS_PAYLOAD_TRUNCATED": "false",
    }


def test_each_attempt_of_a_schedule_is_told_its_number(bench: Make) -> None:
    services = bench(refused("Internal", 500)).deliver(payload='{"n": "<aws.scheduler.attempt-number>"}')
    assert [json.loads(call["input"])["n"] for call in services.started] == ["1", "2"]


def test_a_target_of_an_unknown_kind_is_a_target_that_is_gone(bench: Make) -> None:
    services = bench().deliver(target="arn:aws:ecs:us-east-1:123456789012:cluster/c", dead_letters=DEAD)
    assert services.dead_attributes["ERROR_CODE"] == "NO_RESOURCE"
