"""Buckets come, go, and are there again."""

import http.client
import io
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from pipeline.local.buckets import FolderBucket
from pipeline.local.buckets.service import BucketService
from pipeline.local.cloud import LocalCloud
from pipeline.local.http_messages import Body, Request, Response

LARGE_BODY = """
import http.client, resource
from urllib.parse import urlsplit
from pipeline.local.cloud import LocalCloud

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

with LocalCloud() as cloud:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="results")
    s3.put_object(Bucket="results", Key="warm", Body=b"up")
    s3.get_object(Bucket="results", Key="warm")["Body"].read()
    before = peak()
    connection = http.client.HTTPConnection(urlsplit(cloud.endpoint_url).netloc)
    chunk = bytes(1 << 20)
    connection.request("PUT", "/results/large", (chunk for _ in range(200)), {"Content-Length": str(200 << 20)})
    assert connection.getresponse().read() == b""
    received = 0
    for chunk in s3.get_object(Bucket="results", Key="large")["Body"].iter_chunks(1 << 20):
        received += len(chunk)
    assert received == 200 << 20
    connection.close()
    print((peak() - before) * (1 if __import__("sys").platform == "darwin" else 1024))
"""


def put(url: str, target: str) -> int:
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)) as connection:
        connection.request("PUT", target)
        return connection.getresponse().status


def test_a_bucket_and_its_objects_outlive_the_cloud(tmp_path: Path) -> None:
    with LocalCloud(tmp_path, region="eu-central-1") as first:
        s3 = first.client("s3")
        s3.create_bucket(Bucket="results", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        s3.put_object(Bucket="results", Key="key", Body=b"content")
    with LocalCloud(tmp_path, region="eu-central-1") as second:
        s3 = second.client("s3")
        assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["results"]
        assert s3.get_object(Bucket="results", Key="key")["Body"].read() == b"content"


def test_an_empty_bucket_outlives_the_cloud(tmp_path: Path) -> None:
    with LocalCloud(tmp_path) as first:
        first.client("s3").create_bucket(Bucket="results")
    with LocalCloud(tmp_path) as second:
        assert second.client("s3").list_objects_v2(Bucket="results")["KeyCount"] == 0


def test_a_deleted_bucket_is_gone_for_good(tmp_path: Path) -> None:
    with LocalCloud(tmp_path) as first:
        s3 = first.client("s3")
        s3.create_bucket(Bucket="results")
        s3.put_object(Bucket="results", Key="key")
        with pytest.raises(ClientError, match="BucketNotEmpty"):
            s3.delete_bucket(Bucket="results")
        s3.delete_object(Bucket="results", Key="key")
        s3.delete_bucket(Bucket="results")
        with pytest.raises(ClientError, match="NoSuchBucket"):
            s3.put_object(Bucket="results", Key="key")
    with LocalCloud(tmp_path) as second:
        assert second.client("s3").list_buckets()["Buckets"] == []


def test_a_bucket_that_comes_and_goes_loses_nothing_that_it_took(cloud: LocalCloud) -> None:
    s3 = cloud.client("s3")
    told: set[str] = set()

    def again_and_again(call: Callable[..., object]) -> None:
        for _ in range(200):
            with recording(told):
                call(Bucket="results")

    def write_read_delete() -> None:
        for _ in range(200):
            with recording(told):
                s3.put_object(Bucket="results", Key="key")
                s3.head_object(Bucket="results", Key="key")
                s3.delete_object(Bucket="results", Key="key")

    with ThreadPoolExecutor(3) as pool:
        work = [pool.submit(again_and_again, call) for call in (s3.create_bucket, s3.delete_bucket)]
        for future in [*work, pool.submit(write_read_delete)]:
            future.result()
    # ServiceUnavailable: the bucket was being deleted. 404 is what a HEAD has to say of a key that is not there.
    assert told <= {"NoSuchBucket", "BucketNotEmpty", "ServiceUnavailable"}


@contextmanager
def recording(told: set[str]) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        told.add(error.response["Error"]["Code"])


def test_what_is_written_into_no_bucket_is_kept_nowhere(tmp_path: Path) -> None:
    def moto(request: Request) -> Response:
        return Response(404 if request.method == "HEAD" else 200)

    request = Request("PUT", "/results/key", {}, Body(io.BytesIO(), 0))
    assert BucketService(tmp_path, moto).answer(request, "results", "key").status == 404


def test_creating_a_bucket_again_keeps_its_objects(cloud: LocalCloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="results")
    s3.put_object(Bucket="results", Key="key", Body=b"content")
    s3.create_bucket(Bucket="results")
    assert s3.list_objects_v2(Bucket="results")["KeyCount"] == 1


def test_a_bucket_that_moto_made_by_itself_holds_objects_too(cloud: LocalCloud) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    assert put(f"http://{host}:{port}", "/made") == 200
    server.stop()
    s3 = cloud.client("s3")
    s3.put_object(Bucket="made", Key="key", Body=b"content")
    assert s3.get_object(Bucket="made", Key="key")["Body"].read() == b"content"


@pytest.mark.parametrize("name", ["ab", "Upper", "under_score", "%2e%2e"])
def test_a_bucket_has_a_name_that_s3_allows(cloud: LocalCloud, name: str) -> None:
    assert put(cloud.endpoint_url, f"/{name}") == 400


def test_a_folder_takes_the_place_of_objects_on_disk(cloud: LocalCloud, tmp_path: Path) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="photos")
    s3.put_object(Bucket="photos", Key="uploaded")
    (tmp_path / "served").touch()
    cloud.mount("photos", FolderBucket(tmp_path))
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="photos")["Contents"]] == ["served"]


def test_a_body_of_any_size_passes_through_a_little_memory() -> None:
    printed = subprocess.run([sys.executable, "-c", LARGE_BODY], capture_output=True, text=True, check=True)
    assert int(printed.stdout) < 30_000_000


def test_a_store_that_fails_is_told_to_whoever_writes(cloud: LocalCloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="results")
    shutil.rmtree(cloud.state_dir / "s3" / "results" / "bodies")
    with pytest.raises(ClientError, match=r"This machine cannot store or read objects: .*No such file"):
        s3.put_object(Bucket="results", Key="key", Body=b"body")
