"""A function's URL, called by an HTTP client that signs as botocore does."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from pipeline.local.cloud import LocalCloud

Create = Callable[..., Any]
Call = Callable[..., "Answer"]
ECHO = "def handler(event, context): return {'statusCode': 200, 'body': __import__('json').dumps(event)}"
LIMIT = 6 * 1024 * 1024


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@pytest.fixture
def call(cloud: LocalCloud) -> Call:
    """Sends a request to the URL of `function`, signed for `service` in `region`, or not at all where it is None."""

    def send(
        function: str = "echo",
        path: str = "",
        method: str = "POST",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        service: str | None = "lambda",
        region: str = "us-east-1",
    ) -> Answer:
        url = cloud.client("lambda").get_function_url_config(FunctionName=function)["FunctionUrl"] + path
        request = AWSRequest(method, url, headers=headers, data=body)
        if service is not None:
            SigV4Auth(Credentials("AKIDEXAMPLE", "secret"), service, region).add_auth(request)
        response = urllib3.request(method, url, headers=dict(request.headers.items()), body=body, retries=False)
        return Answer(response.status, response.headers, response.data)

    return send


@pytest.fixture
def with_url(cloud: LocalCloud, create_function: Create) -> Callable[..., str]:
    """Creates a function of this source, and its URL."""

    def create(name: str, source: str, auth: str = "AWS_IAM", **settings: Any) -> str:
        create_function(name, source, **settings)
        created = cloud.client("lambda").create_function_url_config(FunctionName=name, AuthType=auth)
        return str(created["FunctionUrl"])

    return create


def test_an_image_reaches_the_function_as_base64(with_url: Create, call: Call) -> None:
    with_url("echo", ECHO)
    image = b"\xff\xd8\xff\x00 not utf-8"
    event = call(body=image, headers={"Content-Type": "image/jpeg"}).json
    assert (event["isBase64Encoded"], base64.b64decode(event["body"])) == (True, image)


def test_json_reaches_the_function_as_text(with_url: Create, call: Call) -> None:
    with_url("echo", ECHO)
    event = call(body=b'{"key": "a"}', headers={"Content-Type": "application/json; charset=utf-8"}).json
    assert (event["isBase64Encoded"], event["body"]) == (False, '{"key": "a"}')


def test_text_that_is_none_reaches_the_function_as_base64(with_url: Create, call: Call) -> None:
    with_url("echo", ECHO)
    event = call(body=b"\xff", headers={"Content-Type": "text/plain"}).json
    assert (event["isBase64Encoded"], event["body"]) == (True, "/w==")


def test_the_event_has_the_payload_format_2_0(with_url: Create, call: Call) -> None:
    url = with_url("echo", ECHO)
    event = call(path="my/p%C3%A4th?a=1&a=2&b=", headers={"User-Agent": "agent", "X-Header": "v"}).json
    assert (event["version"], event["routeKey"]) == ("2.0", "$default")
    assert (event["rawPath"], event["rawQueryString"]) == ("/my/päth", "a=1&a=2&b=")
    assert event["queryStringParameters"] == {"a": "1,2", "b": ""}
    assert (event["headers"]["user-agent"], event["headers"]["x-header"]) == ("agent", "v")
    context = event["requestContext"]
    assert context["apiId"] == context["domainPrefix"] == url.rstrip("/").rpartition("/")[2]
    assert context["authorizer"]["iam"]["accessKey"] == "AKIDEXAMPLE"
    assert context["http"] == {
        "method": "POST",
        "path": "/my/päth",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "agent",
    }


def test_cookies_stand_apart_from_the_headers(with_url: Create, call: Call) -> None:
    with_url("echo", ECHO)
    event = call(headers={"Cookie": "a=1; b=2"}).json
    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]


def test_an_answer_is_turned_into_http(with_url: Create, call: Call) -> None:
    with_url(
        "image",
        "def handler(event, context): return {'statusCode': 201, 'headers': {'Content-Type': 'image/png', 'X-N': 7},"
        " 'cookies': ['a=1', 'b=2'], 'isBase64Encoded': True, 'body': 'iVBORw=='}",
    )
    answer = call("image")
    assert (answer.status, answer.body) == (201, b"\x89PNG")
    assert (answer.headers["Content-Type"], answer.headers["X-N"]) == ("image/png", "7")
    assert answer.headers.getlist("Set-Cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize("returned", ["{'label': 'daisy'}", "'daisy'", "[1]", "None"])
def test_json_that_is_no_response_is_the_body_of_one(with_url: Create, call: Call, returned: str) -> None:
    with_url("plain", f"def handler(event, context): return {returned}")
    answer = call("plain")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json == eval(returned)


@pytest.mark.parametrize(
    "source",
    [
        "def handler(event, context): raise ValueError('inside')",
        "def handler(event, context): return {'statusCode': 'many'}",
        "def handler(event, context): return {'statusCode': 200, 'body': '%', 'isBase64Encoded': True}",
        "def handler(event, context): return {'statusCode': 200, 'headers': {'a': 'b\\r\\nc: d'}}",
    ],
)
def test_a_function_that_fails_is_a_bad_gateway(with_url: Create, call: Call, source: str) -> None:
    with_url("broken", source)
    answer = call("broken")
    assert (answer.status, answer.body) == (502, b"Internal Server Error")


def test_who_does_not_sign_is_forbidden(with_url: Create, call: Call) -> None:
    with_url("echo", ECHO)
    answer = call(service=None)
    assert answer.status == 403
    assert answer.json["Message"].startswith("Forbidden. For troubleshooting Function URL authorization issues")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"service": "s3"}, "Credential should be scoped to correct service: 'lambda'. "),
        ({"service": "execute-api"}, "Credential should be scoped to correct service: 'lambda'. "),
        ({"region": "eu-central-1"}, "Credential should be scoped to a valid region. "),
    ],
)
def test_who_signs_for_something_else_is_forbidden(
    with_url: Create, call: Call, wrong: dict[str, str], said: str
) -> None:
    with_url("echo", ECHO)
    answer = call(**wrong)
    assert (answer.status, answer.json["Message"]) == (403, said)


@pytest.mark.parametrize(
    "header", ["Bearer token", "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/lambda/aws4_request"]
)
def test_half_a_signature_is_forbidden(with_url: Create, call: Call, header: str) -> None:
    with_url("echo", ECHO)
    assert call(service=None, headers={"Authorization": header}).status == 403


def test_a_signature_without_a_date_is_forbidden(with_url: Create, call: Call) -> None:
    with_url("echo", ECHO)
    scope = "AKID/20260101/us-east-1/lambda/aws4_request"
    header = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00"
    assert call(service=None, headers={"Authorization": header}).status == 403


def test_a_url_without_authentication_takes_everyone(with_url: Create, call: Call) -> None:
    with_url("echo", ECHO, "NONE")
    answer = call(service=None)
    assert answer.status == 200
    assert "authorizer" not in answer.json["requestContext"]


def test_a_request_above_the_limit_is_refused_with_the_limit(with_url: Create, call: Call) -> None:
    with_url("size", "def handler(event, context): return len(event['body'])")
    answer = call("size", body=bytes(LIMIT + 1))
    assert (answer.status, str(LIMIT) in answer.json["Message"]) == (413, True)


def test_base64_counts_towards_the_limit(with_url: Create, call: Call) -> None:
    with_url("size", "def handler(event, context): return len(event['body'])", MemorySize=512)
    assert call("size", body=bytes(LIMIT * 3 // 4)).status == 413
    assert call("size", body=bytes(LIMIT * 3 // 4 - 4096)).status == 200


def test_an_address_of_no_function_is_not_found(cloud: LocalCloud) -> None:
    for path in ("/lambda-url/abc/", "/lambda-url/", "/lambda-url/UP"):
        assert urllib3.request("GET", cloud.endpoint_url + path, retries=False).status == 404


def test_a_url_is_described_updated_listed_and_deleted(cloud: LocalCloud, with_url: Create) -> None:
    url = with_url("echo", ECHO)
    client = cloud.client("lambda")
    client.update_function_url_config(FunctionName="echo", AuthType="NONE")
    described = client.get_function_url_config(FunctionName="echo")
    assert (described["FunctionUrl"], described["AuthType"], described["InvokeMode"]) == (url, "NONE", "BUFFERED")
    (listed,) = client.list_function_url_configs(FunctionName="echo")["FunctionUrlConfigs"]
    assert listed["FunctionUrl"] == url
    client.delete_function_url_config(FunctionName="echo")
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="There is no function URL"):
        client.get_function_url_config(FunctionName="echo")


def test_a_function_has_one_url(cloud: LocalCloud, with_url: Create) -> None:
    with_url("echo", ECHO)
    with pytest.raises(cloud.client("lambda").exceptions.ResourceConflictException):
        cloud.client("lambda").create_function_url_config(FunctionName="echo", AuthType="NONE")


def test_a_url_goes_with_its_function(cloud: LocalCloud, with_url: Create) -> None:
    url = with_url("echo", ECHO, "NONE")
    cloud.client("lambda").delete_function(FunctionName="echo")
    assert urllib3.request("GET", url, retries=False).status == 404


@pytest.mark.parametrize(
    ("asked", "said"),
    [({"InvokeMode": "RESPONSE_STREAM"}, "not streamed"), ({"Cors": {"AllowOrigins": ["*"]}}, "Cors is not served")],
)
def test_what_is_not_served_is_refused(
    cloud: LocalCloud, create_function: Create, asked: dict[str, Any], said: str
) -> None:
    create_function("echo", ECHO)
    with pytest.raises(ClientError, match=said):
        cloud.client("lambda").create_function_url_config(FunctionName="echo", AuthType="NONE", **asked)
