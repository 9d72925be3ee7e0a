"""Objects read straight from S3: the same bytes and errors as the client's, and the client wherever anything is odd."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from pipeline import aws, objects
from pipeline.local.http_messages import Request, Response
from pipeline.local.http_server import HttpServer
from pipeline.validation.s3_reader import S3Reader, encode_key

OBJECT = Response(200, [("ETag", '"abc"'), ("Content-Type", "image/jpeg")], b"what the object holds")
BY_CLIENT, STRAIGHT = "client", "straight"


def make_client(**options: Any) -> Any:
    settings = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret", "region_name": "eu-central-1"}
    return boto3.client("s3", **{**settings, **options})


class Server:
    """An S3 that answers every client with the object, and what is sent straight as it is told."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.straight: Callable[[], Response] = lambda: OBJECT
        self._http = HttpServer(self._serve)
        self._http.start()
        self.url, self.close = self._http.url, self._http.close

    @property
    def ways(self) -> list[str]:
        return [self._way(request) for request in self.requests]

    def _serve(self, request: Request) -> Response:
        self.requests.append(request)
        return OBJECT if self._way(request) == BY_CLIENT else self.straight()

    def _way(self, request: Request) -> str:
        """Clients count their attempts in a header of their own."""
        return BY_CLIENT if "amz-sdk-request" in request.headers else STRAIGHT


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def reader(server: Server) -> Iterator[S3Reader]:
    retries = {"mode": "standard", "total_max_attempts": 1}
    client = make_client(endpoint_url=server.url, config=Config(retries=retries, s3={"addressing_style": "path"}))
    yield S3Reader(client)
    client.close()


def read(reader: S3Reader, key: str = "a.jpg") -> bytes:
    with closing(reader.get_object(Bucket="images", Key=key)["Body"]) as body:
        data: bytes = body.read()
        return data


class WouldSendError(Exception):
    """A client got as far as sending this request."""


@pytest.fixture(scope="module")
def sent_by_boto3() -> Callable[[str], str]:
    """The URL that boto3 asks for, given a key of the bucket `images`."""

    def stop(request: Any, **_: Any) -> None:
        raise WouldSendError(request.url)

    client = make_client()
    client.meta.events.register("before-send.s3.GetObject", stop)

    def url(key: str) -> str:
        with pytest.raises(WouldSendError) as stopped:
            client.get_object(Bucket="images", Key=key)
        return str(stopped.value)

    return url


@given(key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40) | st.text("/.%+ ~", min_size=1))
def test_keys_are_encoded_as_boto3_encodes_them(sent_by_boto3: Callable[[str], str], key: str) -> None:
    assert sent_by_boto3(key) == f"https://images.s3.eu-central-1.amazonaws.com/{encode_key(key)}"


def test_only_the_first_object_of_a_bucket_takes_the_client(server: Server, reader: S3Reader) -> None:
    assert {read(reader, f"{number}.jpg") for number in range(3)} == {OBJECT.body}
    assert server.ways == [BY_CLIENT, STRAIGHT, STRAIGHT]


@pytest.mark.parametrize(
    "key", ["a b+c%2Fd.jpg", "../../etc/passwd", "//twice//", "/first", "new\nline \u2028🐈", "?#&=~"]
)
def test_a_key_goes_straight_where_the_client_would_send_it(server: Server, reader: S3Reader, key: str) -> None:
    read(reader, key)
    read(reader, key)
    by_client, straight = server.requests
    assert straight.target == by_client.target


def test_an_answer_says_what_the_clients_says(reader: S3Reader) -> None:
    answers = [reader.get_object(Bucket="images", Key="a.jpg") for _ in range(2)]
    for answer in answers:
        answer["Body"].read()
    by_client, straight = answers
    assert straight.keys() == {"Body", "ContentLength", "ContentType", "ETag"}
    assert all(straight[field] == by_client[field] for field in ("ContentLength", "ContentType", "ETag"))


