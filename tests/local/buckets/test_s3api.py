"""A mounted folder through boto3."""

import datetime
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.cloud import LocalCloud

Mount = Callable[[dict[str, bytes]], Path]


def test_the_first_version_of_the_listing_pages_through_everything(cloud: LocalCloud, mount: Mount) -> None:
    mount({f"{folder}/{number}": b"" for folder in "abc" for number in range(3)})
    paginator = cloud.client("s3").get_paginator("list_objects")
    listed = list(paginator.paginate(Bucket="photos", PaginationConfig={"PageSize": 2}))
    assert [len(page["Contents"]) for page in listed] == [2, 2, 2, 2, 1]
    grouped = list(paginator.paginate(Bucket="photos", Delimiter="/", PaginationConfig={"PageSize": 2}))
    assert [item["Prefix"] for page in grouped for item in page["CommonPrefixes"]] == ["a/", "b/", "c/"]


def test_a_listing_has_at_most_a_thousand_keys_to_a_page(cloud: LocalCloud, mount: Mount) -> None:
    mount({f"{number:04}": b"" for number in range(1001)})
    page = cloud.client("s3").list_objects_v2(Bucket="photos", MaxKeys=5000)
    assert (page["KeyCount"], page["MaxKeys"], page["IsTruncated"]) == (1000, 1000, True)


def test_a_page_of_no_keys_is_not_truncated(cloud: LocalCloud, mount: Mount) -> None:
    mount({"a": b""})
    page = cloud.client("s3").list_objects_v2(Bucket="photos", MaxKeys=0)
    assert (page["KeyCount"], page["IsTruncated"]) == (0, False)


def test_the_owner_is_told_when_it_is_asked_for(cloud: LocalCloud, mount: Mount) -> None:
    mount({"a": b""})
    s3 = cloud.client("s3")
    assert "Owner" in s3.list_objects_v2(Bucket="photos", FetchOwner=True)["Contents"][0]
    assert "Owner" not in s3.list_objects_v2(Bucket="photos")["Contents"][0]


def test_a_continuation_token_that_is_none_is_refused(cloud: LocalCloud, mount: Mount) -> None:
    mount({"a": b""})
    with pytest.raises(ClientError, match="continuation token"):
        cloud.client("s3").list_objects_v2(Bucket="photos", ContinuationToken="*")


@pytest.mark.parametrize("key", ["new\nline", "\x01\x7f", "a\rb", "]]>", "&amp;", "a b/c+d%2F?#"])
def test_awkward_keys_round_trip(cloud: LocalCloud, mount: Mount, key: str) -> None:
    mount({key: b"content"})
    s3 = cloud.client("s3")
    (listed,) = s3.list_objects_v2(Bucket="photos")["Contents"]
    assert listed["Key"] == key
    assert s3.get_object(Bucket="photos", Key=key)["Body"].read() == b"content"


def test_head_get_and_listing_tell_the_same(cloud: LocalCloud, mount: Mount) -> None:
    mount({"photo.jpg": b"12345"})
    s3 = cloud.client("s3")
    (listed,) = s3.list_objects_v2(Bucket="photos")["Contents"]
    head, got = s3.head_object(Bucket="photos", Key="photo.jpg"), s3.get_object(Bucket="photos", Key="photo.jpg")
    assert listed["ETag"] == head["ETag"] == got["ETag"]
    assert listed["Size"] == head["ContentLength"] == got["ContentLength"] == 5
    assert listed["LastModified"].replace(microsecond=0) == head["LastModified"] == got["LastModified"]
    assert head["ContentType"] == got["ContentType"] == "image/jpeg"
    got["Body"].close()


def test_a_range_behind_the_end_is_not_satisfiable(cloud: LocalCloud, mount: Mount) -> None:
    mount({"key": b"0123456789"})
    with pytest.raises(ClientError, match="InvalidRange"):
        cloud.client("s3").get_object(Bucket="photos", Key="key", Range="bytes=10-")


def test_a_range_that_is_none_gives_the_whole_object(cloud: LocalCloud, mount: Mount) -> None:
    mount({"key": b"0123456789"})
    answer = cloud.client("s3").get_object(Bucket="photos", Key="key", Range="bytes=5-2")
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Body"].read()) == (200, b"0123456789")


def status_of(call: Any, **arguments: Any) -> int:
    try:
        answer = call(Bucket="photos", Key="key", **arguments)
    except ClientError as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


def test_conditions_are_held_to(cloud: LocalCloud, mount: Mount) -> None:
    root = mount({"key": b"content"})
    os.utime(root / "key", (1_700_000_000, 1_700_000_000))
    modified = datetime.datetime.fromtimestamp(1_700_000_000, datetime.UTC)
    before, head = modified - datetime.timedelta(days=1), cloud.client("s3").head_object
    etag = head(Bucket="photos", Key="key")["ETag"]
    assert status_of(head, IfMatch=etag) == 200
    assert status_of(head, IfMatch='"other"') == 412
    assert status_of(head, IfNoneMatch=etag) == 304
    assert status_of(head, IfNoneMatch='"other"') == 200
    assert status_of(head, IfModifiedSince=modified) == 304
    assert status_of(head, IfModifiedSince=before) == 200
    assert status_of(head, IfUnmodifiedSince=before) == 412
    assert status_of(head, IfUnmodifiedSince=modified) == 200


def test_a_response_header_can_be_asked_for(cloud: LocalCloud, mount: Mount) -> None:
    mount({"key": b"content"})
    answer = cloud.client("s3").get_object(Bucket="photos", Key="key", ResponseContentType="text/weird")
    assert answer["ContentType"] == "text/weird"
    answer["Body"].close()


def test_a_missing_key_is_told_as_s3_tells_it(cloud: LocalCloud, mount: Mount) -> None:
    mount({})
    s3 = cloud.client("s3")
    with pytest.raises(s3.exceptions.NoSuchKey, match="does not exist"):
        s3.get_object(Bucket="photos", Key="nix")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="photos", Key="nix")


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("put_object", {"Key": "key", "Body": b"x" * 2_000_000}),
        ("delete_object", {"Key": "key"}),
        ("delete_objects", {"Delete": {"Objects": [{"Key": "key"}]}}),
        ("create_multipart_upload", {"Key": "key"}),
        ("put_object_tagging", {"Key": "key", "Tagging": {"TagSet": []}}),
    ],
)
def test_nothing_can_be_written(cloud: LocalCloud, mount: Mount, operation: str, arguments: dict[str, Any]) -> None:
    root = mount({"key": b"content"})
    with pytest.raises(ClientError, match=r"AccessDenied.*read-only; write results to the results bucket"):
        getattr(cloud.client("s3"), operation)(Bucket="photos", **arguments)
    assert (root / "key").read_bytes() == b"content"


@pytest.mark.parametrize("operation", ["get_object_tagging", "get_object_acl"])
def test_what_is_not_served_is_refused_by_name(cloud: LocalCloud, mount: Mount, operation: str) -> None:
    mount({"key": b"content"})
    with pytest.raises(ClientError, match="NotImplemented"):
        getattr(cloud.client("s3"), operation)(Bucket="photos", Key="key")
