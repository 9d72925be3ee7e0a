"""Distributed maps: children, counts, tolerance, results."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipeline.local.protocol import ServiceError

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
FAIL_ON_ZERO = {
    "StartAt": "Zero?",
    "States": {
        "Zero?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$", "NumericEquals": 0, "Next": "Bad"}],
            "Default": "Good",
        },
        "Bad": {"Type": "Fail", "Error": "Zero"},
        "Good": {"Type": "Pass", "End": True},
    },
}
FAIL_BATCH_WITH_ZERO = {
    "StartAt": "Zero?",
    "States": {
        "Zero?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.Items[0]", "NumericEquals": 0, "Next": "Bad"}],
            "Default": "Good",
        },
        "Bad": {"Type": "Fail", "Error": "Zero"},
        "Good": {"Type": "Pass", "End": True},
    },
}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with mock_aws():
        keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        client = boto3.client("s3", region_name="us-east-1", **keys)
        client.create_bucket(Bucket="results")
        yield client


@pytest.fixture
def clients(s3: Any) -> Callable[[str, str], Any]:
    return lambda service, _: {"s3": s3}[service]


def each(processor: dict[str, Any], execution_type: str = "STANDARD", **fields: Any) -> dict[str, Any]:
    config = {"Mode": "DISTRIBUTED", "ExecutionType": execution_type}
    state = {"Type": "Map", "ItemProcessor": {"ProcessorConfig": config, **processor}, "End": True, **fields}
    return {"StartAt": "Each", "States": {"Each": state}}


def map_run(machines: Any, arn: str) -> dict[str, Any]:
    (run,) = machines.service.handle("ListMapRuns", {"executionArn": arn})["mapRuns"]
    answer: dict[str, Any] = machines.service.handle("DescribeMapRun", {"mapRunArn": run["mapRunArn"]})
    return answer


def children(machines: Any, arn: str, **parameters: Any) -> list[dict[str, Any]]:
    request = {"mapRunArn": map_run(machines, arn)["mapRunArn"], "maxResults": 1000, **parameters}
    listed: list[dict[str, Any]] = machines.service.handle("ListExecutions", request)["executions"]
    return listed


def test_outputs_come_in_the_order_of_the_items(machines: Any) -> None:
    items = list(range(1500))
    assert machines.run(each(PASS), items).output == items


def test_children_are_executions_of_their_own(machines: Any) -> None:
    outcome = machines.run(each(PASS, Label="photos"), ["a"])
    machine = outcome.arn.split(":")[6]
    (child,) = children(machines, outcome.arn)
    assert child["executionArn"].startswith(f"arn:aws:states:us-east-1:123456789012:execution:{machine}/photos:")
    assert child["stateMachineArn"].endswith(f":stateMachine:{machine}/photos")
    history = machines.history(child["executionArn"])
    assert [event["type"] for event in history] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]


def test_children_are_not_listed_with_the_executions_of_the_machine(machines: Any) -> None:
    outcome = machines.run(each(PASS), [1, 2])
    arn = machines.service.handle("DescribeExecution", {"executionArn": outcome.arn})["stateMachineArn"]
    listed = machines.service.handle("ListExecutions", {"stateMachineArn": arn})["executions"]
    assert [execution["executionArn"] for execution in listed] == [outcome.arn]


def test_express_children_keep_no_history(machines: Any) -> None:
    outcome = machines.run(each(PASS, "EXPRESS"), [1])
    (child,) = children(machines, outcome.arn)
    assert ":express:" in child["executionArn"]
    assert machines.history(child["executionArn"]) == []


def test_items_are_counted_although_batches_run(machines: Any) -> None:
    definition = each(FAIL_BATCH_WITH_ZERO, ItemBatcher={"MaxItemsPerBatch": 4}, ToleratedFailureCount=4)
    outcome = machines.run(definition, list(range(10)))
    run = map_run(machines, outcome.arn)
    expected = {"total": 10, "succeeded": 6, "failed": 4, "running": 0, "pending": 0}
    assert expected.items() <= run["itemCounts"].items()
    assert {"total": 3, "succeeded": 2, "failed": 1}.items() <= run["executionCounts"].items()
    assert run["status"] == "SUCCEEDED"
    assert outcome.output == [{"Items": [4, 5, 6, 7]}, {"Items": [8, 9]}]


def test_a_failure_that_is_not_tolerated_fails_the_map(machines: Any) -> None:
    outcome = machines.run(each(FAIL_ON_ZERO), [1, 0, 2])
    assert outcome.error == "States.ExceedToleratedFailureThreshold"
    assert outcome.types[-3:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    assert map_run(machines, outcome.arn)["status"] == "FAILED"


@pytest.mark.parametrize(
    ("tolerance", "status"),
    [
        ({"ToleratedFailureCount": 2}, "SUCCEEDED"),
        ({"ToleratedFailureCount": 1}, "FAILED"),
        ({"ToleratedFailurePercentage": 50}, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 49.9}, "FAILED"),
        ({"ToleratedFailureCount": 9, "ToleratedFailurePercentage": 10}, "FAILED"),
        ({"ToleratedFailureCount": 1, "ToleratedFailurePercentage": 100}, "FAILED"),
    ],
)
def test_two_failures_of_four_are_within_the_tolerance_or_not(
    machines: Any, tolerance: dict[str, Any], status: str
) -> None:
    assert machines.run(each(FAIL_ON_ZERO, **tolerance), [0, 1, 0, 2]).status == status


def test_children_that_run_are_aborted_when_the_map_fails(machines: Any) -> None:
    processor = {
        "StartAt": "Zero?",
        "States": {
            **FAIL_ON_ZERO["States"],  # type: ignore[dict-item]
            "Good": {"Type": "Wait", "Seconds": 3600, "End": True},
        },
    }
    outcome = machines.run(each(processor), [1, 2, 0])
    assert map_run(machines, outcome.arn)["executionCounts"]["aborted"] == 2
    assert {child["status"] for child in children(machines, outcome.arn)} == {"ABORTED", "FAILED"}


def test_no_more_children_run_than_max_concurrency(machines: Any) -> None:
    arn = machines.start(each(WAIT, MaxConcurrency=3), [1] * 10)
    machines.await_events(arn, "MapRunStarted")
    run = map_run(machines, arn)
    assert run["executionCounts"]["running"] <= 3
    assert run["maxConcurrency"] == 3


def test_stopping_the_parent_aborts_the_run_and_its_children(machines: Any) -> None:
    arn = machines.start(each(WAIT), [1, 2])
    machines.await_events(arn, "MapRunStarted")
    machines.service.handle("StopExecution", {"executionArn": arn})
    outcome = machines.finish(arn)
    assert outcome.types[-3:] == ["MapRunAborted", "MapStateAborted", "ExecutionAborted"]
    assert map_run(machines, arn)["status"] == "ABORTED"
    assert {child["status"] for child in children(machines, arn)} <= {"ABORTED"}


def test_an_item_selector_sees_the_input_and_the_item(machines: Any) -> None:
    selector = {"all.$": "$.n", "index.$": "$$.Map.Item.Index", "item.$": "$$.Map.Item.Value"}
    outcome = machines.run(each(PASS, ItemsPath="$.items", ItemSelector=selector), {"items": ["a", "b"], "n": 2})
    assert outcome.output == [{"all": 2, "index": 0, "item": "a"}, {"all": 2, "index": 1, "item": "b"}]


def test_a_batch_carries_the_batch_input(machines: Any) -> None:
    batcher = {"MaxItemsPerBatch": 2, "BatchInput": {"n.$": "$.n"}}
    outcome = machines.run(each(PASS, ItemsPath="$.items", ItemBatcher=batcher), {"items": [1, 2, 3], "n": 7})
    assert outcome.output == [{"BatchInput": {"n": 7}, "Items": [1, 2]}, {"BatchInput": {"n": 7}, "Items": [3]}]


def test_results_beyond_the_limit_need_a_result_writer(machines: Any) -> None:
    doubled = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$"}, "End": True}}}
    outcome = machines.run(each(doubled, ResultPath=None), ["x" * 1_000] * 150)
    assert outcome.error == "States.DataLimitExceeded"


def test_variables_of_the_parent_are_not_seen_by_children(machines: Any) -> None:
    definition = each(
        {"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"x.$": "$$.Execution.Name"}, "End": True}}}
    )
    outcome = machines.run(definition, [1])
    assert outcome.output[0]["x"] != outcome.arn.rpartition(":")[2]


def test_an_empty_array_gives_an_empty_result(machines: Any) -> None:
    assert machines.run(each(PASS), []).output == []


def written(s3: Any, output: dict[str, Any]) -> dict[str, list[Any]]:
    """What the files that a ResultWriter's manifest names hold, line by line or element by element."""
    details = output["ResultWriterDetails"]
    manifest = json.load(s3.get_object(Bucket=details["Bucket"], Key=details["Key"])["Body"])
    assert manifest["MapRunArn"] == output["MapRunArn"]
    contents: dict[str, list[Any]] = {}
    for name, files in manifest["ResultFiles"].items():
        contents[name] = []
        for file in files:
            body = s3.get_object(Bucket=manifest["DestinationBucket"], Key=file["Key"])["Body"].read()
            assert len(body) == file["Size"]
            text = body.decode()
            contents[name] += (
                [json.loads(line) for line in text.splitlines()] if file["Key"].endswith("l") else json.loads(text)
            )
    return contents


