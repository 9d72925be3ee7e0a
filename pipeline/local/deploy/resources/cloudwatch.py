"""Alarms and dashboards. They are kept as CloudWatch keeps them, and nothing is measured here: no alarm ever rings.

moto takes an alarm as it comes: its comparison, its statistics, lengths and ranges are held to botocore's model here.
"""

from typing import Any

from pipeline.local.deploy.errors import TemplateError
from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, pick
from pipeline.local.shapes import violations

_NUMBERS = ("DatapointsToAlarm", "EvaluationPeriods", "Period")
_ALARM = frozenset(
    {
        "ActionsEnabled",
        "AlarmActions",
        "AlarmDescription",
        "ComparisonOperator",
        "DatapointsToAlarm",
        "Dimensions",
        "EvaluationPeriods",
        "ExtendedStatistic",
        "InsufficientDataActions",
        "MetricName",
        "Metrics",
        "Namespace",
        "OKActions",
        "Period",
        "Statistic",
        "Tags",
        "Threshold",
        "TreatMissingData",
        "Unit",
    }
)


def create_alarm(target: Target, properties: Properties) -> Created:
    name = properties.get("AlarmName", target.name(longest=255))
    given = pick(properties, *_ALARM)
    # What is a number to CloudWatch may be a parameter, which is text.
    given |= {number: int(given[number]) for number in _NUMBERS if number in given}
    given["Threshold"] = float(given["Threshold"])
    cloudwatch = target.client("cloudwatch")
    _check(
        target, cloudwatch.meta.service_model.operation_model("PutMetricAlarm").input_shape, given | {"AlarmName": name}
    )
    cloudwatch.put_metric_alarm(AlarmName=name, **given)
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return Created(name, {"Arn": alarm["AlarmArn"]})


def _check(target: Target, shape: Any, given: Properties) -> None:
    if wrong := list(violations(shape, given)):
        raise TemplateError(f"Resources.{target.logical_id} (AWS::CloudWatch::Alarm): {'; '.join(wrong)}")


def create_dashboard(target: Target, properties: Properties) -> Created:
    name = properties.get("DashboardName", target.name(longest=255))
    target.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=properties["DashboardBody"])
    return Created(name)


TYPES = {
    "AWS::CloudWatch::Alarm": ResourceType(
        create_alarm,
        properties=_ALARM | {"AlarmName"},
        required=frozenset({"ComparisonOperator", "EvaluationPeriods", "Threshold"}),
        attributes=frozenset({"Arn"}),
    ),
    "AWS::CloudWatch::Dashboard": ResourceType(
        create_dashboard,
        properties=frozenset({"DashboardBody", "DashboardName"}),
        required=frozenset({"DashboardBody"}),
    ),
}
