"""A run that ended in any state of the batch machine is redriven from there, and ends as one to which nothing happened.

The states are read from the definition: one that is new fails here until somebody says how a run comes to end in it.
Maps are not named below: a run that ends in a state has not left the Maps around it either. Pass, Choice and Succeed
call nobody and take no time.
"""

import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.deployed import executions, resumption
from pipeline.deployed.stack import Deployment as Deployed
from pipeline.local.faults import FaultPlan, Faults

ROOT = Path(__file__).resolve().parents[2]
DEFINITION = json.loads((ROOT / "state_machines" / "batch.asl.json").read_text())
BOUND = 60
"""Seconds after which something that has not happened is not going to."""
KEYS = ("in/0.png", "in/1.png")
# What has to go wrong before a run comes to a state, but for the calls that every run makes.
DIES = {"on": "function", "name": "*-validate-images", "fault": "killed", "seconds": 0}
HANGS = {"fault": "hanging", "occurrences": [1], "seconds": 600}
FINDS_NONE = {"fault": "no_capacity", "occurrences": [1], "seconds": 0}
BEFORE: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "ValidateImage": ({**DIES, "occurrences": [1, 2]},),
    "CondemnImage": ({**DIES, "occurrences": [1, 2, 3, 4]},),
    "ValidateListedImage": ({**DIES, "occurrences": [1, 2]},),
    "CondemnListedImage": ({**DIES, "occurrences": [1, 2, 3, 4]},),
    "WaitForCapacity": ({"on": "processing_job", **FINDS_NONE},),
    "WaitForTransformCapacity": ({"on": "transform_job", **FINDS_NONE},),
    "FindTimedOutJob": ({"on": "processing_job", **HANGS},),
    "StopTimedOutJob": ({"on": "processing_job", **HANGS},),
    "FindTimedOutTransformJob": ({"on": "transform_job", **HANGS},),
    "StopTimedOutTransformJob": ({"on": "transform_job", **HANGS},),
    # A job that hangs has not ended by the time its execution is stopped.
    "RunProcessingJob": ({"on": "processing_job", **HANGS},),
    "RunTransformJob": ({"on": "transform_job", **HANGS},),
    "PlanRetry": ({"on": "transform_job", "fault": "killed", "occurrences": [1], "seconds": 0},),
}


@dataclass(frozen=True)
class Leaf:
    """A state that does something, in a Map or not."""

    name: str
    state: Mapping[str, Any]
    maps: tuple[str, ...]
    """The Maps around it, the outermost first."""

    is_caught: bool
    """Whether its failure ends no execution: it, or a Map around it, catches whatever there is."""


def leaves(states: Mapping[str, Any], maps: tuple[str, ...] = (), *, is_caught: bool = False) -> Iterator[Leaf]:
    for name, state in states.items():
        caught = is_caught or any("States.ALL" in catch["ErrorEquals"] for catch in state.get("Catch", ()))
        if state["Type"] == "Map":
            yield from leaves(state["ItemProcessor"]["States"], (*maps, name), is_caught=caught)
        elif state["Type"] not in ("Pass", "Choice", "Succeed", "Fail"):
            yield Leaf(name, state, maps, caught)


LEAVES = list(leaves(DEFINITION["States"]))


def ending(leaf: Leaf, functions: Mapping[str, str]) -> list[dict[str, Any]]:
    """Faults by which a run that has come to a state ends there: it fails, or, where it would be caught, is stopped."""
    resource = leaf.state.get("Resource", "")
    if not resource:
        return []  # a Wait calls nobody: it is stopped by hand
    if resource.endswith(":lambda:invoke"):
        logical = leaf.state["Parameters"]["FunctionName"].removeprefix("${").removesuffix("Arn}")
        call, refused = {"on": "function", "name": functions[logical]}, "throttled"
    else:
        service, operation = resource.removesuffix(".sync").split(":")[-2:]
        call = {"on": "request", "service": service, "operation": operation[0].upper() + operation[1:]}
        refused = "internal_error"
    always = {**call, "fault": refused, "probability": 1, "times": 999, "seconds": 0}
    if not leaf.is_caught:
        return [always]
    stopped = {**call, "fault": "executions_stopped", "occurrences": [1], "seconds": 0}
    # A job is there by then, and hangs; the others are kept from answering.
    return [{**stopped, "seconds": 0.1}] if resource.endswith(".sync") else [stopped, always]


@pytest.fixture(scope="module")
def faults() -> Faults:
    return Faults()


@pytest.fixture(scope="module")
def deployment(deployed: Callable[..., Any]) -> Any:
    """The stack with a SageMaker model, two photos, and a listing that names them."""
    deployment = deployed(for_sagemaker=True)
    listing = "".join(json.dumps({"Key": key}) + "\n" for key in KEYS)
    deployment.put({**{key: photo(40 * n) for n, key in enumerate(KEYS)}, "listed.jsonl": listing.encode()})
    return deployment


def photo(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), (shade, 100, 200)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def hurried(deployment: Any) -> Callable[[bool], None]:
    """`hurried(True)`: runs that start now wait a second for a job, and no day."""
    machine, outputs = deployment.cloud.client("stepfunctions"), deployment.stack.outputs
    arn, alias = outputs["StateMachineArn"], outputs["StateMachineAliasArn"]
    described = machine.describe_state_machine_alias(stateMachineAliasArn=alias)
    usual = described["routingConfiguration"][0]["stateMachineVersionArn"]
    definition = json.loads(machine.describe_state_machine(stateMachineArn=arn)["definition"])
    for engine in ("Processing", "Transform"):
        job = definition["States"][f"Run{engine}Jobs"]["ItemProcessor"]["States"][f"Run{engine}Job"]
        job.pop("TimeoutSecondsPath", None)
        job["TimeoutSeconds"] = 1
    made = machine.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition), publish=True)

    def choose(is_hurried: bool) -> None:
        version = made["stateMachineVersionArn"] if is_hurried else usual
        routing = [{"stateMachineVersionArn": version, "weight": 100}]
        machine.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=routing)

    choose(False)
    return choose