def test_requests_are_signed_for_the_region_of_the_client_with_its_credentials(
    server: Server, reader: S3Reader
) -> None:
    read(reader)
    read(reader)
    by_client, straight = (request.headers["authorization"] for request in server.requests)
    assert straight.split(",")[0] == by_client.split(",")[0]
    assert "SignedHeaders=host;x-amz-content-sha256;x-amz-date," in straight


def test_a_session_token_is_sent(server: Server) -> None:
    reader = S3Reader(make_client(endpoint_url=server.url, aws_session_token="of a role"))
    read(reader)
    read(reader)
    assert [request.headers["x-amz-security-token"] for request in server.requests] == ["of a role"] * 2


@pytest.mark.parametrize("status", [204, 206, 301, 307, 400, 403, 404, 412, 500, 503])
def test_the_client_is_asked_again_for_whatever_is_no_200(server: Server, reader: S3Reader, status: int) -> None:
    read(reader)
    server.straight = lambda: Response(
        status, [("Location", server.url), ("ETag", '"abc"'), ("Content-Length", "0")], b""
    )
    assert read(reader) == OBJECT.body
    assert server.ways == [BY_CLIENT, STRAIGHT, BY_CLIENT]


def test_the_client_is_asked_again_where_the_connection_breaks(server: Server, reader: S3Reader) -> None:
    def break_off() -> Response:
        raise ConnectionAbortedError

    read(reader)
    server.straight = break_off
    assert read(reader) == OBJECT.body
    assert server.ways[-2:] == [STRAIGHT, BY_CLIENT]


def test_a_body_that_breaks_off_is_asked_for_again_as_one_of_the_clients_is(server: Server, reader: S3Reader) -> None:
    def too_few() -> Iterator[bytes]:
        yield b"too few"
        raise ConnectionAbortedError

    answers = iter([Response(200, [("ETag", '"abc"'), ("Content-Length", "100")], too_few()), OBJECT])
    read(reader)
    server.straight = lambda: next(answers)
    assert objects.unbroken(lambda: read(reader)) == OBJECT.body
    assert server.ways == [BY_CLIENT, STRAIGHT, STRAIGHT]


def test_a_request_for_more_than_bucket_and_key_takes_the_client(server: Server, reader: S3Reader) -> None:
    read(reader)
    reader.get_object(Bucket="images", Key="a.jpg", Range="bytes=0-3")["Body"].read()
    assert server.ways == [BY_CLIENT, BY_CLIENT]


def test_each_bucket_is_reached_as_the_client_reaches_it(server: Server, reader: S3Reader) -> None:
    for bucket in ("images", "others", "images", "others"):
        reader.get_object(Bucket=bucket, Key="a.jpg")["Body"].read()
    assert [request.target for request in server.requests] == ["/images/a.jpg", "/others/a.jpg"] * 2
    assert server.ways == [BY_CLIENT, BY_CLIENT, STRAIGHT, STRAIGHT]


def test_what_somebody_answers_in_the_clients_place_is_never_sent_straight(s3: Any) -> None:
    reader = aws.object_reader()
    for key in ("a", "b"):
        reader.put_object(Bucket="example-images", Key=key, Body=key.encode())
    assert [reader.get_object(Bucket="example-images", Key=key)["Body"].read() for key in "ab"] == [b"a", b"b"]


def test_an_object_that_is_not_there_is_the_clients_error(s3: Any) -> None:
    with pytest.raises(ClientError, match="NoSuchKey"):
        aws.object_reader().get_object(Bucket="example-images", Key="gone")


def test_whoever_has_to_ask_a_proxy_does_so_by_the_client(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("NO_PROXY", "")
    reader = S3Reader(make_client(endpoint_url="http://s3.example"))
    assert [read(reader) for _ in range(2)] == [OBJECT.body] * 2
    assert server.ways == [BY_CLIENT, BY_CLIENT]
