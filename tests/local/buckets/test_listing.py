"""Listings of any folder, and of any bucket on disk, agree with those of moto's S3, which holds the same objects."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.local.buckets import FolderBucket
from pipeline.local.cloud import LocalCloud

ALPHABET = "ab+ %é🙂\u202e'&<.-_"
NAMES = st.text(ALPHABET, min_size=1, max_size=3).filter(lambda name: not name.startswith("."))
KEYS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PREFIXES = st.one_of(st.just(""), NAMES, KEYS, KEYS.map(lambda key: key + "/"))


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
    shared_cloud: LocalCloud,
    moto_s3: Any,
    keys: set[str],
    prefix: str,
    delimiter: str,
    page_size: int,
    start_after: str,
) -> None:
    s3, names = shared_cloud.client("s3"), without_conflicts(keys)
    uploaded = ((s3, "on-disk"), (moto_s3, "motos"))
    with tempfile.TemporaryDirectory() as folder:
        for client, bucket in uploaded:
            client.create_bucket(Bucket=bucket)
        for key in names:
            path = Path(folder) / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(key.encode())
            for client, bucket in uploaded:
                client.put_object(Bucket=bucket, Key=key, Body=key.encode())
        shared_cloud.mount("mounted", FolderBucket(Path(folder)))
        arguments: dict[str, Any] = {"Prefix": prefix, "PaginationConfig": {"PageSize": page_size}}
        if delimiter:
            arguments["Delimiter"] = delimiter
        if start_after:
            arguments["StartAfter"] = start_after
        expected = pages(moto_s3, "motos", **arguments)
        on_disk = pages(s3, "on-disk", **arguments)
        mounted = pages(s3, "mounted", **arguments)
        for client, bucket in uploaded:
            for key in names:
                client.delete_object(Bucket=bucket, Key=key)
            client.delete_bucket(Bucket=bucket)
    assert on_disk == mounted == expected
