"""Listings: what is written reads back, and what is no listing is refused in words."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from pipeline import objects
from pipeline.errors import InvalidRunInput
from pipeline.runs import listings
from pipeline.runs.listings import ListedImage

BUCKET, KEY = "example-results", "replays/chosen.jsonl"
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


ETAGS = st.none() | TEXT.map(lambda text: text.strip('"'))


@given(images=st.lists(st.builds(ListedImage, TEXT.filter(bool), ETAGS, st.none() | st.integers(0))))
def test_any_key_is_one_line_and_reads_back(images: list[ListedImage]) -> None:
    lines = objects.dump_lines(image.to_json() for image in images).split(b"\n")

    assert [ListedImage.from_json(json.loads(line)) for line in lines if line] == images


@pytest.mark.parametrize("line", [{"Key": "a.jpg"}, {"Key": "a.jpg", "Etag": None, "Size": None}])
def test_a_line_may_name_its_image_and_tell_nothing_else(line: Any) -> None:
    assert listings.read_items([line]) == [ListedImage("a.jpg", None, None)]


def test_an_item_of_step_functions_is_an_image_with_its_etag_unquoted() -> None:
    item = {"Key": "a.jpg", "Etag": '"9b2c"', "LastModified": 1, "Size": 7, "StorageClass": "STANDARD"}

    assert listings.read_items([item]) == [ListedImage("a.jpg", "9b2c", 7)]


@pytest.mark.parametrize(
    "line",
    [
        "a.jpg",
        [],
        {"Key": "a", "Etag": 7},
        {"Key": "", "Etag": "e", "Size": 1},
        {"Key": "a", "Etag": "e", "Size": "1"},
        {"Key": "a", "Etag": "e", "Size": -1},
        {"Key": "half a pair \ud83c.jpg", "Etag": "e", "Size": 1},
        {"Key": "a", "Etag": "\udc9e", "Size": 1},
    ],
)
def test_a_line_that_names_no_image_is_shown(line: Any) -> None:
    with pytest.raises(InvalidRunInput, match=r"a line of the listing names no image: expected .* got "):
        listings.read_items([line])


def test_a_listing_that_was_written_is_one_that_may_be_run(s3: Any) -> None:
    listings.write_listing(s3, BUCKET, KEY, [ListedImage("a\u2028.jpg", "e", 0)])

    listings.check_listing(s3, BUCKET, KEY)


def test_an_empty_listing_is_refused(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"")

    with pytest.raises(InvalidRunInput, match=r"chosen\.jsonl is empty"):
        listings.check_listing(s3, BUCKET, KEY)


class Refusing:
    """An S3 that answers every HEAD with an error, or that the object is of some size."""

    def __init__(self, code: str = "", size: int = 0) -> None:
        self._code, self._size = code, size

    def head_object(self, **request: str) -> dict[str, int]:
        if self._code:
            raise ClientError({"Error": {"Code": self._code}}, "HeadObject")
        return {"ContentLength": self._size}


@pytest.mark.parametrize(
    ("s3", "said"),
    [
        (Refusing("404"), "there is no listing s3://example-results/replays/chosen.jsonl"),
        (Refusing("403"), "is not there, or lies where"),
        (Refusing(size=10**10 + 1), "10,000,000,001 bytes, and Step Functions reads 10,000,000,000"),
    ],
)
def test_a_listing_that_cannot_be_run_says_why(s3: Any, said: str) -> None:
    with pytest.raises(InvalidRunInput, match=said):
        listings.check_listing(s3, BUCKET, KEY)


def test_a_busy_s3_is_no_fault_of_the_input() -> None:
    with pytest.raises(ClientError, match="SlowDown"):
        listings.check_listing(Refusing("SlowDown"), BUCKET, KEY)  # type: ignore[arg-type]
