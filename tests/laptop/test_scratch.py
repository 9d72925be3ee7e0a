"""What lives as long as a run goes with it, and costs a run that succeeded nothing."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.laptop.scratch import removing_shards
from pipeline.local.cloud import LocalCloud

LEFT = ["runs/one/results/summary.json", "runs/one/thumbnails/b-0.jpg", "runs/two/shards/b-0.safetensors"]


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        cloud.create_bucket("results")
        yield cloud


def test_the_shards_of_a_run_are_removed_and_nothing_else(cloud: LocalCloud) -> None:
    s3 = cloud.client("s3")
    for key in (*LEFT, *(f"runs/one/shards/b-{number}.safetensors" for number in range(3))):
        s3.put_object(Bucket="results", Key=key, Body=b"content")
    with removing_shards(s3, "results", "one"):
        pass
    assert [item.key for item in objects.list_objects(s3, "results", "")] == LEFT


def test_shards_that_cannot_be_removed_are_no_failure_of_a_run(cloud: LocalCloud) -> None:
    s3 = cloud.client("s3")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        list(objects.list_objects(s3, "gone", ""))
    with removing_shards(s3, "gone", "one"):
        s3.put_object(Bucket="results", Key="copied", Body=b"content")
    assert [item.key for item in objects.list_objects(s3, "results", "")] == ["copied"]