def writer(**config: Any) -> dict[str, Any]:
    parameters = {"Bucket": "results", "Prefix": "runs/one/"}
    return {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": parameters,
        **({"WriterConfig": config} if config else {}),
    }


def test_a_result_writer_writes_a_description_of_every_child(machines: Any, s3: Any) -> None:
    definition = each(FAIL_ON_ZERO, ResultWriter=writer(), ToleratedFailureCount=1)
    files = written(s3, machines.run(definition, [5, 0]).output)
    (succeeded,), (failed,) = files["SUCCEEDED"], files["FAILED"]
    assert (succeeded["Input"], succeeded["Output"], succeeded["Status"]) == ("5", "5", "SUCCEEDED")
    assert (failed["Error"], failed["Status"]) == ("Zero", "FAILED")
    assert files["PENDING"] == []


@pytest.mark.parametrize("output_type", ["JSON", "JSONL"])
@pytest.mark.parametrize(("transformation", "expected"), [("COMPACT", [[1, 2], "a"]), ("FLATTEN", [1, 2, "a"])])
def test_outputs_can_be_written_alone_and_flattened(
    machines: Any, s3: Any, output_type: str, transformation: str, expected: list[Any]
) -> None:
    config = writer(OutputType=output_type, Transformation=transformation)
    output = machines.run(each(PASS, ResultWriter=config), [[1, 2], "a"]).output
    assert output["ResultWriterDetails"]["Key"].startswith("runs/one/")
    assert written(s3, output)["SUCCEEDED"] == expected


