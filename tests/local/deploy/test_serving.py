"""Endpoints and function URLs that a template makes, and networks that it cannot."""

import re
from pathlib import Path

import pytest
import urllib3

from pipeline.local.deploy import TemplateError, deploy

MODEL_SERVERS = Path(__file__).parents[2] / "data"
ENDPOINT = """
    Resources:
      Model:
        Type: AWS::SageMaker::Model
        Properties:
          ExecutionRoleArn: arn:aws:iam::123456789012:role/sagemaker
          PrimaryContainer: {Image: IMAGE, Environment: {FIFO: none}}
          VpcConfig: {Subnets: [subnet-1], SecurityGroupIds: [sg-1]}
      Config:
        Type: AWS::SageMaker::EndpointConfig
        Properties:
          ProductionVariants:
            - VariantName: all
              ModelName: !GetAtt Model.ModelName
              InstanceType: ml.c7i.large
              InitialInstanceCount: 1
              InitialVariantWeight: 1
      Endpoint:
        Type: AWS::SageMaker::Endpoint
        Properties: {EndpointConfigName: !GetAtt Config.EndpointConfigName}
    Outputs:
      Name: {Value: !GetAtt Endpoint.EndpointName}
      Arn: {Value: !Ref Endpoint}
"""
URL = """
    Transform: AWS::Serverless-2016-10-31
    Resources:
      Echo:
        Type: AWS::Serverless::Function
        Properties:
          CodeUri: src/
          Handler: echo.handler
          Runtime: python3.13
          Role: arn:aws:iam::123456789012:role/lambda
          FunctionUrlConfig: {AuthType: AUTH}
    Outputs:
      Url: {Value: !GetAtt EchoUrl.FunctionUrl}
      Function: {Value: !Ref Echo}
"""
NETWORK = """
    Resources:
      Group:
        Type: AWS::EC2::SecurityGroup
        Properties: {GroupDescription: all, VpcId: vpc-1}
      Ingress:
        Type: AWS::EC2::SecurityGroupIngress
        Properties: {GroupId: !GetAtt Group.GroupId, IpProtocol: tcp, FromPort: 443, ToPort: 443}
      Endpoint:
        Type: AWS::EC2::VPCEndpoint
        Properties: {VpcId: vpc-1, ServiceName: com.amazonaws.us-east-1.s3, RouteTableIds: [rtb-1]}
    Outputs:
      Group: {Value: !Ref Group}
"""


@pytest.fixture
def echo(tmp_path):
    """Writes the function that `URL` deploys, and gives the template with this authentication."""

    def write(auth):
        (tmp_path / "src").mkdir(exist_ok=True)
        (tmp_path / "src" / "echo.py").write_text("def handler(event, context): return event['rawPath']")
        return URL.replace("AUTH", auth)

    return write


def test_an_endpoint_is_in_service_once_its_stack_is_made(cloud, template):
    cloud.add_image("net", ["python3", "-m", "model_server"], MODEL_SERVERS)
    stack = deploy(cloud, template(ENDPOINT.replace("IMAGE", "net:1")), {}, "served")
    name = stack.outputs["Name"]
    assert stack.outputs["Arn"] == f"arn:aws:sagemaker:{cloud.region}:{cloud.account_id}:endpoint/{name.lower()}"
    assert (
        cloud.client("sagemaker-runtime").invoke_endpoint(EndpointName=name, Body=b"hello")["Body"].read() == b"hello"
    )


def test_why_an_endpoint_is_not_in_service_is_told(cloud, template):
    with pytest.raises(TemplateError, match=r"Resources.Endpoint .*unserved-Endpoint-\w+ is not in service.*nothing:1"):
        deploy(cloud, template(ENDPOINT.replace("IMAGE", "nothing:1")), {}, "unserved")


def test_that_a_model_has_no_network_here_is_told(cloud, template):
    cloud.add_image("net", ["python3", "-m", "model_server"], MODEL_SERVERS)
    stack = deploy(cloud, template(ENDPOINT.replace("IMAGE", "net:1")), {}, "noted")
    assert stack.ignored == (
        "AWS::SageMaker::Model.VpcConfig: models are served by processes of this machine, in no VPC (Model)",
    )


def test_a_function_s_url_answers(cloud, template, echo):
    stack = deploy(cloud, template(echo("NONE")), {}, "open")
    assert urllib3.request("GET", stack.outputs["Url"] + "a/b").json() == "/a/b"


def test_a_function_s_url_asks_for_a_signature(cloud, template, echo):
    stack = deploy(cloud, template(echo("AWS_IAM")), {}, "signed")
    assert urllib3.request("GET", stack.outputs["Url"]).status == 403


def test_a_network_is_noted_with_the_reason_why_there_is_none(cloud, template):
    stack = deploy(cloud, template(NETWORK), {}, "network")
    assert stack.outputs["Group"].startswith("sg-")
    assert {re.sub(r" \(.*", "", entry.partition(": ")[2]) for entry in stack.ignored} == {
        "functions, jobs and endpoints are processes of this machine, in no VPC"
    }


def test_a_network_of_one_s_own_is_refused(cloud, template):
    text = "Resources: {Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}}"
    with pytest.raises(TemplateError, match="the type AWS::EC2::VPC is not understood"):
        deploy(cloud, template(text), {}, "vpc")
