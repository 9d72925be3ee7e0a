"""A newer version over an older one: what holds data stays, and a run that is under way ends as it began."""

import json
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.contract.packages import load_package
from pipeline.deploying import change_sets
from pipeline.deploying.change_sets import ChangeSet
from pipeline.deploying.deployment import Request, Terminal, deploy
from pipeline.local.cloud import LocalCloud

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
PHOTO = ROOT / "examples" / "photos" / "garden" / "daisy.jpg"
HELD = "123456789012.dkr.ecr.us-east-1.amazonaws.com/held:1"
BOUND = 120.0
"""Seconds that anything here may take on a busy machine."""


class NoPackages:
    """Functions without packages: here they take those of this machine in any case."""

    def __init__(self, empty: Path) -> None:
        self._empty = empty

    def folder(self, package: str) -> Path:
        return self._empty


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture
def upgrade(cloud: LocalCloud, tmp_path: Path) -> Callable[..., tuple[dict[str, str], list[ChangeSet]]]:
    """`upgrade(parameters)` deploys what there is now; the outputs of the stack, and what was to be changed."""
    (tmp_path / "empty").mkdir()

    def run(parameters: dict[str, str], **more: Any) -> tuple[dict[str, str], list[ChangeSet]]:
        shown: list[ChangeSet] = []

        def confirm(proposed: ChangeSet) -> bool:
            shown.append(proposed)
            return True

        terminal = Terminal(lambda _: None, confirm, 0.05)
        request = Request("upgraded", parameters, packages=NoPackages(tmp_path / "empty"), **more)
        stack = deploy(cloud.client, request, terminal)
        return {entry["OutputKey"]: entry["OutputValue"] for entry in stack["Outputs"]}, shown

    return run


def waited_for(what: Callable[[], Any]) -> Any:
    """What `what` answers, once that is something."""
    deadline = time.monotonic() + BOUND
    while not (answer := what()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)
    return answer


def test_an_older_stack_keeps_its_buckets_its_table_and_what_they_hold(
    cloud: LocalCloud, upgrade: Callable[..., tuple[dict[str, str], list[ChangeSet]]]
) -> None:
    cloudformation: Any = cloud.client("cloudformation")
    template = {"TemplateBody": (DATA / "upgrading" / "template.yaml").read_text()}
    proposed = change_sets.propose(cloudformation, "upgraded", template, (), {"ShardDays": "3"}, 0.05)
    assert proposed is not None
    older = change_sets.execute(cloudformation, proposed, lambda _: None, 0.05)
    before = {entry["OutputKey"]: entry["OutputValue"] for entry in older["Outputs"]}
    cloud.client("s3").put_object(Bucket=before["ResultsBucket"], Key="runs/one/results/summary.json", Body=b"{}")
    entry = {"image": {"S": "images/a.jpg"}, "model": {"S": "m"}}
    cloud.client("dynamodb").put_item(TableName=before["LedgerTable"], Item=entry)

    after, (shown,) = upgrade({})

    assert {name: after[name] for name in before} == before
    changed = {change.logical_id: (change.action, change.replacement) for change in shown.changes}
    assert {name: changed[name] for name in before} == dict.fromkeys(before, ("Modify", "False"))
    assert cloud.client("s3").head_object(Bucket=before["ResultsBucket"], Key="runs/one/results/summary.json")
    assert cloud.client("dynamodb").get_item(TableName=before["LedgerTable"], Key=entry)["Item"] == entry
    (described,) = cloudformation.describe_stacks(StackName="upgraded")["Stacks"]
    assert {"ParameterKey": "ShardDays", "ParameterValue": "3"} in described["Parameters"]


def test_a_run_that_is_under_way_ends_on_the_version_that_it_started_with(
    cloud: LocalCloud,
    upgrade: Callable[..., tuple[dict[str, str], list[ChangeSet]]],
    classifier: Callable[..., bytes],
    tmp_path: Path,
) -> None:
    gate = tmp_path / "gate"
    held = f"while [ ! -e {shlex.quote(str(gate))} ]; do sleep 0.1; done"
    serve = f"{held}; exec {sys.executable} -m processing_scripts.serve"
    cloud.add_image("held", ["sh", "-c", serve], ROOT)
    model = tmp_path / "tiny"
    model.mkdir()
    (model / "contract.json").write_bytes((DATA / "tiny" / "contract.json").read_bytes())
    (model / "labels.txt").write_text("a\nb\nc\n")
    (model / "model.onnx").write_bytes(classifier(3))
    outputs, _ = upgrade({"ContainerImageUri": HELD}, model=("tiny", load_package(model)))
    cloud.client("s3").put_object(Bucket=outputs["ImagesBucket"], Key="incoming/a.jpg", Body=PHOTO.read_bytes())
    states, jobs = cloud.client("stepfunctions"), cloud.client("sagemaker")

    def start() -> str:
        given = {"engine": "transform", "reprocess": True}
        arn = outputs["StateMachineAliasArn"]
        return str(states.start_execution(stateMachineArn=arn, input=json.dumps(given))["executionArn"])

    def status(execution: str) -> str:
        return str(states.describe_execution(executionArn=execution)["status"])

    def versions(execution: str) -> set[str]:
        """The versions of the functions that an execution has called, its children's aside."""
        pages = states.get_paginator("get_execution_history").paginate(executionArn=execution)
        called = (event.get("taskScheduledEventDetails") for page in pages for event in page["events"])
        parameters = (details["parameters"] for details in called if details and details["resourceType"] == "lambda")
        return {re.search(r"upgraded-[\w-]+:(\d+)", text)[1] for text in parameters}  # type: ignore[index]

    under_way = start()
    waited_for(lambda: jobs.list_transform_jobs()["TransformJobSummaries"] or status(under_way) != "RUNNING")
    changed, _ = upgrade({"LogLevel": "DEBUG"})
    assert status(under_way) == "RUNNING"
    gate.touch()
    waited_for(lambda: status(under_way) != "RUNNING")
    afterwards = start()
    waited_for(lambda: status(afterwards) != "RUNNING")

    assert changed["StateMachineAliasArn"] == outputs["StateMachineAliasArn"]
    assert (status(under_way), status(afterwards)) == ("SUCCEEDED", "SUCCEEDED")
    assert versions(under_way).isdisjoint(versions(afterwards))
    assert len(versions(under_way)) == len(versions(afterwards)) == 1
    described = [
        states.describe_execution(executionArn=each)["stateMachineVersionArn"] for each in (under_way, afterwards)
    ]
    assert described[0] != described[1]
