"""Objects have one version each: what ListObjectVersions says of them agrees with moto's bucket that keeps none."""

from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud

KEYS = ("a", "b+c/d é", "b+c/e", "b/f", "g&<h")


def emptied(s3: Any, bucket: str) -> None:
    """Delete every version of every object, and the bucket."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        named = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in page.get("Versions", ())]
        if named:
            assert not s3.delete_objects(Bucket=bucket, Delete={"Objects": named, "Quiet": True}).get("Errors")
    s3.delete_bucket(Bucket=bucket)


def listed(s3: Any, bucket: str, **arguments: Any) -> list[Any]:
    """What is listed, page by page, as far as two clouds can agree on it."""
    s3.create_bucket(Bucket=bucket)
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    try:
        return [
            (
                [
                    tuple(entry[name] for name in ("Key", "VersionId", "IsLatest", "Size", "ETag"))
                    for entry in page.get("Versions", ())
                ],
                [entry["Prefix"] for entry in page.get("CommonPrefixes", ())],
            )
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, **arguments)
        ]
    finally:
        emptied(s3, bucket)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"Prefix": "b+"}, {"Delimiter": "/"}, {"Prefix": "b", "Delimiter": "/"}, {"KeyMarker": "b+c/d é"}],
)
def test_versions_are_listed_as_by_moto(shared_cloud: LocalCloud, moto_s3: Any, arguments: dict[str, Any]) -> None:
    assert listed(shared_cloud.client("s3"), "ours", **arguments) == listed(moto_s3, "motos", **arguments)


def test_pages_go_on_where_the_last_one_ended(shared_cloud: LocalCloud) -> None:
    pages = listed(shared_cloud.client("s3"), "paged", PaginationConfig={"PageSize": 2})
    assert [[version[0] for version in versions] for versions, _ in pages] == [
        ["a", "b+c/d é"],
        ["b+c/e", "b/f"],
        ["g&<h"],
    ]


def test_a_version_that_is_not_there_is_not_deleted(shared_cloud: LocalCloud) -> None:
    s3 = shared_cloud.client("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="a")
    answer = s3.delete_objects(Bucket="kept", Delete={"Objects": [{"Key": "a", "VersionId": "other"}]})
    assert [error["Code"] for error in answer["Errors"]] == ["NoSuchVersion"]
    assert s3.head_object(Bucket="kept", Key="a")
    emptied(s3, "kept")
