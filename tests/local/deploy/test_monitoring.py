"""Alarms, dashboards and channels: made as CloudWatch has them, or taken note of."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import deploy
from pipeline.local.deploy.errors import TemplateError

ALARM = """\
    Parameters:
      Hours: {Type: Number, Default: 26}
    Resources:
      Topic: {Type: AWS::SNS::Topic}
      Alarm:
        Type: AWS::CloudWatch::Alarm
        Properties:
          AlarmName: no-run
          AlarmDescription: See whether one was started.
          AlarmActions: [!Ref Topic]
          Namespace: imagebatch
          MetricName: RunsSucceeded
          Dimensions: [{Name: Stack, Value: !Ref AWS::StackName}]
          Statistic: Sum
          Period: 3600
          EvaluationPeriods: !Ref Hours
          Threshold: 1
          ComparisonOperator: %s
          TreatMissingData: breaching
    Outputs:
      Arn: {Value: !GetAtt Alarm.Arn}
"""


def test_an_alarm_is_as_cloudwatch_would_have_it(cloud: LocalCloud, template: Callable[[str], Path]) -> None:
    stack = deploy(cloud, template(ALARM % "LessThanThreshold"), {"Hours": "48"}, "alarmed")
    (alarm,) = cloud.client("cloudwatch").describe_alarms(AlarmNames=["no-run"])["MetricAlarms"]
    told: dict[str, Any] = {
        "AlarmArn": stack.outputs["Arn"],
        "EvaluationPeriods": 48,
        "Threshold": 1.0,
        "Dimensions": [{"Name": "Stack", "Value": "alarmed"}],
        "AlarmActions": [stack.resources["Topic"]],
        "TreatMissingData": "breaching",
    }
    assert {name: alarm[name] for name in told} == told


def test_a_comparison_that_there_is_not_is_refused_by_its_name(
    cloud: LocalCloud, template: Callable[[str], Path]
) -> None:
    with pytest.raises(TemplateError, match=r"Resources\.Alarm \(AWS::CloudWatch::Alarm\).*SmallerThan"):
        deploy(cloud, template(ALARM % "SmallerThan"), {}, "refused")


def test_a_dashboard_has_its_body(cloud: LocalCloud, template: Callable[[str], Path]) -> None:
    text = """\
        Resources:
          Dashboard:
            Type: AWS::CloudWatch::Dashboard
            Properties:
              DashboardName: runs
              DashboardBody: !Sub '{"widgets": [{"type": "text", "properties": {"markdown": "${AWS::StackName}"}}]}'
        Outputs: {}
    """
    deploy(cloud, template(text), {}, "shown")
    body = cloud.client("cloudwatch").get_dashboard(DashboardName="runs")["DashboardBody"]
    assert json.loads(body)["widgets"][0]["properties"]["markdown"] == "shown"


def test_a_channel_is_taken_note_of_and_the_deployment_says_so(
    cloud: LocalCloud, template: Callable[[str], Path]
) -> None:
    text = """\
        Resources:
          Channel:
            Type: AWS::Chatbot::SlackChannelConfiguration
            Properties: {ConfigurationName: runs, IamRoleArn: role, SlackWorkspaceId: T1, SlackChannelId: C1}
        Outputs: {}
    """
    stack = deploy(cloud, template(text), {}, "told")
    assert stack.ignored == (
        "AWS::Chatbot::SlackChannelConfiguration: messages of this machine reach no channel (Channel)",
    )