@pytest.fixture(scope="module")
def undisturbed(deployment: Any) -> dict[str, Any]:
    return answers(deployment.run(prefixes=["in/"]))


def answers(ended: Any) -> dict[str, Any]:
    return {
        key: (row["etag"], row["label"], pytest.approx(row["score"], abs=1e-5)) for key, row in ended.predicted.items()
    }


@pytest.fixture(scope="module")
def successes(deployment: Any) -> Callable[[str], int]:
    """How many messages say that a run has succeeded; one is waited for, and then whatever else is there is read."""
    sqs = deployment.cloud.client("sqs")
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    deployment.cloud.client("sns").subscribe(
        TopicArn=deployment.stack.outputs["TopicArn"], Protocol="sqs", Endpoint=arn
    )
    subjects: list[str] = []

    def count(run_id: str) -> int:
        deadline = time.monotonic() + BOUND
        while True:
            found = sum(f"({run_id})" in subject and " predicted" in subject for subject in subjects)
            pause = 0 if found else 2
            received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=pause)
            if found and not received.get("Messages"):
                return found
            assert time.monotonic() < deadline, subjects
            for message in received.get("Messages", ()):
                subjects.append(json.loads(message["Body"])["Subject"])
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    return count


@pytest.fixture
def end_in(deployment: Any, faults: Faults, hurried: Callable[[bool], None]) -> Callable[[Leaf], str]:
    """`end_in(leaf)`: the ARN of an execution that has ended without success, in that state if the faults are right."""

    def run(leaf: Leaf) -> str:
        machine, alias = deployment.cloud.client("stepfunctions"), deployment.stack.outputs["StateMachineAliasArn"]
        engine = "transform" if leaf.maps[:1] == ("RunTransformJobs",) else "processing"
        images = [{"listing": f"s3://{deployment.stack.outputs['ImagesBucket']}/listed.jsonl"}]
        given = {"images": images} if "ValidateListedImages" in leaf.maps else {"prefixes": ["in/"]}
        waits = not leaf.state.get("Resource")
        hurried("TimedOut" in leaf.name)
        # Of the rules that fit a call the first one's fault strikes.
        rules = [*BEFORE.get(leaf.name, ()), *ending(leaf, deployment.stack.resources)]
        faults.use(FaultPlan.from_json({"retry_pace": 1 if waits else 0.05, "faults": rules}))
        started = machine.start_execution(stateMachineArn=alias, input=json.dumps({"engine": engine, **given}))
        arn = str(started["executionArn"])
        if waits:
            deadline = time.monotonic() + BOUND
            while leaf.name not in not_left(machine, arn):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            machine.stop_execution(executionArn=arn)
        deployment.wait(arn)
        hurried(False)
        faults.use(FaultPlan.from_json({"retry_pace": 0, "faults": []}))
        return arn

    return run


def not_left(machine: Any, arn: str) -> set[str]:
    """The states that an execution, or a child of its map runs, has entered, and not exited."""
    mapped = machine.list_map_runs(executionArn=arn)["mapRuns"]
    children = [
        child["executionArn"]
        for map_run in mapped
        for child in machine.list_executions(mapRunArn=map_run["mapRunArn"])["executions"]
    ]
    states: set[str] = set()
    for execution in (arn, *children):
        inside: list[str] = []
        pages = machine.get_paginator("get_execution_history").paginate(executionArn=execution)
        for event in (event for page in pages for event in page["events"]):
            if "stateEnteredEventDetails" in event:
                inside.append(event["stateEnteredEventDetails"]["name"])
            elif "stateExitedEventDetails" in event:
                inside.remove(event["stateExitedEventDetails"]["name"])
        states |= set(inside)
    return states


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)
def test_a_run_that_ended_in_a_state_is_redriven_and_ends_with_the_predictions_of_an_undisturbed_one(
    deployment: Any,
    end_in: Callable[[Leaf], str],
    undisturbed: Mapping[str, Any],
    successes: Callable[[str], int],
    leaf: Leaf,
) -> None:
    machine, outputs = deployment.cloud.client("stepfunctions"), deployment.stack.outputs
    arn = end_in(leaf)
    assert {leaf.name, *leaf.maps} <= not_left(machine, arn)

    stack = Deployed(outputs["StateMachineArn"], outputs["ResultsBucket"], alias=outputs["StateMachineAliasArn"])
    resumed = resumption.resume(machine, deployment.s3, stack, executions.describe(machine, arn))
    assert resumed.told == f"Redriven: {arn}"
    ended = deployment.wait(arn)
    if "TimedOut" in leaf.name:  # its job was stopped, and cost the images of its partition
        assert ended.description["error"] == "TooManyFailed"
        resumed = resumption.resume(machine, deployment.s3, stack, executions.describe(machine, arn))
        assert resumed.execution is not None
        ended = deployment.wait(resumed.execution)

    assert ended.status == "SUCCEEDED", ended.description
    crashed = {key for key, row in ended.rejected.items() if row["reason"] == "crashes_decoder"}
    assert len(crashed) == leaf.name.startswith("Condemn")
    assert answers(ended) == {key: answer for key, answer in undisturbed.items() if key not in crashed}
    assert successes(ended.output["summary"]["run_id"]) == 1
