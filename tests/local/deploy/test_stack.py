"""Stacks in a local cloud, looked at through the same APIs as anyone would use."""

import json

import pytest

from pipeline.local.deploy import TemplateError, deploy

EXPRESSIONS = """
    Parameters:
      Stage: {Type: String, Default: prod}
      Names: {Type: String, Default: "a,b,c"}
      Days: {Type: Number, Default: 7}
    Mappings:
      Sizes: {prod: {Small: xs, Large: xl}}
    Conditions:
      IsProd: !Equals [!Ref Stage, prod]
      IsTest: !Not [!Condition IsProd]
      IsEither: !Or [!Condition IsTest, !Equals [!Ref Days, 7]]
    Resources:
      Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: expressions, DisplayName: !Sub "${Stage} topic"}}
      Absent: {Type: AWS::SNS::Topic, Condition: IsTest}
    Outputs:
      Ref: {Value: !Ref Topic}
      Attribute: {Value: !GetAtt Topic.TopicName}
      Sub: {Value: !Sub "${Topic.TopicName}/${Stage}/${AWS::Region}/${!Literal}"}
      SubWithMap: {Value: !Sub ["${Stage}-${Own}", {Own: !Ref Days}]}
      Join: {Value: !Join ["-", [x, !Ref Stage, !Ref Days]]}
      Select: {Value: !Select [1, !Split [",", !Ref Names]]}
      Mapped: {Value: !FindInMap [Sizes, !Ref Stage, Large]}
      If: {Value: !If [IsEither, !Ref Stage, other]}
      Base64: {Value: {"Fn::Base64": !Sub "${Stage}"}}
      Never: {Value: absent, Condition: IsTest}
"""


def test_outputs_are_evaluated_as_cloudformation_evaluates_them(cloud, template):
    topic = f"arn:aws:sns:{cloud.region}:{cloud.account_id}:expressions"
    assert deploy(cloud, template(EXPRESSIONS), {}, "expressions").outputs == {
        "Ref": topic,
        "Attribute": "expressions",
        "Sub": f"expressions/prod/{cloud.region}/${{Literal}}",
        "SubWithMap": "prod-7",
        "Join": "x-prod-7",
        "Select": "b",
        "Mapped": "xl",
        "If": "prod",
        "Base64": "cHJvZA==",
    }


