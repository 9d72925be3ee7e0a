"""Executions: found by what people call them, started under names that are valid, stopped."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest

from pipeline import objects
from pipeline.deployed import executions
from pipeline.deployed.executions import Execution, Started
from pipeline.deployed.stack import Deployment
from pipeline.errors import UnknownRun
from pipeline.runs import keys
from pipeline.runs.run import Run

RESULTS = "example-results"
SUCCEED = {"Type": "Succeed"}
WAIT = {"Type": "Wait", "Seconds": 600, "End": True}


def aliased(stepfunctions: Any, deployment: Deployment) -> Deployment:
    """The same with an alias of its state machine's first version."""
    version = stepfunctions.publish_state_machine_version(stateMachineArn=deployment.state_machine)
    route = {"stateMachineVersionArn": version["stateMachineVersionArn"], "weight": 100}
    made = stepfunctions.create_state_machine_alias(name="live", routingConfiguration=[route])
    return replace(deployment, alias=made["stateMachineAliasArn"])


def start(stepfunctions: Any, deployment: Deployment, **document: Any) -> str:
    return executions.start(stepfunctions, deployment, document, None).execution


def test_a_run_is_found_by_its_id(
    stepfunctions: Any, results: Any, claiming: Callable[..., Deployment], written: Callable[[str], None], run: Run
) -> None:
    deployment = claiming()
    arn = start(stepfunctions, deployment)
    written(arn)

    assert executions.find(stepfunctions, results, deployment, run.run_id).arn == arn


@pytest.mark.parametrize("form", ["name", "arn"])
def test_an_execution_is_found_by_its_name_and_arn(
    stepfunctions: Any, results: Any, claiming: Callable[..., Deployment], form: str
) -> None:
    deployment = claiming()
    arn = start(stepfunctions, deployment)

    found = executions.find(stepfunctions, results, deployment, arn if form == "arn" else arn.rpartition(":")[2])

    assert found.arn == arn


def test_without_a_name_the_latest_is_found(
    stepfunctions: Any, results: Any, claiming: Callable[..., Deployment]
) -> None:
    deployment = claiming()
    arns = [start(stepfunctions, deployment) for _ in range(3)]

    assert executions.find(stepfunctions, results, deployment, None).arn == arns[-1]


def test_an_execution_that_found_its_run_taken_is_not_the_latest(
    stepfunctions: Any, results: Any, machine: Callable[..., Deployment], run: Run
) -> None:
    pointer = {"run": {"run_id": run.run_id, "claimed.$": "$.claimed"}}
    deployment = machine(StartRun={"Type": "Pass", "Parameters": pointer, "End": True})
    first = start(stepfunctions, deployment, claimed=True)
    for _ in range(3):
        start(stepfunctions, deployment, claimed=False)

    assert executions.find(stepfunctions, results, deployment, None).arn == first


def test_where_nothing_was_ever_started_that_is_said(
    stepfunctions: Any, results: Any, claiming: Callable[..., Deployment]
) -> None:
    deployment = claiming()

    with pytest.raises(UnknownRun, match=r"There are no runs yet: .* Start one with `imagebatch start`"):
        executions.find(stepfunctions, results, deployment, None)


@pytest.mark.parametrize("name", ["2026-11-20T0200-incoming-7f3a9", "a b", "x" * 300, "\U0001f408", "../x", "a:b"])
def test_a_run_that_is_not_there_is_refused_by_name(
    stepfunctions: Any, results: Any, claiming: Callable[..., Deployment], name: str
) -> None:
    deployment = claiming()

    with pytest.raises(UnknownRun, match="There is no run"):
        executions.find(stepfunctions, results, deployment, name)


def test_a_run_that_was_mistyped_is_guessed(
    stepfunctions: Any, results: Any, claiming: Callable[..., Deployment], written: Callable[[str], None]
) -> None:
    written("arn")

    with pytest.raises(UnknownRun, match=r"Did you mean 2026-11-20T0200-incoming-7f3a9c\?"):
        executions.find(stepfunctions, results, claiming(), "2026-11-20T0200-incoming-7f3a9d")


