"""What `imagebatch up` tells of executions: of a state machine that answers at once what runs come to."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.deployed.stack import Deployment
from pipeline.laptop.run_log import RunLog
from pipeline.local.cloud import LocalCloud

ROLE = "arn:aws:iam::123456789012:role/local"
RUN = {"run_id": "r-1", "bucket": "results"}
SUMMARY = {"listed": 3, "predicted": 2, "rejected": 1, "failed": 0}
DONE = {"run_id": "r-1", "summary": SUMMARY, "results": "s3://results/runs/r-1/results/"}
DUPLICATE = {"run_id": "r-1", "claimed": False, "note": "r-1 has this marker"}


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        cloud.client("s3").create_bucket(Bucket="results")
        yield cloud


def ended_with(run: dict[str, Any], output: dict[str, Any]) -> dict[str, Any]:
    return {
        "StartRun": {"Type": "Pass", "Result": {"run": run}, "Next": "Done"},
        "Done": {"Type": "Pass", "Result": output, "End": True},
    }


FAILED = {
    "StartRun": {"Type": "Fail", "Error": "InvalidRunInput", "Cause": "engin: no such field\n" + "x" * 5000},
}
WAITING = {
    "StartRun": {"Type": "Pass", "Result": {"run": RUN}, "Next": "Wait"},
    "Wait": {"Type": "Wait", "Seconds": 3600, "End": True},
}


class Log:
    """A RunLog over a state machine of its own, and what it has said."""

    def __init__(self, cloud: LocalCloud, name: str, states: dict[str, Any], since: datetime) -> None:
        self.states, self.s3 = cloud.client("stepfunctions"), cloud.client("s3")
        definition = json.dumps({"StartAt": "StartRun", "States": states})
        created = self.states.create_state_machine(name=name, definition=definition, roleArn=ROLE)
        self.machine = created["stateMachineArn"]
        self.lines: list[str] = []
        deployment = Deployment(self.machine, "results")
        self.log = RunLog(self.states, self.s3, deployment, self.lines.append, since)

    def start(self) -> str:
        """Start an execution, and look at it until it is told of."""
        arn = str(self.states.start_execution(stateMachineArn=self.machine, input="{}")["executionArn"])
        while not self.lines:
            self.log.poll()
        return arn

    @property
    def sentences(self) -> list[str]:
        """What was said, without the time before it."""
        return [line[9:] for line in self.lines]


@pytest.fixture
def log(cloud: LocalCloud, request: pytest.FixtureRequest) -> Callable[..., Log]:
    def make(states: dict[str, Any], since: datetime | None = None) -> Log:
        return Log(cloud, request.node.name, states, since or datetime.now(UTC) - timedelta(seconds=1))

    return make


def test_a_run_is_told_when_it_starts_and_when_it_ends(log: Callable[..., Log]) -> None:
    told = log(ended_with(RUN, DONE))
    told.start()
    while len(told.lines) < 3:
        told.log.poll()
    assert told.sentences[0] == "r-1 started by hand"
    assert told.sentences[1].startswith("r-1 succeeded after ")
    assert told.sentences[1].endswith(", 3 listed, 2 predicted, 1 rejected")
    assert told.sentences[2] == "s3://results/runs/r-1/results/"
    told.log.poll()
    assert len(told.lines) == 3


def test_a_run_that_fails_is_told_with_its_error_in_lines_that_end(log: Callable[..., Log]) -> None:
    told = log(FAILED)
    arn = told.start()
    assert told.sentences[0].startswith(f"{arn.rpartition(':')[2]} failed after ")
    assert told.sentences[1:3] == ["InvalidRunInput", "engin: no such field"]
    assert max(map(len, told.lines)) < 400


def test_a_trigger_that_came_twice_is_told_as_nothing_to_do(log: Callable[..., Log]) -> None:
    told = log(ended_with(RUN | DUPLICATE, DUPLICATE))
    arn = told.start()
    assert told.sentences == [f"{arn.rpartition(':')[2]} had nothing to do: r-1 has this marker"]


def test_what_ended_before_is_not_told(log: Callable[..., Log]) -> None:
    before = log(ended_with(RUN, DONE))
    before.start()
    later = RunLog(
        before.states,
        before.s3,
        Deployment(before.machine, "results"),
        before.lines.append,
        datetime.now(UTC) + timedelta(hours=1),
    )
    said = len(before.lines)
    later.poll()
    assert len(before.lines) == said


def test_a_run_that_is_redriven_is_told_again(log: Callable[..., Log]) -> None:
    told = log(WAITING)
    arn = told.start()
    assert told.log.under_way() == [arn]
    told.states.stop_execution(executionArn=arn)
    while len(told.lines) < 2:
        told.log.poll()
    told.states.redrive_execution(executionArn=arn)
    told.lines.clear()
    while not told.lines:
        told.log.poll()
    told.states.stop_execution(executionArn=arn)
    assert told.sentences[0] == "r-1 started by hand"
