"""A bucket behind another S3: here moto's, in the same cloud, which stands for the real one."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.buckets import RemoteBucket
from pipeline.local.buckets.remote import _bound_below
from pipeline.local.cloud import LocalCloud

KEYS = ["a/1", "a/2", "a-b", "b/c/d", "e é+%", "z"]


@pytest.fixture
def s3(cloud: LocalCloud) -> Any:
    """A client of a cloud with the bucket `origin`, which is served as `photos` too."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="origin")
    for key in KEYS:
        s3.put_object(Bucket="origin", Key=key, Body=key.encode() * 10, ContentType="image/jpeg")
    cloud.mount("photos", RemoteBucket(s3, "origin"))
    return s3


@pytest.mark.parametrize("delimiter", ["", "/"])
@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_a_listing_is_the_origins(s3: Any, delimiter: str, page_size: int) -> None:
    def listing(bucket: str) -> list[str]:
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Delimiter=delimiter, PaginationConfig={"PageSize": page_size}
        )
        found = [(item["Key"], item["Size"], item["ETag"]) for page in pages for item in page.get("Contents", ())]
        return [*map(str, found)]

    assert listing("photos") == listing("origin")


def test_an_object_is_the_origins(s3: Any) -> None:
    for key in KEYS:
        ours, origin = (s3.get_object(Bucket=bucket, Key=key) for bucket in ("photos", "origin"))
        assert (ours["ETag"], ours["ContentType"]) == (origin["ETag"], origin["ContentType"])
        assert ours["Body"].read() == origin["Body"].read()


def test_a_range_is_the_origins(s3: Any) -> None:
    answer = s3.get_object(Bucket="photos", Key="a/1", Range="bytes=4-8")
    assert (answer["ContentRange"], answer["Body"].read()) == ("bytes 4-8/30", (b"a/1" * 10)[4:9])


def test_head_is_the_origins(s3: Any) -> None:
    ours, origin = (s3.head_object(Bucket=bucket, Key="z") for bucket in ("photos", "origin"))
    assert (ours["ETag"], ours["ContentLength"]) == (origin["ETag"], origin["ContentLength"])


def test_conditions_are_left_to_the_origin(s3: Any) -> None:
    etag = s3.head_object(Bucket="origin", Key="z")["ETag"]
    with pytest.raises(ClientError, match="304"):
        s3.get_object(Bucket="photos", Key="z", IfNoneMatch=etag)


def test_the_origins_errors_are_passed_on(cloud: LocalCloud, s3: Any) -> None:
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="photos", Key="nix")
    cloud.mount("gone", RemoteBucket(s3, "never-made"))
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.list_objects_v2(Bucket="gone")


def test_nothing_is_written_to_the_origin(s3: Any) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket="photos", Key="new", Body=b"")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(st.characters(exclude_categories=["Cs"])))
def test_nothing_from_the_start_on_is_skipped(start: str, rest: str) -> None:
    bound = _bound_below(start)
    assert bound < start <= start + rest
    bound.encode()
