"""What is kept of accepted images: pixels in shards, or only their number, where originals are sent."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from pipeline import objects, shards
from pipeline.contract import ModelContract
from pipeline.images.thumbnails import Sheet, reduced
from pipeline.runs import keys
from pipeline.runs.run import Run
from pipeline.validation import verdicts
from pipeline.validation.batch import validate_batch
from pipeline.validation.batches import Batch, BatchShard
from pipeline.validation.verdicts import Accepted, Rejected

IMAGES, RESULTS = "example-images", "example-results"


@pytest.fixture
def validate(s3: Any, run: Run, foreign_contract: ModelContract) -> Callable[..., Batch]:
    """Validates images for a container that is not ours: `validate(**{"a.jpg": body})`."""

    def validate(**bodies: bytes) -> Batch:
        items = [
            {"Key": key, "Etag": s3.put_object(Bucket=IMAGES, Key=key, Body=body)["ETag"], "Size": len(body)}
            for key, body in bodies.items()
        ]
        foreign = replace(run, engine="transform", contract=foreign_contract)
        return Batch.from_json(validate_batch(foreign, IMAGES, items, s3))

    return validate


def test_accepted_originals_are_counted_and_weighed_and_not_packed(
    s3: Any, run: Run, validate: Callable[..., Batch], photo: Callable[..., bytes]
) -> None:
    a, b = photo(seed=1), photo(seed=2)
    batch = validate(**{"a.jpg": a, "b.jpg": b, "bad.jpg": b"hello"})
    assert batch.shards == (BatchShard(f"{batch.id}-0", 2, len(a) + len(b), originals=IMAGES),)
    assert not list(objects.list_objects(s3, RESULTS, keys.shards_prefix(run.run_id)))
    assert not list(objects.list_objects(s3, RESULTS, f"runs/{run.run_id}/thumbnails/"))


def test_originals_that_cannot_be_sent_are_kept_apart(
    validate: Callable[..., Batch], photo: Callable[..., bytes]
) -> None:
    large = photo(800, 600, format="PNG")
    batch = validate(**{"a.jpg": photo(), "large.png": large})
    assert [(shard.rows, shard.is_sent) for shard in batch.shards] == [(1, True), (1, False)]


def test_verdicts_are_what_they_are_for_a_model_of_ours(
    s3: Any, run: Run, validate: Callable[..., Batch], photo: Callable[..., bytes]
) -> None:
    batch = validate(**{"a.jpg": photo(40, 30), "bad.jpg": b"hello", "cut.jpg": photo()[:200]})
    lines = objects.get_lines(s3, RESULTS, keys.verdicts_key(run.run_id, batch.id))
    accepted, bad, cut = map(verdicts.from_json, lines)
    assert isinstance(accepted, Accepted)
    assert (accepted.row.width, accepted.row.height, accepted.shard) == (40, 30, f"{batch.id}-0")
    assert isinstance(bad, Rejected)
    assert isinstance(cut, Rejected)
    assert (bad.reason, cut.reason) == ("not_an_image", "truncated")


def test_a_batch_of_originals_reads_back_from_its_own_json(
    run: Run, validate: Callable[..., Batch], photo: Callable[..., bytes]
) -> None:
    batch = validate(**{"a.jpg": photo(), "large.png": photo(800, 600, format="PNG")})
    assert Batch.from_json(batch.to_json(run.run_id)) == batch


def test_a_shards_thumbnails_are_its_images_in_its_order(s3: Any, run: Run, photo: Callable[..., bytes]) -> None:
    bodies = {f"incoming/{n}.jpg": photo(300, 200, seed=n) for n in range(12)} | {"incoming/5.jpg": b"hello"}
    items = [
        {"Key": key, "Etag": s3.put_object(Bucket=IMAGES, Key=key, Body=body)["ETag"], "Size": len(body)}
        for key, body in bodies.items()
    ]
    (shard,) = Batch.from_json(validate_batch(run, IMAGES, items, s3)).shards
    body = s3.get_object(Bucket=RESULTS, Key=keys.shard_key(run.run_id, shard.id))["Body"].read()
    images = shards.parse(body, run.contract).images
    expected = Sheet(160)
    for image in images:
        expected.add(reduced(Image.fromarray(image)))
    stored = s3.get_object(Bucket=RESULTS, Key=keys.thumbnails_key(run.run_id, shard.id))
    assert (len(images), stored["ContentType"]) == (11, "image/jpeg")
    assert stored["Body"].read() == expected.encode()


def test_every_shard_of_a_batch_has_thumbnails_that_go_when_it_goes(
    s3: Any, run: Run, photo: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "rows_per_shard", lambda contract: 2)
    items = [
        {"Key": key, "Etag": s3.put_object(Bucket=IMAGES, Key=key, Body=photo(seed=n))["ETag"], "Size": 1}
        for n, key in enumerate(["incoming/a.jpg", "incoming/b.jpg", "incoming/c.jpg"])
    ]
    batch = Batch.from_json(validate_batch(run, IMAGES, items, s3))
    assert [shard.rows for shard in batch.shards] == [2, 1]
    for shard in batch.shards:
        tags = s3.get_object_tagging(Bucket=RESULTS, Key=keys.thumbnails_key(run.run_id, shard.id))["TagSet"]
        assert {tag["Key"]: tag["Value"] for tag in tags} == keys.SHARD_TAGS
