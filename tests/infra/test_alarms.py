"""Alarms and the dashboard: about metrics that there are, and each alarm says what to do."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.images.decode import Reason
from pipeline.telemetry.metrics import METRICS, NAMESPACE, REASON, STACK

# What AWS's services publish, and under which dimension: "Monitoring Step Functions metrics using Amazon CloudWatch",
# "Types of metrics for Lambda functions", "Available CloudWatch metrics for Amazon SQS".
OF_AWS = {
    "AWS/States": ({"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionThrottled"}, ["StateMachineArn"]),
    "AWS/Lambda": ({"ConcurrentExecutions", "Duration", "Errors", "Throttles"}, ["FunctionName"]),
    "AWS/SQS": ({"ApproximateNumberOfMessagesVisible"}, ["QueueName"]),
}
# PutMetricAlarm, `Period`: the longest time that an alarm looks back, with periods of an hour and more.
LONGEST_LOOK_BACK = 604_800
LONGEST_DESCRIPTION = 1024
"""PutMetricAlarm, `AlarmDescription`."""
WIDTH = 24
"""Columns of a dashboard ("Dashboard body structure and syntax")."""

Metric = tuple[str, str, dict[str, Any]]


def exists(metric: Metric) -> bool:
    """Whether CloudWatch has a metric of this namespace and name under these dimensions."""
    namespace, name, dimensions = metric
    if namespace == NAMESPACE:
        return name in METRICS and list(dimensions) == [STACK]
    names, of = OF_AWS.get(namespace, (set(), []))
    return name in names and list(dimensions) == of


def metrics_of(alarm: dict[str, Any]) -> Iterator[Metric]:
    asked = [alarm] if "MetricName" in alarm else []
    asked += [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
    for metric in asked:
        dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
        yield metric["Namespace"], metric["MetricName"], dimensions


@pytest.fixture(scope="module")
def stack(with_parameters: Any) -> Any:
    """A stack that has every alarm."""
    return with_parameters(ScheduleState="ENABLED", MaxCostUsd="20")


@pytest.fixture(scope="module")
def alarms(stack: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = stack.of_type("AWS::CloudWatch::Alarm")
    return found


def plain(node: Any) -> str:
    """A text, whether something is put into it or not."""
    return node if isinstance(node, str) else str(node["Fn::Sub"])


@pytest.fixture(scope="module")
def widgets(stack: Any) -> list[dict[str, Any]]:
    """The dashboard's widgets; a name stands for what is put in its place, a number for a threshold."""
    (dashboard,) = stack.of_type("AWS::CloudWatch::Dashboard").values()
    body = plain(dashboard["DashboardBody"])
    numbers = re.sub(r"(?<!\")\$\{(Alarm\w+)\}", "0.5", body)
    found: list[dict[str, Any]] = json.loads(re.sub(r"\$\{([\w.:]+)\}", r"\1", numbers))["widgets"]
    return found


