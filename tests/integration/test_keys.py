"""Keys as strangers choose them, through the whole machine: each arrives byte for byte as it was uploaded."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

PREFIX = "incoming/"
HOSTILE = [
    "with space.jpg",
    " leading and trailing ",
    "plus+and%2Fpercent%25.jpg",
    "quote'\"quote`.jpg",
    "new\nline.jpg",
    "carriage\r\nreturn\ttab.jpg",
    "emoji 🐈‍⬛.jpg",
    "right\u202eto\u2066left\u200f.jpg",
    "line\u2028separator\u0085next.jpg",
    "../../etc/passwd",
    "./here.jpg",
    "..",
    "//doubled//slashes.jpg",
    "/leading slash.jpg",
    "case.JPG",
    "CASE.jpg",
    "nfc-\u00e9.jpg",
    "nfd-e\u0301.jpg",
    "nfc-e\u0301.jpg",
    "=cmd|' /C calc'!A0,\"comma\",;.jpg",
    "<script>alert(1)</script>&amp;.jpg",
    "$.Key States.Format('{}') ${ImagesBucket} {{braces}} \\ #?&=:@.jpg",
    "null",
    "деревня/日本/سلام.jpg",
    "byte order mark \ufeff and the last of all \U0010ffff.jpg",
    "control\x01\x1f\x7f.jpg",
    "é" * ((1024 - len(PREFIX)) // 2) + "x" * ((1024 - len(PREFIX)) % 2),
]
BROKEN = b"no image"
FOLDERS = ["folder/", "folder/inner/", "//"]


def picture() -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def ended(deployed: Callable[..., Any]) -> Any:
    """A run over a good and a broken image under each hostile name, and a few folders."""
    deployment = deployed()
    good = picture()
    deployment.put({PREFIX + key: good for key in HOSTILE})
    # Another prefix of the same length: the longest key stays within S3's 1,024 bytes.
    deployment.put({"rejected/" + key: BROKEN for key in HOSTILE})
    deployment.put({PREFIX + key: b"" for key in FOLDERS})
    return deployment.run(prefixes=[PREFIX, "rejected/"])


def test_the_run_succeeds(ended: Any) -> None:
    assert ended.status == "SUCCEEDED", ended.description


def test_the_longest_key_is_as_long_as_s3_allows() -> None:
    assert max(len((PREFIX + key).encode()) for key in HOSTILE) == 1024


def test_each_good_image_is_predicted_under_its_key_byte_for_byte(ended: Any) -> None:
    assert sorted(ended.predicted) == sorted(PREFIX + key for key in HOSTILE)


def test_each_broken_image_is_rejected_under_its_key_byte_for_byte(ended: Any) -> None:
    assert sorted(ended.rejected) == sorted("rejected/" + key for key in HOSTILE)


def test_folders_are_counted_as_no_image(ended: Any) -> None:
    assert ended.counts["listed"] == 2 * len(HOSTILE)


def test_each_broken_image_lies_in_quarantine_where_its_row_says(ended: Any) -> None:
    places = [row["quarantined"].removeprefix("s3://").split("/", 1) for row in ended.rejected.values()]
    assert all(key.startswith("quarantine/not_an_image/") for _, key in places)
    copies = [ended.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for bucket, key in places]
    assert copies == [BROKEN] * len(HOSTILE)
