"""A function in a local cloud may do what its role allows, and is refused everything else by the service's own name."""

import json
from pathlib import Path

import pytest

from pipeline.local.cloud import LocalCloud

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
READS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/open/*"}],
}
CODE = """
import boto3
from botocore.exceptions import ClientError

def handler(event, context):
    try:
        getattr(boto3.client(event["service"]), event["operation"])(**event["parameters"])
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "done"
"""
OPEN, CLOSED, OTHER = ({"Bucket": "photos", "Key": f"{folder}/a.txt"} for folder in ("open", "closed", "other"))


@pytest.fixture(scope="module")
def cloud():
    with LocalCloud() as cloud:
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket="photos")
        for place in (OPEN, CLOSED, OTHER):
            s3.put_object(**place, Body=b"a")
        yield cloud


@pytest.fixture(scope="module")
def call(cloud, tmp_path_factory):
    """Make a function call AWS in a role, and answer with what came of it."""
    folder: Path = tmp_path_factory.mktemp("code")
    (folder / "caller.py").write_text(CODE, encoding="utf-8")
    iam, functions = cloud.client("iam"), cloud.client("lambda")
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="reader", PolicyName="reads", PolicyDocument=json.dumps(READS))
    other = iam.create_role(RoleName="managed", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    for name, arn in (
        *(("reader", role), ("managed", other)),
        ("unmade", "arn:aws:iam::123456789012:role/unmade"),
    ):
        functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=arn,
            Handler="caller.handler",
            Timeout=60,
            Code={"S3Bucket": "local-source", "S3Key": str(folder)},
        )

    def invoke(function, service, operation, parameters):
        event = {"service": service, "operation": operation, "parameters": parameters}
        answer = functions.invoke(FunctionName=function, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read())

    return invoke


def test_what_the_role_allows_is_done(call):
    assert call("reader", "s3", "get_object", OPEN) == "done"


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code"),
    [
        ("s3", "get_object", CLOSED, "AccessDenied"),
        ("s3", "delete_object", OPEN, "AccessDenied"),
        ("s3", "head_object", CLOSED, "403"),
        ("dynamodb", "list_tables", {}, "AccessDeniedException"),
        (
            "sns",
            "publish",
            {"TopicArn": "arn:aws:sns:us-east-1:123456789012:news", "Message": "m"},
            "AuthorizationError",
        ),
        ("stepfunctions", "list_state_machines", {}, "AccessDeniedException"),
    ],
)
def test_everything_else_is_refused(call, service, operation, parameters, code):
    assert call("reader", service, operation, parameters) == code


@pytest.mark.parametrize(("operation", "missing"), [("get_object", "NoSuchKey"), ("head_object", "404")])
def test_what_is_not_there_is_told_to_who_may_list_it_and_refused_to_everybody_else(cloud, call, operation, missing):
    nothing = {"Bucket": "photos", "Key": "open/nothing.txt"}
    lists = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::photos"}

    def answers(*prefixes):
        statement = {**lists, "Condition": {"StringLike": {"s3:prefix": list(prefixes)}}}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        cloud.client("iam").put_role_policy(RoleName="reader", PolicyName="lists", PolicyDocument=json.dumps(document))
        return call("reader", "s3", operation, nothing)

    assert answers("other/*") in {"AccessDenied", "403"}
    assert answers("other/*", "open/*") == missing


@pytest.mark.parametrize(("operation", "missing"), [("get_object", "NoSuchBucket"), ("head_object", "404")])
def test_of_a_bucket_that_is_not_there_everybody_is_told(cloud, call, operation, missing):
    reads = json.dumps(READS).replace("photos/open/", "no-bucket/")
    cloud.client("iam").put_role_policy(RoleName="reader", PolicyName="elsewhere", PolicyDocument=reads)
    assert call("reader", "s3", operation, {"Bucket": "no-bucket", "Key": "a"}) == missing


def test_of_an_upload_that_is_not_there_everybody_is_told(cloud, call):
    writes = json.dumps(READS).replace("GetObject", "PutObject")
    cloud.client("iam").put_role_policy(RoleName="reader", PolicyName="writes", PolicyDocument=writes)
    part = {"Bucket": "photos", "Key": "open/b.txt", "UploadId": "none", "PartNumber": 1, "CopySource": OPEN}
    assert call("reader", "s3", "upload_part_copy", part) == "NoSuchUpload"


def test_a_role_that_is_given_more_may_do_more_at_once(cloud, call):
    assert call("reader", "s3", "get_object", OTHER) == "AccessDenied"
    reads = json.dumps(READS).replace("open/", "other/")
    cloud.client("iam").put_role_policy(RoleName="reader", PolicyName="more", PolicyDocument=reads)

    assert call("reader", "s3", "get_object", OTHER) == "done"


def test_a_managed_policy_allows_what_its_default_version_says(cloud, call):
    iam = cloud.client("iam")
    closed, other = (json.dumps(READS).replace("open/", folder) for folder in ("closed/", "other/"))
    made = iam.create_policy(PolicyName="managed", PolicyDocument=closed)["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=made, PolicyDocument=other, SetAsDefault=False)
    assert call("managed", "s3", "get_object", CLOSED) == "AccessDenied"

    iam.attach_role_policy(RoleName="managed", PolicyArn=made)
    assert [call("managed", "s3", "get_object", place) for place in (CLOSED, OTHER)] == ["done", "AccessDenied"]

    iam.set_default_policy_version(PolicyArn=made, VersionId="v2")
    assert [call("managed", "s3", "get_object", place) for place in (CLOSED, OTHER)] == ["AccessDenied", "done"]


def test_a_policy_that_is_gone_allows_nothing_and_harms_nobody(cloud, call):
    """AWS deletes no policy that is attached to a role; moto does."""
    iam = cloud.client("iam")
    made = iam.create_policy(PolicyName="gone", PolicyDocument=json.dumps(READS))["Policy"]["Arn"]
    iam.create_role(RoleName="left", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.attach_role_policy(RoleName="left", PolicyArn=made)
    iam.delete_policy(PolicyArn=made)
    assert call("reader", "s3", "get_object", OPEN) == "done"


@pytest.mark.parametrize(("place", "status"), [(OPEN, "SUCCEEDED"), (CLOSED, "FAILED")])
def test_a_state_machine_has_a_role_as_a_function_has(cloud, call, place, status):
    machines = cloud.client("stepfunctions")
    read = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:headObject", "Parameters": place, "End": True}
    machine = machines.create_state_machine(
        name=f"read-{place['Key'].partition('/')[0]}",
        definition=json.dumps({"StartAt": "Read", "States": {"Read": read}}),
        roleArn="arn:aws:iam::123456789012:role/reader",
        type="EXPRESS",
    )
    ended = machines.start_sync_execution(stateMachineArn=machine["stateMachineArn"])

    assert ended["status"] == status, ended


def test_a_function_whose_role_was_never_made_is_trusted(call):
    assert call("unmade", "s3", "get_object", CLOSED) == "done"


def test_who_is_no_function_is_trusted(cloud):
    assert cloud.client("s3").get_object(**CLOSED)["Body"].read() == b"a"