def test_a_bucket_is_made_as_it_is_described(cloud, template):
    stack = deploy(
        cloud,
        template("""
            Parameters: {Days: {Type: Number, Default: 7}}
            Resources:
              Bucket:
                Type: AWS::S3::Bucket
                Properties:
                  VersioningConfiguration: {Status: Enabled}
                  BucketEncryption:
                    ServerSideEncryptionConfiguration:
                      - ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}
                  PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true}
                  LifecycleConfiguration:
                    Rules:
                      - {Id: old, Status: Enabled, ExpirationInDays: !Ref Days, TagFilters: [{Key: kind, Value: shard}]}
        """),
        {"Days": "3"},
        "buckets",
    )
    s3, bucket = cloud.client("s3"), stack.resources["Bucket"]
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"]
    encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert encryption["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert (rule["Expiration"], rule["Filter"]) == ({"Days": 3}, {"Tag": {"Key": "kind", "Value": "shard"}})


def test_a_role_has_its_policies(cloud, template):
    stack = deploy(
        cloud,
        template("""
            Resources:
              Policy:
                Type: AWS::IAM::ManagedPolicy
                Properties:
                  PolicyDocument:
                    {Version: 2012-10-17, Statement: [{Effect: Allow, Action: sns:Publish, Resource: "*"}]}
              Role:
                Type: AWS::IAM::Role
                Properties:
                  AssumeRolePolicyDocument:
                    Version: 2012-10-17
                    Statement:
                      - {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}
                  ManagedPolicyArns: [!Ref Policy]
                  Policies:
                    - PolicyName: own
                      PolicyDocument:
                        {Version: 2012-10-17, Statement: [{Effect: Allow, Action: s3:GetObject, Resource: "*"}]}
              Added:
                Type: AWS::IAM::ManagedPolicy
                Properties:
                  Roles: [!Ref Role]
                  PolicyDocument:
                    {Version: 2012-10-17, Statement: [{Effect: Allow, Action: sns:Subscribe, Resource: "*"}]}
        """),
        {},
        "roles",
    )
    iam, role = cloud.client("iam"), stack.resources["Role"]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert {policy["PolicyArn"] for policy in attached} == {stack.resources["Policy"], stack.resources["Added"]}
    assert (
        iam.get_role_policy(RoleName=role, PolicyName="own")["PolicyDocument"]["Statement"][0]["Action"]
        == "s3:GetObject"
    )


def test_a_subscriber_gets_what_the_topic_is_sent(cloud, template):
    sqs = cloud.client("sqs")
    queue = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    stack = deploy(
        cloud,
        template("""
            Parameters: {Queue: {Type: String}}
            Resources:
              Topic: {Type: AWS::SNS::Topic}
              Subscription:
                Type: AWS::SNS::Subscription
                Properties: {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !Ref Queue}
        """),
        {"Queue": arn},
        "subscriptions",
    )
    cloud.client("sns").publish(TopicArn=stack.resources["Topic"], Message="done")
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["Message"] == "done"


def test_what_a_service_refuses_is_told_with_its_logical_id(cloud, template):
    path = template("Resources: {News: {Type: AWS::SNS::Topic, Properties: {TopicName: no such name}}}")
    with pytest.raises(TemplateError, match=r"Resources\.News \(AWS::SNS::Topic\): .*InvalidParameter"):
        deploy(cloud, path, {}, "refused")


def test_nothing_is_made_of_a_template_that_is_not_understood(cloud, template):
    path = template("""
        Resources:
          Photos: {Type: AWS::S3::Bucket, Properties: {BucketName: made-too-early}}
          Stream: {Type: AWS::Kinesis::Stream}
    """)
    with pytest.raises(TemplateError, match=r"Resources\.Stream"):
        deploy(cloud, path, {}, "unknown")
    buckets = [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]
    assert "made-too-early" not in buckets


def test_names_that_are_not_given_carry_the_stack_and_the_logical_id(cloud, template):
    stack = deploy(cloud, template("Resources: {Photos: {Type: AWS::S3::Bucket}}"), {}, "named")
    assert stack.resources["Photos"].startswith("named-photos-")


@pytest.mark.parametrize(
    ("kind", "properties", "said"),
    [
        ("AWS::S3::Bucket", "LifecycleConfiguration: {Rules: [{Status: Enabled, Days: 3}]}", r"Rules\[0\]: Days"),
        ("AWS::S3::Bucket", "BucketEncryption: {Rules: []}", "BucketEncryption: Rules"),
        ("AWS::S3::Bucket", "VersioningConfiguration: {State: Enabled}", 'Unknown parameter .*"State"'),
        ("AWS::Lambda::Function", "Environment: {Varibles: {}}", "Environment: Varibles"),
        ("AWS::Lambda::Function", "Code: {ImageUrl: x}", 'Unknown parameter .*"ImageUrl"'),
        ("AWS::Logs::LogGroup", "Tags: [{Key: team}]", "'Value' is missing"),
    ],
)
def test_what_is_nested_in_a_property_is_refused_as_well(cloud, template, kind, properties, said):
    path = template(f"Resources: {{Deep: {{Type: {kind}, Properties: {{{properties}}}}}}}")
    with pytest.raises(TemplateError, match=rf"Resources\.Deep.*{said}"):
        deploy(cloud, path, {}, "nested")


def test_a_function_is_warmed_as_soon_as_it_is_there(cloud, template, monkeypatch, tmp_path):
    warmed = []
    monkeypatch.setattr(cloud, "warm", warmed.extend)
    path = template(f"""
        Resources:
          Step:
            Type: AWS::Lambda::Function
            Properties:
              FunctionName: warm
              Handler: step.handler
              Role: arn:aws:iam::123456789012:role/step
              Runtime: python3.13
              Code: {{S3Bucket: local-source, S3Key: "{tmp_path}"}}
              Environment: {{Variables: {{FLAG: true, COUNT: 3}}}}
    """)
    deploy(cloud, path, {}, "warm", warm_functions=True)
    assert warmed == ["warm"]
    configuration = cloud.client("lambda").get_function_configuration(FunctionName="warm")
    assert configuration["Environment"]["Variables"] == {"FLAG": "true", "COUNT": "3"}
