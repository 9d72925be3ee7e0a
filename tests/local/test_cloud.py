import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ConnectionClosedError

from pipeline.local.buckets import FolderBucket
from pipeline.local.cloud import LocalCloud

OTHER_CLOUD = """
from pipeline.local.cloud import LocalCloud
with LocalCloud() as cloud:
    print(cloud.client("s3").list_buckets()["Buckets"])
"""
CHILD = """
import boto3
print(boto3.client("sts").get_caller_identity()["Account"], boto3.client("s3").meta.region_name)
"""


def test_a_second_cloud_in_the_same_process_is_refused(cloud: LocalCloud) -> None:
    with pytest.raises(RuntimeError, match="there is a LocalCloud in this process already"):
        LocalCloud()
    assert cloud.client("s3").list_buckets()["Buckets"] == []


def test_a_cloud_begins_empty_after_another_was_closed() -> None:
    with LocalCloud() as first:
        first.client("s3").create_bucket(Bucket="left-behind")
    with LocalCloud() as second:
        assert second.client("s3").list_buckets()["Buckets"] == []


def test_clouds_of_two_processes_do_not_see_each_other(cloud: LocalCloud) -> None:
    cloud.client("s3").create_bucket(Bucket="mine")
    printed = subprocess.run([sys.executable, "-c", OTHER_CLOUD], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"


def test_the_environment_leads_a_child_process_to_the_cloud(cloud: LocalCloud) -> None:
    environment = {**os.environ, "AWS_PROFILE": "nobody", **cloud.environment()}
    del environment["AWS_PROFILE"]
    printed = subprocess.run([sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True, check=True)
    assert printed.stdout.split() == ["123456789012", "us-east-1"]


def test_nothing_is_written_to_this_processs_environment() -> None:
    before = dict(os.environ)
    with LocalCloud() as cloud:
        cloud.client("s3").list_buckets()
        assert dict(os.environ) == before


def test_a_client_is_made_once(cloud: LocalCloud) -> None:
    assert cloud.client("s3") is cloud.client("s3")


def test_a_client_of_a_cloud_that_is_closed_reaches_nobody() -> None:
    with LocalCloud() as cloud:
        s3 = cloud.client("s3")
    with pytest.raises(ConnectionClosedError):
        s3.list_buckets()


def test_closing_twice_is_closing_once() -> None:
    cloud = LocalCloud()
    cloud.close()
    cloud.close()


def test_the_temporary_state_is_removed_and_a_given_folder_kept(tmp_path: Path) -> None:
    with LocalCloud() as temporary:
        folder = temporary.state_dir
    assert not folder.exists()
    with LocalCloud(tmp_path / "new"):
        pass
    assert (tmp_path / "new").is_dir()


def test_the_region_is_that_of_the_arns() -> None:
    with LocalCloud(region="eu-central-1") as cloud:
        arn = cloud.client("sns").create_topic(Name="news")["TopicArn"]
    assert arn == "arn:aws:sns:eu-central-1:123456789012:news"


def test_a_cloud_that_could_not_start_does_not_stand_in_the_way_of_the_next(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        LocalCloud(tmp_path / "file")
    with LocalCloud() as cloud:
        assert cloud.client("s3").list_buckets()["Buckets"] == []


def test_a_bucket_can_be_mounted_in_any_region(tmp_path: Path) -> None:
    (tmp_path / "photo").touch()
    with LocalCloud(region="eu-central-1") as cloud:
        cloud.mount("photos", FolderBucket(tmp_path))
        assert cloud.client("s3").list_objects_v2(Bucket="photos")["KeyCount"] == 1


def test_a_cloud_listens_where_it_is_told_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with LocalCloud(port=port) as cloud:
        assert cloud.endpoint_url == f"http://127.0.0.1:{port}"
        assert cloud.client("s3").list_buckets()["Buckets"] == []


def test_a_port_that_is_taken_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(OSError, match="in use"):
        LocalCloud(tmp_path, port=server.getsockname()[1])
    with LocalCloud(tmp_path) as cloud:
        assert cloud.client("s3").list_buckets()["Buckets"] == []
