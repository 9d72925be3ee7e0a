"""What requests ask for: boto3 sends them, and the names are those of the Service Authorization Reference."""

import io

import boto3
import pytest
from botocore.config import Config

from pipeline.local.gateway import bucket_and_key, service_of
from pipeline.local.http_messages import Body, Request
from pipeline.local.permissions.calls import calls_of

ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/jobs"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:one"
EXECUTION = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:batch:one"


class SentError(Exception):
    """The request that boto3 would have sent."""


def sent(service, operation, **parameters):
    """The calls that a request of boto3 comes to; nothing is sent."""
    client = boto3.client(
        service,
        region_name=REGION,
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(s3={"addressing_style": "path"}, inject_host_prefix=False),
    )

    def keep(request, **_):
        raise SentError(request)

    client.meta.events.register("before-send", keep)
    with pytest.raises(SentError) as caught:
        getattr(client, operation)(**parameters)
    prepared = caught.value.args[0]
    body = prepared.body or b""
    body = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else body.read()
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in prepared.headers.items()
    }
    target = prepared.url.removeprefix("http://127.0.0.1:1")
    request = Request(prepared.method, target, headers, Body(io.BytesIO(body), len(body)))
    named = service_of(request)
    found = calls_of(request, named, bucket_and_key(request), REGION, ACCOUNT)
    assert request.body.readall() == body, "the body can still be read"
    return [(call.action, call.resource) for call in found]


OBJECT = {"Bucket": "photos", "Key": "a b/ü.jpg"}
ARN = "arn:aws:s3:::photos/a b/ü.jpg"


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "calls"),
    [
        ("s3", "get_object", OBJECT, [("s3:GetObject", ARN)]),
        ("s3", "head_object", OBJECT, [("s3:GetObject", ARN)]),
        ("s3", "put_object", OBJECT, [("s3:PutObject", ARN)]),
        ("s3", "put_object", {**OBJECT, "Tagging": "a=b"}, [("s3:PutObject", ARN), ("s3:PutObjectTagging", ARN)]),
        ("s3", "create_multipart_upload", OBJECT, [("s3:PutObject", ARN)]),
        ("s3", "upload_part", {**OBJECT, "UploadId": "1", "PartNumber": 1}, [("s3:PutObject", ARN)]),
        ("s3", "list_parts", {**OBJECT, "UploadId": "1"}, [("s3:ListMultipartUploadParts", ARN)]),
        ("s3", "get_object_tagging", OBJECT, [("s3:GetObjectTagging", ARN)]),
        ("s3", "get_object_tagging", {**OBJECT, "VersionId": "1"}, [("s3:GetObjectVersionTagging", ARN)]),
        ("s3", "list_objects_v2", {"Bucket": "photos"}, [("s3:ListBucket", "arn:aws:s3:::photos")]),
        ("s3", "head_bucket", {"Bucket": "photos"}, [("s3:ListBucket", "arn:aws:s3:::photos")]),
        (
            "s3",
            "copy_object",
            {**OBJECT, "CopySource": {"Bucket": "inbox", "Key": "c+d.jpg"}},
            [("s3:GetObject", "arn:aws:s3:::inbox/c+d.jpg"), ("s3:PutObject", ARN)],
        ),
        (
            "sns",
            "publish",
            {"TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:news", "Message": "m"},
            [("sns:Publish", f"arn:aws:sns:{REGION}:{ACCOUNT}:news")],
        ),
        (
            "sqs",
            "send_message",
            {"QueueUrl": f"http://127.0.0.1:1/{ACCOUNT}/dead", "MessageBody": "m"},
            [("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead")],
        ),
        (
            "dynamodb",
            "batch_get_item",
            {"RequestItems": {"ledger": {"Keys": [{"image": {"S": "a"}}]}}},
            [("dynamodb:BatchGetItem", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/ledger")],
        ),
        ("stepfunctions", "describe_execution", {"executionArn": EXECUTION}, [("states:DescribeExecution", EXECUTION)]),
        ("sts", "assume_role", {"RoleArn": ROLE, "RoleSessionName": "one"}, [("sts:AssumeRole", ROLE)]),
        (
            "sagemaker",
            "create_processing_job",
            {
                "ProcessingJobName": "Job",
                "RoleArn": ROLE,
                "AppSpecification": {"ImageUri": "image"},
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
                },
            },
            [
                ("sagemaker:CreateProcessingJob", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:processing-job/job"),
                ("iam:PassRole", ROLE),
            ],
        ),
        (
            "sagemaker-runtime",
            "invoke_endpoint",
            {"EndpointName": "Photos", "Body": b"x"},
            [("sagemaker:InvokeEndpoint", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/photos")],
        ),
        ("lambda", "invoke", {"FunctionName": "one"}, [("lambda:InvokeFunction", FUNCTION)]),
        ("lambda", "invoke", {"FunctionName": f"{FUNCTION}:3"}, [("lambda:InvokeFunction", f"{FUNCTION}:3")]),
        (
            "lambda",
            "invoke",
            {"FunctionName": "one", "Qualifier": "live"},
            [("lambda:InvokeFunction", f"{FUNCTION}:live")],
        ),
        (
            "lambda",
            "invoke",
            {"FunctionName": FUNCTION, "Qualifier": "$LATEST"},
            [("lambda:InvokeFunction", FUNCTION)],
        ),
        (
            "events",
            "put_events",
            {"Entries": [{"Source": "imagebatch", "DetailType": "Run", "Detail": "{}"}] * 2},
            [("events:PutEvents", f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default")],
        ),
        (
            "service-quotas",
            "list_service_quotas",
            {"ServiceCode": "sagemaker"},
            [("servicequotas:ListServiceQuotas", "*")],
        ),
    ],
)
def test_a_request_asks_for_what_iam_calls_it(service, operation, parameters, calls):
    assert sent(service, operation, **parameters) == calls