def test_there_is_an_alarm_for_whatever_needs_somebody(alarms: dict[str, Any]) -> None:
    assert {metric[:2] for alarm in alarms.values() for metric in metrics_of(alarm)} >= {
        ("AWS/States", "ExecutionsFailed"),
        ("AWS/States", "ExecutionsTimedOut"),
        (NAMESPACE, "RejectedFraction"),
        (NAMESPACE, "FailedFraction"),
        (NAMESPACE, "RunsSucceeded"),
        (NAMESPACE, "CostUsd"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/Lambda", "Throttles"),
    }


def test_an_alarm_is_about_metrics_that_there_are(alarms: dict[str, Any]) -> None:
    assert [metric for alarm in alarms.values() for metric in metrics_of(alarm) if not exists(metric)] == []


def test_a_unit_that_an_alarm_asks_for_is_the_one_that_is_told(alarms: dict[str, Any]) -> None:
    """A unit that differs is another metric, and such an alarm never rings: without one, any is taken."""
    wrong = {
        name
        for name, alarm in alarms.items()
        if "Unit" in alarm and alarm["Namespace"] == NAMESPACE and alarm["Unit"] != METRICS[alarm["MetricName"]].unit
    }
    assert wrong == set()


def test_an_alarm_tells_people_and_says_what_to_do(alarms: dict[str, Any]) -> None:
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == [{"Ref": "Topic"}], name
        assert 80 < len(plain(alarm["AlarmDescription"])) <= LONGEST_DESCRIPTION, name


def test_an_alarm_is_called_after_its_stack_as_the_keys_policy_has_it(alarms: dict[str, Any]) -> None:
    assert [
        name for name, alarm in alarms.items() if not plain(alarm["AlarmName"]).startswith("${AWS::StackName}-")
    ] == []


def test_a_night_without_data_rings_only_where_a_run_was_due(alarms: dict[str, Any], with_parameters: Any) -> None:
    missing = {name for name, alarm in alarms.items() if alarm["TreatMissingData"] == "breaching"}
    assert missing == {"NoRunAlarm"}
    assert missing.isdisjoint(with_parameters().of_type("AWS::CloudWatch::Alarm"))


def test_an_alarm_looks_back_no_longer_than_it_may(template: dict[str, Any], alarms: dict[str, Any]) -> None:
    hours = template["Parameters"]["AlarmHoursWithoutRun"]
    assert hours["Default"] == 26
    assert hours["MaxValue"] * alarms["NoRunAlarm"]["Period"] == LONGEST_LOOK_BACK


def test_a_widget_shows_metrics_that_there_are(widgets: list[dict[str, Any]]) -> None:
    unknown = []
    for widget in widgets:
        for metric in widget["properties"].get("metrics", []) if widget["type"] == "metric" else []:
            if "expression" in metric[0]:
                continue
            namespace, name, dimension, value = metric[:4]
            if not exists((namespace, name, {dimension: value})):
                unknown.append(metric)
    assert unknown == []


def test_reasons_are_found_by_the_dimensions_that_they_have(widgets: list[dict[str, Any]]) -> None:
    (search,) = [
        metric[0]["expression"]
        for widget in widgets
        for metric in widget["properties"].get("metrics", [])
        if isinstance(metric[0], dict)
    ]
    assert search.startswith(f'SEARCH(\'{{{NAMESPACE},{REASON},{STACK}}} MetricName="ImagesRejected"')
    assert len(Reason) < 100  # of which a search shows as many


def test_widgets_lie_side_by_side(widgets: list[dict[str, Any]]) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in widgets:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert max(x for x, _ in cells) < WIDTH
        assert not cells & taken, widget["properties"]
        taken |= cells


def test_the_dashboard_shows_every_alarm_that_is_always_there(
    widgets: list[dict[str, Any]], with_parameters: Any
) -> None:
    (shown,) = [widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm"]
    assert {name.removesuffix(".Arn") for name in shown} == set(with_parameters().of_type("AWS::CloudWatch::Alarm"))


def test_the_latest_errors_are_those_of_every_function_of_a_run(widgets: list[dict[str, Any]], stack: Any) -> None:
    (query,) = [widget["properties"]["query"] for widget in widgets if widget["type"] == "log"]
    sources = set(re.findall(r"SOURCE '(\w+)'", query))
    assert sources <= set(stack.of_type("AWS::Logs::LogGroup"))
    assert {"ValidateImagesLogs", "AggregatePredictionsLogs", "ReportFailureLogs"} <= sources


def test_a_channel_has_a_role_that_may_nothing(with_parameters: Any) -> None:
    ids = {
        "TeamsTeamId": "0" * 8 + "-0000-0000-0000-" + "0" * 12,
        "TeamsTenantId": "1" * 8 + "-1111-1111-1111-" + "1" * 12,
    }
    stack = with_parameters(SlackWorkspaceId="T1", SlackChannelId="C1", TeamsChannelId="19%3aab%40thread.tacv2", **ids)
    role = stack.resources["ChatRole"]["Properties"]
    assert not {"Policies", "ManagedPolicyArns"} & set(role)
    for kind in ("SlackChannelConfiguration", "MicrosoftTeamsChannelConfiguration"):
        (channel,) = stack.of_type(f"AWS::Chatbot::{kind}").values()
        assert channel["SnsTopicArns"] == [{"Ref": "Topic"}]
        assert [plain(each).rpartition("/")[2] for each in channel["GuardrailPolicies"]] == ["AWSDenyAll"]


def test_a_stack_without_channels_has_no_role_for_them(with_parameters: Any) -> None:
    assert not {"ChatRole", "SlackChannel", "TeamsChannel"} & set(with_parameters().resources)
