"""Who answers which request, through boto3 and, where boto3 would not send it so, by hand."""

import base64
import http.client
import urllib.error
import urllib.request
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from pipeline.local.buckets import FolderBucket
from pipeline.local.cloud import LocalCloud
from pipeline.local.gateway import bucket_and_key, service_of
from pipeline.local.http_messages import Body, Request


def request(target: str = "/", **headers: str) -> Request:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("POST", target, sent, Body(None, 0))  # type: ignore[arg-type]


def authorization(service: str) -> str:
    return f"AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"


@pytest.fixture
def photos(cloud: LocalCloud, tmp_path: Path) -> Path:
    """A folder that is mounted as the bucket `photos`."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a b.jpg").write_bytes(b"jpeg")
    cloud.mount("photos", FolderBucket(folder))
    return folder


@pytest.mark.parametrize("service", ["states", "lambda", "sagemaker", "s3", "sns"])
def test_the_credential_scope_names_the_service(service: str) -> None:
    assert service_of(request(authorization=authorization(service))) == service


def test_a_presigned_url_names_the_service_in_its_query() -> None:
    assert service_of(request("/b/k?X-Amz-Credential=key%2F20260101%2Fus-east-1%2Fs3%2Faws4_request")) == "s3"


def test_an_unsigned_request_is_told_by_its_target() -> None:
    assert service_of(request(x_amz_target="AWSStepFunctions.StartExecution")) == "states"


def test_an_unsigned_request_is_told_by_its_path() -> None:
    assert service_of(request("/2015-03-31/functions/f/invocations")) == "lambda"


@pytest.mark.parametrize(
    ("target", "host", "expected"),
    [
        ("/bucket/a/b.jpg?x=1", "127.0.0.1:80", ("bucket", "a/b.jpg")),
        ("/bucket//double", "127.0.0.1:80", ("bucket", "/double")),
        ("/bucket", "127.0.0.1:80", ("bucket", "")),
        ("/a%2Fb%20%2B", "bucket.s3.us-east-1.amazonaws.com", ("bucket", "a/b +")),
        ("/key", "my.bucket.localhost:8000", ("my.bucket", "key")),
        ("/", "127.0.0.1", ("", "")),
    ],
)
def test_bucket_and_key_are_read_in_both_styles(target: str, host: str, expected: tuple[str, str]) -> None:
    assert bucket_and_key(request(target, host=host)) == expected


def test_what_is_not_ours_is_answered_by_moto(cloud: LocalCloud) -> None:
    topic = cloud.client("sns").create_topic(Name="news")["TopicArn"]
    assert topic == "arn:aws:sns:us-east-1:123456789012:news"
    assert cloud.client("sqs").create_queue(QueueName="jobs")["QueueUrl"].startswith(cloud.endpoint_url)
    assert cloud.client("sts").get_caller_identity()["Account"] == "123456789012"


def test_an_object_of_megabytes_goes_in_and_out(cloud: LocalCloud) -> None:
    s3, content = cloud.client("s3"), bytes(range(256)) * 30_000
    s3.create_bucket(Bucket="results")
    s3.put_object(Bucket="results", Key="some/key +%.bin", Body=content, Metadata={"my_note": "kept"})
    answer = s3.get_object(Bucket="results", Key="some/key +%.bin")
    assert answer["Body"].read() == content
    assert answer["Metadata"] == {"my_note": "kept"}


@pytest.mark.parametrize(
    ("kind", "signature"),
    [
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", b""),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", b";chunk-signature=" + b"0" * 64),
    ],
)
def test_a_streamed_upload_in_chunks_is_put_together(cloud: LocalCloud, kind: str, signature: bytes) -> None:
    cloud.client("s3").create_bucket(Bucket="results")
    checksum = base64.b64encode(zlib.crc32(b"hello").to_bytes(4, "big"))
    body = b"5%b\r\nhello\r\n0%b\r\nx-amz-checksum-crc32:%b\r\n\r\n" % (signature, signature, checksum)
    headers = {
        "Authorization": authorization("s3"),
        "x-amz-content-sha256": kind,
        "x-amz-decoded-content-length": "5",
        "x-amz-trailer": "x-amz-checksum-crc32",
        "Content-Encoding": "aws-chunked",
    }
    with closing(http.client.HTTPConnection(urlsplit(cloud.endpoint_url).netloc, timeout=30)) as connection:
        connection.request("PUT", "/results/streamed", body, headers)
        assert connection.getresponse().status == 200
    assert cloud.client("s3").get_object(Bucket="results", Key="streamed")["Body"].read() == b"hello"


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_get_reads_from_a_mounted_folder(cloud: LocalCloud, version: str) -> None:
    session: Any = boto3.Session("key", "secret", region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=cloud.endpoint_url, config=Config(signature_version=version))
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "photos", "Key": "a b.jpg"})
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"jpeg"


@pytest.mark.usefixtures("photos")
def test_a_presigned_get_whose_time_is_over_is_refused(cloud: LocalCloud) -> None:
    session: Any = boto3.Session("key", "secret", region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=cloud.endpoint_url, config=Config(signature_version="s3"))
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "photos", "Key": "a b.jpg"}, ExpiresIn=-5)
    with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(url):
        pass
    assert refused.value.code == 403
    assert b"<Code>AccessDenied</Code><Message>Request has expired</Message>" in refused.value.read()
    refused.value.close()


@pytest.mark.usefixtures("photos")
def test_an_unsigned_get_reads_from_a_mounted_folder(cloud: LocalCloud) -> None:
    with urllib.request.urlopen(f"{cloud.endpoint_url}/photos/a%20b.jpg") as answer:
        assert answer.read() == b"jpeg"


@pytest.mark.usefixtures("photos")
def test_a_mounted_bucket_is_reached_in_virtual_host_style(cloud: LocalCloud) -> None:
    s3: Any = boto3.Session("key", "secret", region_name="us-east-1").client(
        "s3",
        endpoint_url=cloud.endpoint_url.replace("127.0.0.1", "localhost"),
        config=Config(s3={"addressing_style": "virtual"}, proxies={}),
    )
    s3.meta.events.register("before-send.s3", to_loopback)
    assert s3.get_object(Bucket="photos", Key="a b.jpg")["Body"].read() == b"jpeg"
    s3.close()


def to_loopback(request: Any, **_: Any) -> None:
    """`bucket.localhost` resolves to this machine on some systems only: keep the name in the header alone."""
    host = urlsplit(request.url).netloc
    request.headers["Host"] = host
    request.url = request.url.replace(host, f"127.0.0.1:{host.rpartition(':')[2]}")


@pytest.mark.usefixtures("photos")
def test_a_mounted_bucket_still_has_a_configuration(cloud: LocalCloud) -> None:
    s3 = cloud.client("s3")
    s3.put_bucket_versioning(Bucket="photos", VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket="photos")["Status"] == "Enabled"
    s3.head_bucket(Bucket="photos")


@pytest.mark.usefixtures("photos")
def test_an_object_is_copied_out_of_a_mounted_folder(cloud: LocalCloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="results")
    s3.copy_object(Bucket="results", Key="copy", CopySource={"Bucket": "photos", "Key": "a b.jpg"})
    answer = s3.get_object(Bucket="results", Key="copy")
    assert (answer["Body"].read(), answer["ContentType"]) == (b"jpeg", "image/jpeg")


@pytest.mark.parametrize("style", ["path", "virtual"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_endpoint_is_any_name_of_this_machine(cloud: LocalCloud, host: str, style: Any) -> None:
    # Not every system knows bucket.localhost; a proxy is asked for it by name, and the gateway is one.
    session: Any = boto3.Session("key", "secret", region_name=cloud.region)
    client = session.client(
        "s3",
        endpoint_url=f"http://{host}:{cloud.endpoint_url.rpartition(':')[2]}",
        config=Config(proxies={"http": cloud.endpoint_url}, s3={"addressing_style": style}),
    )
    client.create_bucket(Bucket="by-name")
    client.put_object(Bucket="by-name", Key="folder/a b.jpg", Body=b"content")
    assert client.get_object(Bucket="by-name", Key="folder/a b.jpg")["Body"].read() == b"content"
    assert [item["Key"] for item in client.list_objects_v2(Bucket="by-name")["Contents"]] == ["folder/a b.jpg"]
    client.close()
