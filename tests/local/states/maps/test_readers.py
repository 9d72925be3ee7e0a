"""ItemReader: items from S3."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from pipeline.local.states.definition import ItemReader, ReaderConfig
from pipeline.local.states.errors import StateError
from pipeline.local.states.maps.readers import read_items

BUCKET = "items"
GET = "arn:aws:states:::s3:getObject"
LIST = "arn:aws:states:::s3:listObjectsV2"


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with mock_aws():
        keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        client = boto3.client("s3", region_name="us-east-1", **keys)
        client.create_bucket(Bucket=BUCKET)
        yield client


def read(s3: Any, body: bytes, *, key: str = "object", max_items: int = 0, **config: Any) -> list[Any]:
    s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    reader = ItemReader(GET, None, ReaderConfig(**config))
    return list(read_items(reader, {"Bucket": BUCKET, "Key": key}, max_items, s3))


def test_more_objects_than_a_page_are_listed_in_order(s3: Any) -> None:
    keys = [f"many/{n:05}" for n in range(1_050)]
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"12")
    reader = ItemReader(LIST, None, ReaderConfig())
    items = list(read_items(reader, {"Bucket": BUCKET, "Prefix": "many/"}, 0, s3))
    assert [item["Key"] for item in items] == keys
    assert items[0].keys() == {"Etag", "Key", "LastModified", "Size", "StorageClass"}
    assert items[0]["Size"] == 2


def test_listed_objects_can_be_loaded_and_flattened(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="flat/a", Body=b"[1, 2]")
    s3.put_object(Bucket=BUCKET, Key="flat/b", Body=b"[3]")
    reader = ItemReader(LIST, None, ReaderConfig(input_type="JSON", transformation="LOAD_AND_FLATTEN"))
    assert list(read_items(reader, {"Bucket": BUCKET, "Prefix": "flat/"}, 0, s3)) == [1, 2, 3]


@pytest.mark.parametrize("max_items", [0, 1, 2, 3, 9])
def test_max_items_cuts_off_and_zero_does_not(s3: Any, max_items: int) -> None:
    assert read(s3, b"[1, 2, 3]", input_type="JSON", max_items=max_items) == [1, 2, 3][: max_items or None]


def test_json_lines_are_items_and_blank_lines_are_none(s3: Any) -> None:
    assert read(s3, b'{"a": 1}\n\n[2]\r\n"x"', input_type="JSONL") == [{"a": 1}, [2], "x"]


def test_items_pointer_leads_to_an_array_inside(s3: Any) -> None:
    body = json.dumps({"a/b": [{"~c": [1, 2]}]}).encode()
    assert read(s3, body, input_type="JSON", items_pointer="/a~1b/0/~0c") == [1, 2]


@pytest.mark.parametrize(
    "delimiter", [("COMMA", ","), ("PIPE", "|"), ("SEMICOLON", ";"), ("SPACE", " "), ("TAB", "\t")]
)
@given(rows=st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=2)))
def test_csv_is_what_the_csv_module_writes(s3: Any, delimiter: tuple[str, str], rows: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter[1]).writerows([["one", "two"], *rows])
    config = {"input_type": "CSV", "csv_header_location": "FIRST_ROW", "csv_delimiter": delimiter[0]}
    assert read(s3, text.getvalue().encode(), **config) == [{"one": one, "two": two} for one, two in rows]


def test_given_headers_make_the_first_row_an_item(s3: Any) -> None:
    config = {"input_type": "CSV", "csv_header_location": "GIVEN", "csv_headers": ("a", "b")}
    assert read(s3, b"1,2,3\n4\n", **config) == [{"a": "1", "b": "2"}, {"a": "4", "b": ""}]


def test_a_gzipped_object_is_unpacked(s3: Any) -> None:
    assert read(s3, gzip.compress(b"[1]"), key="list.json.gz", input_type="JSON") == [1]


def test_an_inventory_names_the_files_that_hold_the_rows(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="inventory/1.csv.gz", Body=gzip.compress(b'"photos","a%20b.jpg","7"\n'))
    s3.put_object(Bucket=BUCKET, Key="inventory/2.csv.gz", Body=gzip.compress(b'"photos","c.jpg","8"\n'))
    manifest = {
        "sourceBucket": "photos",
        "destinationBucket": f"arn:aws:s3:::{BUCKET}",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size",
        "files": [{"key": "inventory/1.csv.gz"}, {"key": "inventory/2.csv.gz"}],
    }
    assert read(s3, json.dumps(manifest).encode(), input_type="MANIFEST") == [
        {"Bucket": "photos", "Key": "a%20b.jpg", "Size": "7"},
        {"Bucket": "photos", "Key": "c.jpg", "Size": "8"},
    ]


@pytest.mark.parametrize(
    ("body", "config", "reason"),
    [
        (b'{"a": 1}', {"input_type": "JSON"}, "non-iterable"),
        (b"[1, 2", {"input_type": "JSON"}, "could not be read as JSON"),
        (b"{\n}", {"input_type": "JSONL"}, "could not be read as JSONL"),
        (b"\xff\xfe", {"input_type": "CSV", "csv_header_location": "FIRST_ROW"}, "could not be read as CSV"),
        (b"a,a\n", {"input_type": "CSV", "csv_header_location": "FIRST_ROW"}, "duplicates"),
        (b'{"a": 1}', {"input_type": "JSON", "items_pointer": "/b"}, "'/b' does not lead to a value"),
        (b'{"fileFormat": "ORC"}', {"input_type": "MANIFEST"}, "ORC"),
        (b"", {"input_type": "PARQUET"}, "PARQUET"),
        (b"", {"input_type": "MANIFEST", "manifest_type": "ATHENA_DATA"}, "ATHENA_DATA"),
    ],
)
def test_what_cannot_be_read_says_why(s3: Any, body: bytes, config: dict[str, Any], reason: str) -> None:
    with pytest.raises(StateError, match=reason) as failed:
        read(s3, body, **config)
    assert failed.value.error == "States.ItemReaderFailed"


def test_an_object_that_is_not_there_fails_the_reader(s3: Any) -> None:
    reader = ItemReader(GET, None, ReaderConfig(input_type="JSON"))
    with pytest.raises(StateError, match=r"States.ItemReaderFailed.*does not exist"):
        list(read_items(reader, {"Bucket": BUCKET, "Key": "none"}, 0, s3))