def test_written_results_are_counted(machines: Any) -> None:
    outcome = machines.run(each(PASS, ResultWriter=writer()), [1, 2, 3])
    assert map_run(machines, outcome.arn)["itemCounts"]["resultsWritten"] == 3


def test_a_bucket_that_is_not_there_fails_the_writer(machines: Any) -> None:
    config = writer() | {"Parameters": {"Bucket": "no-such-bucket"}}
    assert machines.run(each(PASS, ResultWriter=config), [1]).error == "States.ResultWriterFailed"


def test_a_running_map_takes_new_limits(machines: Any) -> None:
    arn = machines.start(each(WAIT, MaxConcurrency=1), [1, 2, 3])
    machines.await_events(arn, "MapRunStarted")
    run = map_run(machines, arn)["mapRunArn"]
    machines.service.handle("UpdateMapRun", {"mapRunArn": run, "maxConcurrency": 2, "toleratedFailureCount": 5})
    changed = machines.service.handle("DescribeMapRun", {"mapRunArn": run})
    assert (changed["maxConcurrency"], changed["toleratedFailureCount"]) == (2, 5)


FLAKY_ON_ZERO = {
    "StartAt": "Zero?",
    "States": {
        **FAIL_ON_ZERO["States"],
        "Bad": {
            "Type": "Pass",
            "Parameters": {
                "x.$": "States.ArrayGetItem(States.Array(0, 1), States.MathAdd($$.Execution.RedriveCount, -1))"
            },
            "ResultPath": None,
            "Next": "Good",
        },
    },
}