def test_a_run_whose_execution_is_forgotten_is_told_with_what_it_left(
    stepfunctions: Any, results: Any, claiming: Callable[..., Deployment], written: Callable[[str], None], run: Run
) -> None:
    deployment = claiming()
    written(executions.execution_arn(deployment, "forgotten"))

    with pytest.raises(UnknownRun, match=r"no longer there: .* 90 days.* What the run left is in s3://.*/results/"):
        executions.find(stepfunctions, results, deployment, run.run_id)


def test_each_start_is_an_execution_of_its_own(stepfunctions: Any, claiming: Callable[..., Deployment]) -> None:
    deployment = claiming()

    assert start(stepfunctions, deployment) != start(stepfunctions, deployment)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"name": "Spring sale / \U0001f408"},
        {"name": "x" * 500},
        {"prefixes": ["s3://bucket/incoming/{date:%Y}/"]},
        {"prefixes": []},
        {"prefixes": 7},
        {"name": 7},
    ],
)
def test_a_name_is_one_that_step_functions_takes(
    stepfunctions: Any, claiming: Callable[..., Deployment], document: dict[str, Any]
) -> None:
    assert executions.start(stepfunctions, claiming(), document, None).is_new


def test_a_name_that_is_given_starts_once(stepfunctions: Any, claiming: Callable[..., Deployment]) -> None:
    deployment = claiming()
    first = executions.start(stepfunctions, deployment, {"top_k": 1, "model": "m"}, "nightly")
    executions.wait_for_end(stepfunctions, first.execution, 30)

    again = executions.start(stepfunctions, deployment, {"model": "m", "top_k": 1}, "nightly")

    assert (again.execution, again.is_new) == (first.execution, False)


def test_what_an_alias_starts_is_found_under_its_name(
    stepfunctions: Any, results: Any, claiming: Callable[..., Deployment]
) -> None:
    deployment = aliased(stepfunctions, claiming())

    started = executions.start(stepfunctions, deployment, {}, "nightly")
    executions.wait_for_end(stepfunctions, started.execution, 30)

    described = stepfunctions.describe_execution(executionArn=started.execution)
    assert described["stateMachineAliasArn"] == deployment.alias
    assert executions.find(stepfunctions, results, deployment, "nightly").arn == started.execution
    assert executions.start(stepfunctions, deployment, {}, "nightly") == Started(started.execution, is_new=False)


def test_a_name_that_is_given_means_one_input(stepfunctions: Any, claiming: Callable[..., Deployment]) -> None:
    deployment = claiming()
    executions.start(stepfunctions, deployment, {}, "nightly")

    with pytest.raises(ValueError, match="there is an execution 'nightly' already, with another input"):
        executions.start(stepfunctions, deployment, {"top_k": 2}, "nightly")


def test_the_run_is_waited_for(stepfunctions: Any, claiming: Callable[..., Deployment], run: Run) -> None:
    deployment = claiming(Long=WAIT)
    arn = start(stepfunctions, deployment)

    pointer, execution = executions.wait_for_run(stepfunctions, arn, 30)

    assert pointer is not None
    assert (pointer["run_id"], execution.is_running) == (run.run_id, True)


def test_a_start_that_fails_has_no_run(stepfunctions: Any, machine: Callable[..., Deployment]) -> None:
    arn = start(stepfunctions, machine(Failed={"Type": "Fail", "Error": "InvalidRunInput", "Cause": "no"}))

    pointer, execution = executions.wait_for_run(stepfunctions, arn, 30)

    assert (pointer, execution.error, execution.cause) == (None, "InvalidRunInput", "no")


def test_waiting_for_the_run_is_bounded(stepfunctions: Any, machine: Callable[..., Deployment]) -> None:
    arn = start(stepfunctions, machine(Long=WAIT))

    pointer, execution = executions.wait_for_run(stepfunctions, arn, 0)

    assert (pointer, execution.is_running) == (None, True)


