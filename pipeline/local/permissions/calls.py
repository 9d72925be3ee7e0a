"""What a request asks for, in IAM's words.

Source: Service Authorization Reference, a page for each service. What stands in no table here is asked for by the
name of its operation, on every resource: a role that does not name it so is refused.
"""

import json
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, unquote

from pipeline.local.buckets.s3api import operations
from pipeline.local.http_messages import Body, Request
from pipeline.local.permissions.policies import Call

# S3 operations that have another action than their name.
_S3 = {
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "HeadObject": "GetObject",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "UploadPart": "PutObject",
}
# With a version, these are actions of their own. (So is GetObject; a function reads the latest, which is none.)
_VERSIONED = {"GetObject", "GetObjectTagging", "PutObjectTagging"}
# The member that has the resource's ARN.
_ARN_MEMBERS = ("executionArn", "mapRunArn", "stateMachineArn", "TopicArn", "RoleArn")
_JOBS = {"ProcessingJobName": "processing-job", "TransformJobName": "transform-job"}


def calls_of(request: Request, service: str, place: tuple[str, str], region: str, account: str) -> list[Call]:
    """Every action that a request takes. `place` are its bucket and key, for S3."""
    if service == "s3":
        return list(_of_s3(request, *place))
    if request.path.endswith("/invocations"):
        function = unquote(request.path.split("/")[-2])
        if service == "lambda":
            return [Call("lambda:InvokeFunction", _function(function, request, region, account))]
        return [Call("sagemaker:InvokeEndpoint", f"arn:aws:sagemaker:{region}:{account}:endpoint/{function.lower()}")]
    operation, members = operation_of(request)
    return list(_of_api(service, operation, members, region, account))


def _function(name: str, request: Request, region: str, account: str) -> str:
    """The ARN of a function that is named by its name or its ARN, with its version or alias where one is asked for."""
    qualifier = dict(parse_qsl(request.query)).get("Qualifier", "")
    arn = name if name.startswith("arn:") else f"arn:aws:lambda:{region}:{account}:function:{name}"
    # $LATEST is the function itself.
    return f"{arn}:{qualifier}" if qualifier not in ("", "$LATEST") else arn


def _of_s3(request: Request, bucket: str, key: str) -> Iterator[Call]:
    query = operations.query_of(request)
    arn = f"arn:aws:s3:::{bucket}"
    if not key:
        operation = operations.operation_on_bucket(request, query) or "ListBucket"  # HeadBucket asks for that, too
        prefix = (("s3:prefix", query["prefix"]),) if "prefix" in query else ()
        yield Call(f"s3:{_S3.get(operation, operation)}", arn, prefix)
        return
    operation = operations.operation_on_object(request, query) or ""
    target = f"{arn}/{key}"
    if operation in ("CopyObject", "UploadPartCopy"):
        source = unquote(request.headers["x-amz-copy-source"].partition("?")[0]).lstrip("/")
        yield Call("s3:GetObject", f"arn:aws:s3:::{source}")
        operation = "PutObject"
    action = _S3.get(operation, operation)
    if "versionId" in query and action in _VERSIONED:
        action = action.replace("Object", "ObjectVersion")
    yield Call(f"s3:{action}", target)
    if action == "PutObject" and request.headers.get("x-amz-tagging"):
        yield Call("s3:PutObjectTagging", target)


def _of_api(service: str, operation: str, members: Mapping[str, Any], region: str, account: str) -> Iterator[Call]:
    action = f"{service}:{operation}"
    here = f"{region}:{account}"
    if service == "dynamodb":
        tables = [members["TableName"]] if "TableName" in members else list(members.get("RequestItems", ()))
        for table in tables:
            yield Call(action, table if table.startswith("arn:") else f"arn:aws:dynamodb:{here}:table/{table}")
        if tables:
            return
    if service == "events" and operation == "PutEvents":
        for bus in {entry.get("EventBusName", "default") for entry in members.get("Entries", ())}:
            yield Call(action, bus if bus.startswith("arn:") else f"arn:aws:events:{here}:event-bus/{bus}")
        return
    if service == "sqs" and "QueueUrl" in members:
        yield Call(action, f"arn:aws:sqs:{here}:{members['QueueUrl'].rpartition('/')[2]}")
        return
    if service == "sagemaker":
        kinds = [(kind, members[name]) for name, kind in _JOBS.items() if name in members]
        for kind, name in kinds:
            arn = f"arn:aws:sagemaker:{here}:{kind}/{name.lower()}"
            yield Call(action, arn)
            if members.get("Tags"):
                yield Call("sagemaker:AddTags", arn)
        if operation.startswith("Create") and "RoleArn" in members:
            yield Call("iam:PassRole", members["RoleArn"], (("iam:passedtoservice", "sagemaker.amazonaws.com"),))
        if kinds:
            return
    arns = [members[name] for name in _ARN_MEMBERS if name in members]
    yield Call(action, arns[0] if arns else "*")


def operation_of(request: Request) -> tuple[str, dict[str, Any]]:
    """The operation of a JSON or a query protocol, and its parameters; the body can be read again."""
    body = request.body.readall()
    request.body = Body(BytesIO(body), len(body))
    target = request.headers.get("x-amz-target", "")
    if target:
        try:
            members = json.loads(body or b"{}")
        except ValueError:
            members = {}
        return target.rpartition(".")[2], members if isinstance(members, dict) else {}
    form = dict(parse_qsl(body.decode("utf-8", "replace")))
    return form.get("Action", ""), form
