"""What the deployer makes of the resources that events and schedules are made of."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import Stack, TemplateError, deploy

Write = Callable[[str], Path]

TEMPLATE = """
Parameters:
  Retries: {Type: String, Default: "0"}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}
  Dead: {Type: AWS::SQS::Queue, Properties: {QueueName: dead-letters, MessageRetentionPeriod: 1209600}}
  Policy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Dead]
      PolicyDocument:
        Version: "2012-10-17"
        Statement: {Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: sqs:SendMessage, Resource: "*"}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: deployed
      Runtime: python3.12
      Role: !GetAtt Role.Arn
      Handler: index.handler
      Code: {S3Bucket: local-source, S3Key: SOURCE}
      DeadLetterConfig: {TargetArn: !GetAtt Dead.Arn}
  Events:
    Type: AWS::Lambda::EventInvokeConfig
    Properties:
      FunctionName: !Ref Function
      Qualifier: $LATEST
      MaximumRetryAttempts: !Ref Retries
      DestinationConfig: {OnFailure: {Destination: !GetAtt Dead.Arn}}
  Photos:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: deployed-photos
      NotificationConfiguration:
        LambdaConfigurations:
          - Event: s3:ObjectCreated:*
            Function: !GetAtt Function.Arn
            Filter: {S3Key: {Rules: [{Name: prefix, Value: single/}]}}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      ScheduleExpression: rate(1 day)
      Targets: [{Id: q, Arn: !GetAtt Dead.Arn, RetryPolicy: {MaximumRetryAttempts: !Ref Retries}}]
Outputs:
  Queue: {Value: !Ref Dead}
  QueueArn: {Value: !GetAtt Dead.Arn}
  FunctionArn: {Value: !GetAtt Function.Arn}
  Rule: {Value: !Ref Rule}
"""


@pytest.fixture(scope="module")
def stack(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    folder = tmp_path_factory.mktemp("source")
    path = folder / "template.yaml"
    path.write_text(TEMPLATE.replace("SOURCE", str(folder)))
    return deploy(cloud, path, {}, "events")


def test_a_queue_has_its_attributes_its_url_and_its_arn(cloud: LocalCloud, stack: Stack) -> None:
    sqs = cloud.client("sqs")
    told = sqs.get_queue_attributes(QueueUrl=stack.outputs["Queue"], AttributeNames=["All"])["Attributes"]
    assert told["MessageRetentionPeriod"] == "1209600"
    assert told["QueueArn"] == stack.outputs["QueueArn"]


def test_a_queue_has_its_policy(cloud: LocalCloud, stack: Stack) -> None:
    sqs = cloud.client("sqs")
    kept = sqs.get_queue_attributes(QueueUrl=stack.outputs["Queue"], AttributeNames=["Policy"])["Attributes"]
    assert json.loads(kept["Policy"])["Statement"]["Action"] == "sqs:SendMessage"


def test_a_function_knows_where_its_failures_go(cloud: LocalCloud, stack: Stack) -> None:
    client = cloud.client("lambda")
    function = client.get_function_configuration(FunctionName="deployed")
    assert function["DeadLetterConfig"]["TargetArn"] == stack.outputs["QueueArn"]
    config = client.get_function_event_invoke_config(FunctionName="deployed")
    assert config["MaximumRetryAttempts"] == 0
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == stack.outputs["QueueArn"]


def test_a_bucket_is_configured_to_tell_a_function(cloud: LocalCloud, stack: Stack) -> None:
    told = cloud.client("s3").get_bucket_notification_configuration(Bucket="deployed-photos")
    (configuration,) = told["LambdaFunctionConfigurations"]
    assert configuration["LambdaFunctionArn"] == stack.outputs["FunctionArn"]
    assert configuration["Filter"]["Key"]["FilterRules"] == [{"Name": "prefix", "Value": "single/"}]


def test_a_rule_with_a_schedule_has_its_target(cloud: LocalCloud, stack: Stack) -> None:
    events = cloud.client("events")
    assert events.describe_rule(Name=stack.outputs["Rule"])["ScheduleExpression"] == "rate(1 day)"
    (target,) = events.list_targets_by_rule(Rule=stack.outputs["Rule"])["Targets"]
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 0}


@pytest.mark.parametrize(
    ("resource", "problem"),
    [
        ("{Type: AWS::Events::Rule, Properties: {EventPattern: {source: aws.s3}}}", "must be an object or an array"),
        ("{Type: AWS::Events::Rule, Properties: {EventPattern: {source: [aws.s3]}, Tragets: []}}", "Tragets"),
        (
            "{Type: AWS::S3::Bucket, Properties: {NotificationConfiguration: {EventBridge: {}}}}",
            "EventBridge is not understood",
        ),
        ("{Type: AWS::Scheduler::Schedule, Properties: {ScheduleExpression: rate(1 day)}}", "Target is missing"),
    ],
)
def test_what_a_service_would_refuse_is_refused_with_its_place(
    cloud: LocalCloud, template: Write, resource: str, problem: str
) -> None:
    with pytest.raises(TemplateError, match=problem) as raised:
        deploy(cloud, template(f"Resources:\n  Thing: {resource}\n"), {}, "refused")
    assert "Resources.Thing" in str(raised.value)
