"""Listings of any folder agree with those of moto's S3, which holds the same objects in the same cloud."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.local.buckets import FolderBucket
from pipeline.local.cloud import LocalCloud

ALPHABET = "ab+ %é🙂\u202e'&<.-_"
NAMES = st.text(ALPHABET, min_size=1, max_size=3).filter(lambda name: not name.startswith("."))
KEYS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PREFIXES = st.one_of(st.just(""), NAMES, KEYS, KEYS.map(lambda key: key + "/"))


@pytest.fixture(scope="module")
def shared_cloud() -> Iterator[LocalCloud]:
    """One cloud for many small examples."""
    with LocalCloud() as cloud:
        yield cloud


def without_conflicts(keys: set[str]) -> list[str]:
    """A file system cannot have both `a` and `a/b`."""
    return sorted(key for key in keys if not any(other.startswith(f"{key}/") for other in keys))


def pages(s3: Any, bucket: str, **arguments: Any) -> list[tuple[list[tuple[str, int]], list[str]]]:
    paginator = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **arguments)
    return [
        (
            [(item["Key"], item["Size"]) for item in page.get("Contents", ())],
            [item["Prefix"] for item in page.get("CommonPrefixes", ())],
        )
        for page in paginator
    ]


@settings(max_examples=60, deadline=None)
@given(
    keys=st.sets(KEYS, min_size=1, max_size=12),
    prefix=PREFIXES,
    delimiter=st.sampled_from(["", "/", "a", "+", "é/"]),
    page_size=st.integers(1, 5),
    start_after=st.one_of(st.just(""), KEYS, NAMES),
)
def test_listings_agree_with_motos(
    shared_cloud: LocalCloud, keys: set[str], prefix: str, delimiter: str, page_size: int, start_after: str
) -> None:
    s3, names = shared_cloud.client("s3"), without_conflicts(keys)
    with tempfile.TemporaryDirectory() as folder:
        s3.create_bucket(Bucket="uploaded")
        for key in names:
            path = Path(folder) / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(key.encode())
            s3.put_object(Bucket="uploaded", Key=key, Body=key.encode())
        shared_cloud.mount("mounted", FolderBucket(Path(folder)))
        arguments: dict[str, Any] = {"Prefix": prefix, "PaginationConfig": {"PageSize": page_size}}
        if delimiter:
            arguments["Delimiter"] = delimiter
        if start_after:
            arguments["StartAfter"] = start_after
        expected = pages(s3, "uploaded", **arguments)
        found = pages(s3, "mounted", **arguments)
        for key in names:
            s3.delete_object(Bucket="uploaded", Key=key)
        s3.delete_bucket(Bucket="uploaded")
    assert found == expected
