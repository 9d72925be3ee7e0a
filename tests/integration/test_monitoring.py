"""What a stack tells CloudWatch while it runs: the logs of its functions and jobs, read as CloudWatch reads them."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pipeline.images.decode import Reason
from pipeline.telemetry.metrics import METRICS, NAMESPACE

PHOTO = (Path(__file__).resolve().parents[2] / "examples" / "photos" / "garden" / "daisy.jpg").read_bytes()
SCHEMA = json.loads((Path(__file__).resolve().parents[1] / "data/emf/schema.json").read_text())
# No execution of this module fails, and no image comes by itself.
TOLD_ELSEWHERE = {"RunsFailed", "SingleImagesPredicted", "SingleImagesRejected", "EndpointSeconds"}


@pytest.fixture(scope="module")
def deployment(deployed: Callable[..., Any]) -> Any:
    deployment = deployed(ScheduleState="ENABLED", MaxCostUsd="100")
    deployment.put({"incoming/a.jpg": PHOTO, "incoming/b.jpg": PHOTO, "incoming/half.jpg": PHOTO[:2000]})
    return deployment


@pytest.fixture(scope="module")
def ended(deployment: Any) -> Any:
    ended = deployment.run()
    assert ended.status == "SUCCEEDED", ended.description
    return ended


@pytest.fixture(scope="module")
def lines(deployment: Any, ended: Any) -> list[dict[str, Any]]:
    """Every line of every log that is JSON, in the order of each log."""
    cloud = deployment.cloud
    functions = [function["FunctionName"] for function in cloud.client("lambda").list_functions()["Functions"]]
    jobs = [
        job["ProcessingJobName"] for job in cloud.client("sagemaker").list_processing_jobs()["ProcessingJobSummaries"]
    ]
    logs = [cloud.logs(function) for function in functions] + [cloud.job_log(job) for job in jobs]
    return [json.loads(line) for log in logs for line in log.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def metrics(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if "_aws" in line]


def told(metrics: list[dict[str, Any]]) -> Iterator[tuple[str, str, frozenset[str], str, float]]:
    """Namespace, name, dimensions, unit and value of each metric."""
    for line in metrics:
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for dimensions in directive["Dimensions"]:
                for metric in directive["Metrics"]:
                    (value,) = line[metric["Name"]]
                    yield directive["Namespace"], metric["Name"], frozenset(dimensions), metric["Unit"], value


def asked_for(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """The metrics that an alarm looks at: its own, or those of its expression."""
    queries = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
    return queries or [alarm]


def test_every_metric_that_is_told_is_in_the_table_and_the_other_way_round(metrics: list[dict[str, Any]]) -> None:
    for line in metrics:
        jsonschema.validate(line, SCHEMA)
    units = {name: unit for _, name, _, unit, _ in told(metrics)}
    assert set(METRICS) - set(units) == TOLD_ELSEWHERE
    assert units == {name: METRICS[name].unit for name in units}


def test_a_run_is_counted_once(metrics: list[dict[str, Any]], deployment: Any) -> None:
    counts = Counter[str]()
    for _, name, dimensions, unit, value in told(metrics):
        if unit == "Count" and dimensions == {"Stack"}:
            counts[name] += int(value)
    assert counts == {
        "RunsSucceeded": 1,
        "ImagesListed": 3,
        "ImagesAccepted": 2,
        "ImagesPredicted": 2,
        "ImagesRejected": 1,
        "RejectedCount": 1,
        "ImagesSkipped": 0,
        "ImagesFailed": 0,
    }


def test_rejected_images_are_told_by_reason(metrics: list[dict[str, Any]]) -> None:
    found = {line["Reason"] for line in metrics if "Reason" in line}
    assert found == {"truncated"}
    assert found <= set(Reason)


def test_an_alarm_of_the_stack_is_about_what_was_told(metrics: list[dict[str, Any]], deployment: Any) -> None:
    """Name, dimensions with their values, and unit, as CloudWatch would have to match them."""
    known = {(name, unit) for namespace, name, dimensions, unit, _ in told(metrics) if dimensions == {"Stack"}}
    stacks = {line["Stack"] for line in metrics}
    alarms = deployment.cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    asked = [metric for alarm in alarms for metric in asked_for(alarm) if metric["Namespace"] == NAMESPACE]
    names = {"RejectedCount", "RejectedFraction", "FailedFraction", "RunsSucceeded", "CostUsd"}
    assert {metric["MetricName"] for metric in asked} == names
    assert names <= {name for name, _ in known}
    for metric in asked:
        assert [each["Name"] for each in metric["Dimensions"]] == ["Stack"]
        assert {each["Value"] for each in metric["Dimensions"]} == stacks


def test_a_few_rejected_images_ring_nothing_however_little_else_there_was(deployment: Any) -> None:
    name = f"{deployment.stack.name}-images-rejected"
    (alarm,) = deployment.cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    (returned,) = [query for query in alarm["Metrics"] if query.get("ReturnData", True)]
    assert returned["Expression"] == "IF(rejected >= 10, fraction, 0)"
    assert {
        query["Id"]: query["MetricStat"]["Metric"]["MetricName"] for query in alarm["Metrics"] if query != returned
    } == {
        "rejected": "RejectedCount",
        "fraction": "RejectedFraction",
    }


def test_alarms_of_aws_are_about_what_the_stack_has(deployment: Any) -> None:
    stack, client = deployment.stack, deployment.cloud.client
    alarms = {alarm["AlarmName"]: alarm for alarm in client("cloudwatch").describe_alarms()["MetricAlarms"]}
    (failed, timed_out, _) = alarms[f"{stack.name}-runs-failed"]["Metrics"]
    for query in (failed, timed_out):
        assert query["MetricStat"]["Metric"]["Dimensions"][0]["Value"] == stack.resources["BatchStateMachine"]
    queue = alarms[f"{stack.name}-dead-letters"]["Dimensions"][0]["Value"]
    assert stack.outputs["DeadLetterQueueUrl"].endswith(f"/{queue}")
    function = alarms[f"{stack.name}-throttles"]["Dimensions"][0]["Value"]
    assert function == stack.resources["ValidateImagesFunction"]


def test_alarms_publish_to_the_topic_of_the_runs(deployment: Any) -> None:
    alarms = deployment.cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert {action for alarm in alarms for action in alarm["AlarmActions"]} == {deployment.stack.outputs["TopicArn"]}


def test_the_dashboard_is_there_with_everything_put_into_it(deployment: Any) -> None:
    name = deployment.stack.resources["Dashboard"]
    body = deployment.cloud.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"]
    assert re.search(r"\$\{(?!PROP)", body) is None
    widgets = json.loads(body)["widgets"]
    (alarms,) = [widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm"]
    assert all(arn.startswith("arn:aws:cloudwatch:") for arn in alarms)


def test_every_line_about_a_run_names_it(lines: list[dict[str, Any]], ended: Any) -> None:
    run_id = ended.output["summary"]["run_id"]
    assert {line.get("run_id") for line in lines} == {run_id}


def test_lines_about_a_shard_name_it(lines: list[dict[str, Any]], ended: Any) -> None:
    shards = {row["shard"] for row in ended.rows}
    assert {line["shard"] for line in lines if "shard" in line} == shards


def test_a_card_for_a_channel_and_an_sms_are_published_with_the_text(ended: Any) -> None:
    forms = json.loads(ended.output["message"]["body"])
    assert {"default", "sms", "https", "sqs", "lambda"} == set(forms)
    assert json.loads(forms["https"])["source"] == "custom"
