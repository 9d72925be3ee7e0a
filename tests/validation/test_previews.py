"""Which rejected images of a batch have a picture for the report, and where it lies."""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline import objects
from pipeline.runs import keys
from pipeline.runs.run import Run
from pipeline.validation import previews
from pipeline.validation.batch import validate_batch
from pipeline.validation.previews import MOST_OF_A_REASON, Preview

IMAGES, RESULTS = "example-images", "example-results"
Photo = Callable[..., bytes]


def validated(s3: Any, run: Run, bodies: dict[str, bytes]) -> list[Preview]:
    """The previews that validating these objects leaves."""
    items = [
        {"Key": key, "Etag": s3.put_object(Bucket=IMAGES, Key=key, Body=body)["ETag"], "Size": len(body)}
        for key, body in bodies.items()
    ]
    validate_batch(run, IMAGES, items, s3)
    stored = objects.list_objects(s3, RESULTS, keys.previews_prefix(run.run_id))
    return [each for item in stored for each in previews.parse(objects.get_lines(s3, RESULTS, item.key))]


@pytest.mark.parametrize("key", ["half.jpg", "a/<img src=x onerror=alert(1)>\n\u2028.jpg"])
def test_an_upload_that_broke_off_has_a_picture(s3: Any, run: Run, photo: Photo, key: str) -> None:
    (found,) = validated(s3, run, {key: photo()[:-20]})
    assert (found.bucket, found.key, found.reason) == (IMAGES, key, "truncated")
    assert found.picture


def test_only_the_first_of_a_reason_have_one(s3: Any, run: Run, photo: Photo) -> None:
    broken = {f"{number}.jpg": photo()[:-20] for number in range(MOST_OF_A_REASON + 3)}
    assert [each.key for each in validated(s3, run, broken)] == list(broken)[:MOST_OF_A_REASON]


def test_what_is_no_picture_has_none_and_leaves_no_object(s3: Any, run: Run, photo: Photo) -> None:
    assert validated(s3, run, {"notes.jpg": b"no image", "good.jpg": photo()}) == []
    assert list(objects.list_objects(s3, RESULTS, keys.previews_prefix(run.run_id))) == []


def test_pictures_are_deleted_with_the_shards(s3: Any, run: Run, photo: Photo) -> None:
    validated(s3, run, {"half.jpg": photo()[:-20]})
    (stored,) = objects.list_objects(s3, RESULTS, keys.previews_prefix(run.run_id))
    tags = s3.get_object_tagging(Bucket=RESULTS, Key=stored.key)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == keys.SHARD_TAGS
