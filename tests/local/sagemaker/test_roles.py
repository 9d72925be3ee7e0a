"""Jobs and models do what their roles allow: SageMaker fetches and stores in them, and containers have them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ALLOWED = [
    {
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": "arn:aws:s3:::data",
        "Condition": {"StringLike": {"s3:prefix": ["in/*", "unread/*"]}},
    },
    {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/in/*"},
    {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::data/out/*"},
]
WRITE = "import os, pathlib; pathlib.Path(os.environ['IMAGEBATCH_ROOT'] + '/opt/ml/processing/out/a').write_text('a')"
ASK = """
import boto3, os, pathlib
from botocore.exceptions import ClientError, NoCredentialsError
try:
    boto3.client("s3").list_buckets()
    said = "done"
except ClientError as error:
    said = error.response["Error"]["Code"]
except NoCredentialsError:
    said = "no credentials"
pathlib.Path(os.environ["IMAGEBATCH_ROOT"] + "/opt/ml/output/message").write_text(said)
"""


@pytest.fixture
def role(cloud: LocalCloud, s3: Any) -> str:
    """A role that reads data/in/, and writes data/out/."""
    for folder in ("in", "unread", "unlisted"):
        s3.put_object(Bucket="data", Key=f"{folder}/a", Body=b"a")
    iam = cloud.client("iam")
    arn: str = iam.create_role(RoleName="job", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    document = {"Version": "2012-10-17", "Statement": ALLOWED}
    iam.put_role_policy(RoleName="job", PolicyName="job", PolicyDocument=json.dumps(document))
    return arn


def reading(uri: str, kind: str = "S3Prefix") -> dict[str, Any]:
    source = {"S3Uri": uri, "LocalPath": "/opt/ml/processing/in", "S3DataType": kind, "S3InputMode": "File"}
    return {"ProcessingInputs": [{"InputName": "in", "S3Input": source}]}


def writing(uri: str, mode: str = "EndOfJob") -> dict[str, Any]:
    place = {"S3Uri": uri, "LocalPath": "/opt/ml/processing/out", "S3UploadMode": mode}
    return {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": place}]}}


def test_a_job_reads_and_writes_what_its_role_allows(run: Callable[..., dict[str, Any]], s3: Any) -> None:
    job = run(WRITE, **reading("s3://data/in/"), **writing("s3://data/out/"))
    assert job["ProcessingJobStatus"] == "Completed"
    assert s3.get_object(Bucket="data", Key="out/a")["Body"].read() == b"a"


@pytest.mark.parametrize(
    ("members", "action"),
    [
        (reading("s3://data/unlisted/"), "s3:ListBucket"),
        (reading("s3://data/unread/"), "s3:GetObject"),
        (reading("s3://data/unread/a", "ManifestFile"), "s3:GetObject"),
        (writing("s3://data/elsewhere/"), "s3:PutObject"),
        (writing("s3://data/elsewhere/", "Continuous"), "s3:PutObject"),
    ],
)
def test_a_job_whose_role_does_not_allow_it_fails_and_says_which_action(
    run: Callable[..., dict[str, Any]], members: dict[str, Any], action: str
) -> None:
    job = run(WRITE if "ProcessingOutputConfig" in members else "", **members)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: ")
    assert f"is not authorized to perform: {action}" in job["FailureReason"]


def test_a_container_speaks_to_aws_in_the_job_s_role(run: Callable[..., dict[str, Any]]) -> None:
    assert run(ASK)["ExitMessage"] == "AccessDenied"


def test_a_container_that_is_isolated_has_no_credentials(run: Callable[..., dict[str, Any]]) -> None:
    assert run(ASK, NetworkConfig={"EnableNetworkIsolation": True})["ExitMessage"] == "no credentials"


def test_an_endpoint_whose_model_its_role_may_not_read_fails(
    cloud: LocalCloud, s3: Any, create_model: Callable[..., str], packed: Callable[..., bytes]
) -> None:
    s3.put_object(Bucket="data", Key="unread/model.tar.gz", Body=packed(("model.onnx", b"")))
    client = cloud.client("sagemaker")
    model = create_model(data="s3://data/unread/model.tar.gz")
    variant = {"VariantName": "all", "ModelName": model, "InstanceType": "ml.c5.xlarge", "InitialInstanceCount": 1}
    client.create_endpoint_config(EndpointConfigName=model, ProductionVariants=[variant])
    client.create_endpoint(EndpointName=model, EndpointConfigName=model)
    with pytest.raises(Exception, match="Failed"):
        client.get_waiter("endpoint_in_service").wait(
            EndpointName=model, WaiterConfig={"Delay": 0.05, "MaxAttempts": 1000}
        )
    described = client.describe_endpoint(EndpointName=model)
    assert described["EndpointStatus"] == "Failed"
    assert "is not authorized to perform: s3:GetObject" in described["FailureReason"]
