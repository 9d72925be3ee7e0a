"""The table of operations agrees with botocore's model of S3, which is AWS's own."""

import io

import botocore.session
import pytest
from botocore.model import OperationModel

from pipeline.local.buckets.s3api.operations import operation_on_bucket, operation_on_object, query_of
from pipeline.local.http_messages import Body, Request

MODEL = botocore.session.get_session().get_service_model("s3")
ON_OBJECTS = [name for name in MODEL.operation_names if "{Key+}" in MODEL.operation_model(name).http["requestUri"]]
ON_BUCKETS = [
    *("ListObjects", "ListObjectsV2", "ListObjectVersions", "ListMultipartUploads", "DeleteObjects"),
    *("CreateBucket", "DeleteBucket"),
]
CONFIGURATION = [
    name
    for name in MODEL.operation_names
    if MODEL.operation_model(name).http["requestUri"].startswith("/{Bucket}?") and name not in ON_BUCKETS
]


def bare_request(operation: OperationModel) -> Request:
    """A request with what the model calls required, and nothing else."""
    path, _, query = operation.http["requestUri"].partition("?")
    parameters, headers = [query] if query else [], {}
    shape = operation.input_shape
    for name in shape.required_members:
        member = shape.members[name].serialization
        if member.get("location") == "querystring":
            parameters.append(f"{member['name']}=1")
        elif member.get("location") == "header":
            headers[member["name"].lower()] = "x"
    target = path.replace("{Bucket}", "bucket").replace("{Key+}", "key") + "?" + "&".join(parameters)
    return Request(operation.http["method"], target, headers, Body(io.BytesIO(), 0))


@pytest.mark.parametrize("name", ON_OBJECTS)
def test_every_operation_on_an_object_is_told(name: str) -> None:
    request = bare_request(MODEL.operation_model(name))
    if name == "WriteGetObjectResponse":
        pytest.skip("it goes to another host")
    assert operation_on_object(request, query_of(request)) == name


@pytest.mark.parametrize("name", ON_BUCKETS)
def test_every_operation_on_the_objects_of_a_bucket_is_told(name: str) -> None:
    request = bare_request(MODEL.operation_model(name))
    assert operation_on_bucket(request, query_of(request)) == name


@pytest.mark.parametrize("name", CONFIGURATION)
def test_the_configuration_of_a_bucket_is_not_about_its_objects(name: str) -> None:
    request = bare_request(MODEL.operation_model(name))
    assert operation_on_bucket(request, query_of(request)) is None


@pytest.mark.parametrize("query", ["X-Amz-Signature=1&x-id=GetObject", "AWSAccessKeyId=a&Signature=b&Expires=1"])
def test_a_signature_is_no_part_of_the_query(query: str) -> None:
    assert query_of(Request("GET", f"/bucket/key?{query}", {}, Body(io.BytesIO(), 0))) == {}
