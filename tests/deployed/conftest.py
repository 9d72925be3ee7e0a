"""Step Functions in a local cloud, with machines that do as little as possible."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline import names, objects
from pipeline.deployed.stack import Deployment
from pipeline.local.cloud import LocalCloud
from pipeline.runs import keys
from pipeline.runs.run import Run

RESULTS = "example-results"
ROLE = "arn:aws:iam::123456789012:role/local"


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
