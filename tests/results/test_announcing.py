"""People are told of a failure once, however often the event comes and whenever the function dies."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline import objects
from pipeline.results.announcing import report_failure
from pipeline.settings import ReportFailureSettings

RESULTS = "example-results"
SETTINGS = ReportFailureSettings(RESULTS, "topic", "imagebatch")
DETAIL = {"executionArn": "arn:aws:states:us-east-1:123456789012:execution:imagebatch-batch:first", "status": "FAILED"}
RUN_ID = "2026-11-20T0200-incoming-7f3a9c"


class StepFunctions:
    """One execution, whose PlanInference failed."""

    meta = SimpleNamespace(endpoint_url="https://states.us-east-1.amazonaws.com")

    def __init__(self) -> None:
        self.described = {"status": "FAILED", "name": "first", "error": "OSError", "cause": "gone", "redriveCount": 0}
        self.has_run = True

    def describe_execution(self, executionArn: str) -> Any:  # noqa: N803 - the API's names
        assert executionArn == DETAIL["executionArn"]
        return self.described

    def get_execution_history(self, *, reverseOrder: bool = False, **_: Any) -> Any:  # noqa: N803
        output = json.dumps({"run": {"run_id": RUN_ID, "bucket": RESULTS}})
        entered = [("TaskStateEntered", {"stateEnteredEventDetails": {"name": name}}) for name in self.states]
        exited = ("TaskStateExited", {"stateExitedEventDetails": {"name": "StartRun", "output": output}})
        events = [entered[0], exited, *entered[1:]] if self.has_run else entered
        told = [
            {"id": number, "type": kind, "timestamp": datetime(2026, 11, 20, tzinfo=UTC), **details}
            for number, (kind, details) in enumerate(events, start=1)
        ]
        return {"events": told[::-1] if reverseOrder else told}

    @property
    def states(self) -> tuple[str, ...]:
        return ("StartRun", "PlanInference") if self.has_run else ("StartRun",)


class Topic:
    """Counts what is published; `fails` times it does not come through."""

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.subjects: list[str] = []

    def publish(self, *, TopicArn: str, Subject: str, MessageStructure: str, Message: str) -> None:  # noqa: N803
        assert TopicArn == "topic"
        assert MessageStructure == "json"
        assert Subject in json.loads(Message)["sqs"]
        if self.fails:
            self.fails -= 1
            raise OSError("SNS does not answer")
        self.subjects.append(Subject)


@pytest.fixture
def machine() -> StepFunctions:
    return StepFunctions()


def test_a_failure_is_told_with_what_the_run_was_doing(s3: Any, machine: StepFunctions) -> None:
    topic = Topic()
    answer = report_failure(DETAIL, "request", SETTINGS, s3, machine, topic)
    assert answer == {"published": True, "key": f"runs/{RUN_ID}/messages/first-0-FAILED.json"}
    assert topic.subjects == [f"imagebatch FAILED: OSError while planning inference ({RUN_ID})"]
    assert objects.get_json(s3, RESULTS, answer["key"])["published"]


def test_an_event_that_comes_twice_is_told_once(s3: Any, machine: StepFunctions) -> None:
    topic = Topic()
    for request in ("one", "another"):
        report_failure(DETAIL, request, SETTINGS, s3, machine, topic)
    assert len(topic.subjects) == 1


def test_a_function_that_answers_twice_tells_once(s3: Any, machine: StepFunctions) -> None:
    topic = Topic()
    for _ in range(2):
        report_failure(DETAIL, "the same", SETTINGS, s3, machine, topic)
    assert len(topic.subjects) == 1


def test_what_did_not_come_through_is_told_by_the_next_try_of_the_same_invocation(
    s3: Any, machine: StepFunctions
) -> None:
    topic = Topic(fails=1)
    with pytest.raises(OSError, match="does not answer"):
        report_failure(DETAIL, "request", SETTINGS, s3, machine, topic)
    assert not report_failure(DETAIL, "of another delivery", SETTINGS, s3, machine, topic)["published"]
    assert report_failure(DETAIL, "request", SETTINGS, s3, machine, topic)["published"]
    assert len(topic.subjects) == 1


def test_an_execution_that_fails_again_after_a_redrive_is_told_again(s3: Any, machine: StepFunctions) -> None:
    topic = Topic()
    for count in range(2):
        machine.described["redriveCount"] = count
        report_failure(DETAIL, f"request {count}", SETTINGS, s3, machine, topic)
    assert len(topic.subjects) == 2


@pytest.mark.parametrize("status", ["RUNNING", "PENDING_REDRIVE", "SUCCEEDED"])
def test_nobody_is_told_of_a_failure_that_was_redriven_meanwhile(s3: Any, machine: StepFunctions, status: str) -> None:
    machine.described["status"] = status
    topic = Topic()
    assert report_failure(DETAIL, "request", SETTINGS, s3, machine, topic) == {"published": False, "key": None}
    assert topic.subjects == []


def test_an_execution_without_a_run_is_told_of_by_its_name(s3: Any, machine: StepFunctions) -> None:
    machine.has_run = False
    topic = Topic()
    answer = report_failure(DETAIL, "request", SETTINGS, s3, machine, topic)
    assert answer["key"] == "messages/first-0-FAILED.json"
    assert topic.subjects == ["imagebatch FAILED: OSError while starting (first)"]


def test_a_failure_that_is_told_twice_is_counted_once(
    s3: Any, machine: StepFunctions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STACK_NAME", "imagebatch")
    topic = Topic()
    for request in ("first", "second"):
        report_failure(DETAIL, request, SETTINGS, s3, machine, topic)
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert (line["RunsFailed"], line["run_id"], line["error"]) == ([1.0], RUN_ID, "OSError")