def test_what_is_stopped_says_why(stepfunctions: Any, claiming: Callable[..., Deployment]) -> None:
    arn = start(stepfunctions, claiming(Long=WAIT))

    executions.stop(stepfunctions, arn, "wrong photos")

    stopped = executions.wait_for_end(stepfunctions, arn, 30)
    assert (stopped.status, stopped.error, stopped.cause) == ("ABORTED", "Stopped", "wrong photos")


class Pages:
    """Step Functions with ten thousand executions; it remembers how many it was asked for."""

    def __init__(self) -> None:
        self.given = 0

    def get_paginator(self, operation: str) -> "Pages":
        assert operation == "list_executions"
        return self

    def paginate(self, PaginationConfig: dict[str, int], **request: Any) -> Any:  # noqa: N803
        size = PaginationConfig["PageSize"]
        for first in range(0, 10_000, size):
            self.given += size
            yield {"executions": [{"executionArn": f"arn:{number}"} for number in range(first, first + size)]}


def test_of_ten_thousand_executions_only_the_page_that_is_read_is_asked_for() -> None:
    pages = Pages()
    listed = executions.executions(pages, Deployment("arn:machine", RESULTS), None, 20)

    assert len(list(itertools.islice(listed, 20))) == 20
    assert pages.given == 20


@pytest.mark.parametrize(
    ("region", "console"),
    [
        ("us-east-1", "https://us-east-1.console.aws.amazon.com/"),
        ("us-gov-west-1", "https://us-gov-west-1.console.amazonaws-us-gov.com/"),
        ("cn-north-1", "https://cn-north-1.console.amazonaws.cn/"),
    ],
)
def test_an_execution_in_aws_has_a_page_in_the_console(region: str, console: str) -> None:
    client = boto3.client("stepfunctions", region_name=region, aws_access_key_id="x", aws_secret_access_key="x")
    arn = f"arn:{client.meta.partition}:states:{region}:123456789012:execution:machine:name"

    url = executions.console_url(client, arn)

    assert url is not None
    assert url.startswith(console)
    assert url.endswith(f"#/v2/executions/details/{arn}")


def test_an_execution_of_a_local_cloud_has_no_page(stepfunctions: Any) -> None:
    arn = "arn:aws:states:us-east-1:123456789012:execution:machine:name"

    assert executions.console_url(stepfunctions, arn) is None


def test_the_latest_runs_are_told_where_one_is_not_there(results: Any) -> None:
    for number in range(7):
        objects.put_json(results, RESULTS, keys.run_key(f"run-{number}"), {})

    error = executions.unknown_run(results, RESULTS, "other")

    assert str(error).endswith("Of all, the latest are run-2, run-3, run-4, run-5, run-6.")


def test_an_execution_lasts_until_it_has_stopped(stepfunctions: Any, claiming: Callable[..., Deployment]) -> None:
    arn = start(stepfunctions, claiming())

    ended: Execution = executions.wait_for_end(stepfunctions, arn, 30)

    assert ended.stopped is not None
    assert ended.seconds == (ended.stopped - ended.started).total_seconds()


def test_the_time_until_an_execution_was_redriven_is_not_how_long_it_ran(
    stepfunctions: Any, claiming: Callable[..., Deployment]
) -> None:
    arn = start(stepfunctions, claiming(Failed={"Type": "Fail", "Error": "Broken"}))
    first = executions.wait_for_end(stepfunctions, arn, 30)
    stepfunctions.redrive_execution(executionArn=arn)

    last = executions.wait_for_end(stepfunctions, arn, 30)

    events = stepfunctions.get_execution_history(executionArn=arn)["events"]
    started, failed, redriven, failed_again = [
        event["timestamp"] for event in events if event["type"].startswith("Execution")
    ]
    assert last.stopped
    assert first.stood_still == 0
    assert last.seconds == pytest.approx((failed - started + failed_again - redriven).total_seconds())
    assert last.seconds < (last.stopped - last.started).total_seconds()
