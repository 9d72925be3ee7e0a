"""Step Functions: in a local cloud, with machines that do as little as possible; and as a test moves it on."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline import names, objects
from pipeline.deployed.progress import RunWatcher
from pipeline.deployed.stack import Deployment
from pipeline.local.cloud import LocalCloud
from pipeline.runs import keys
from pipeline.runs.run import Run

RESULTS = "example-results"
ROLE = "arn:aws:iam::123456789012:role/local"
BEGAN = datetime(2026, 11, 20, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture
def stepfunctions(cloud: LocalCloud) -> Any:
    return cloud.client("stepfunctions")


@pytest.fixture
def results(cloud: LocalCloud) -> Iterator[Any]:
    """S3 of the cloud, with a results bucket that is emptied afterwards."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=RESULTS)
    yield s3
    for item in objects.list_objects(s3, RESULTS, ""):
        s3.delete_object(Bucket=RESULTS, Key=item.key)


@pytest.fixture
def machine(stepfunctions: Any, request: pytest.FixtureRequest) -> Callable[..., Deployment]:
    """`machine(**states)` makes a state machine of these states, which begins with the first."""

    def make(**states: Any) -> Deployment:
        definition = {"StartAt": next(iter(states)), "States": states}
        created = stepfunctions.create_state_machine(
            name=f"machine-{names.fingerprint(request.node.name)}",
            definition=json.dumps(definition),
            roleArn=ROLE,
        )
        return Deployment(created["stateMachineArn"], RESULTS)

    return make


@pytest.fixture
def claiming(machine: Callable[..., Deployment], run: Run) -> Callable[..., Deployment]:
    """`claiming(**states)`: a machine whose StartRun answers with the pointer of `run`, and then these."""

    def make(claimed: bool = True, **states: Any) -> Deployment:
        pointer = {"run": {**run.pointer, "claimed": claimed}}
        following = {"Next": next(iter(states))} if states else {"End": True}
        return machine(StartRun={"Type": "Pass", "Result": pointer, **following}, **states)

    return make


@pytest.fixture
def written(results: Any, run: Run) -> Callable[[str], None]:
    """`written(arn)` writes run.json of `run`, as of this execution."""

    def write(execution: str) -> None:
        document = {**run.to_json(), "execution_arn": execution}
        objects.put_json(results, RESULTS, keys.run_key(run.run_id), document)

    return write


class Watched:
    """Step Functions, as far as watching an execution asks it; the test moves it on."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.states = ["StartRun"]
        self.map_runs: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.definition: dict[str, Any] | None = {"StartAt": "Start", "States": {"Start": {"Type": "Pass"}}}

    def get_execution_history(self, **request: Any) -> dict[str, Any]:
        self.asked.append("get_execution_history")
        events: list[dict[str, Any]] = []
        for state in self.states:
            events.append({"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": state}})
            output = json.dumps({"run": {**self._run.pointer, "claimed": True}})
            events.append({"type": "TaskStateExited", "stateExitedEventDetails": {"name": state, "output": output}})
            events.append({"type": "TaskScheduled"})
        events = [{**event, "id": number, "timestamp": BEGAN} for number, event in enumerate(events, 1)]
        if self.states == ["StartRun"]:
            events = events[:1]
        return {"events": events[::-1] if request.get("reverseOrder") else events}

    def describe_state_machine_for_execution(self, **request: str) -> dict[str, Any]:
        self.asked.append("describe_state_machine_for_execution")
        if self.definition is None:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeStateMachineForExecution")
        return {"definition": json.dumps(self.definition)}

    def get_paginator(self, operation: str) -> "Watched":
        assert operation == "list_map_runs"
        return self

    def paginate(self, **request: str) -> list[dict[str, Any]]:
        return [{"mapRuns": [{"mapRunArn": arn} for arn in self.map_runs]}]

    def describe_map_run(self, **request: str) -> dict[str, Any]:
        self.asked.append("describe_map_run")
        return self.map_runs[request["mapRunArn"]]

    def map(self, total: int, succeeded: int, status: str = "RUNNING", arn: str = "map0") -> None:
        items = {"total": total, "succeeded": succeeded}
        batches = {"total": -(-total // 2), "succeeded": succeeded // 2}
        self.map_runs[arn] = {"status": status, "itemCounts": items, "executionCounts": batches}


@pytest.fixture
def execution(run: Run) -> Watched:
    return Watched(run)


@pytest.fixture
def watcher(execution: Watched, s3: Any) -> RunWatcher:
    """Of `execution`; its clock stands still, so that every listing takes no time."""
    return RunWatcher(execution, s3, "arn", lambda: 0.0)