def redrive(machines: Any, arn: str) -> Any:
    machines.service.handle("RedriveExecution", {"executionArn": arn})
    return machines.finish(arn)


def test_a_redrive_goes_on_with_the_same_map_run(machines: Any) -> None:
    failed = machines.run(each(FLAKY_ON_ZERO, MaxConcurrency=1), [1, 0, 2])
    before = map_run(machines, failed.arn)
    outcome = redrive(machines, failed.arn)
    after = map_run(machines, failed.arn)
    assert outcome.output == [1, 0, 2]
    assert "MapRunRedriven" in outcome.types
    assert (before["status"], after["status"], after["redriveCount"]) == ("FAILED", "SUCCEEDED", 1)
    assert after["mapRunArn"] == before["mapRunArn"]


def test_a_redrive_runs_only_the_children_that_did_not_succeed(machines: Any) -> None:
    failed = machines.run(each(FLAKY_ON_ZERO, MaxConcurrency=1), [1, 0, 2])
    redrive(machines, failed.arn)
    redrives = [child["redriveCount"] for child in reversed(children(machines, failed.arn))]
    assert sorted(redrives) == [0, 0, 1]


def test_a_redrive_counts_every_item_once(machines: Any) -> None:
    failed = machines.run(each(FLAKY_ON_ZERO, MaxConcurrency=1), [1, 0, 2])
    redrive(machines, failed.arn)
    counts = map_run(machines, failed.arn)["itemCounts"]
    assert (counts["total"], counts["succeeded"], counts["failed"], counts["pending"]) == (3, 3, 0, 0)


def test_a_child_of_a_map_run_is_redriven_by_the_map_run_only(machines: Any) -> None:
    failed = machines.run(each(FLAKY_ON_ZERO), [0])
    (child,) = children(machines, failed.arn)
    described = machines.service.handle("DescribeExecution", {"executionArn": child["executionArn"]})
    assert described["redriveStatus"] == "REDRIVABLE_BY_MAP_RUN"
    with pytest.raises(ServiceError, match="redrive the parent execution"):
        machines.service.handle("RedriveExecution", {"executionArn": child["executionArn"]})


@pytest.mark.parametrize("execution_type", ["STANDARD", "EXPRESS"])
@pytest.mark.parametrize("items", [[1, 5, 2], [1], [5, 1, 7, 8]])
def test_a_redrive_reads_the_items_as_they_are_now(
    machines: Any, s3: Any, execution_type: str, items: list[int]
) -> None:
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON"},
        "Parameters": {"Bucket": "results", "Key": "items.json"},
    }
    s3.put_object(Bucket="results", Key="items.json", Body=b"[1, 0, 2]")
    failed = machines.run(each(FAIL_ON_ZERO, execution_type, MaxConcurrency=1, ItemReader=reader))
    s3.put_object(Bucket="results", Key="items.json", Body=json.dumps(items).encode())
    assert failed.status == "FAILED"
    assert redrive(machines, failed.arn).output == items
