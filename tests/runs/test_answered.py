"""Photos that a container has answered for are not sent again, where the answer reads and is of this model."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from pipeline import objects
from pipeline.contract import ModelContract
from pipeline.runs import job_inputs, keys
from pipeline.runs.answered import Answered, answers
from pipeline.runs.planning import make_plan
from pipeline.runs.run import Run
from pipeline.settings import PlanInferenceSettings
from pipeline.validation.batch import validate_batch
from pipeline.validation.batches import Batch

IMAGES, RESULTS = "example-images", "example-results"
SETTINGS = PlanInferenceSettings("ml.c7i.xlarge")
PHOTOS = ("a.jpg", 'q"ü.jpg', "x/a.jpg")
GOOD = b"[0.1, 0.9]"
Answer = Callable[[str, Mapping[str, bytes]], None]


@pytest.fixture
def foreign(run: Run, foreign_contract: ModelContract) -> Run:
    """A run that was taken over."""
    return replace(run, model="foreign", engine="transform", contract=foreign_contract, resumed=1)


@pytest.fixture
def batch(s3: Any, foreign: Run, photo: Callable[..., bytes]) -> Batch:
    """Three photos, validated."""
    items = []
    for seed, key in enumerate(PHOTOS):
        etag = s3.put_object(Bucket=IMAGES, Key=key, Body=photo(seed=seed))["ETag"]
        items.append({"Key": key, "Etag": etag, "Size": 1000})
    return Batch.from_json(validate_batch(foreign, IMAGES, items, s3))


@pytest.fixture
def answer(s3: Any, foreign: Run) -> Answer:
    """`answer("p0000", {"a.jpg": b"[0.1, 0.9]"})`: what the job of a partition has left."""

    def put(partition: str, found: Mapping[str, bytes]) -> None:
        manifest = [{"prefix": f"s3://{IMAGES}/"}, *PHOTOS]
        objects.put_json(s3, RESULTS, keys.manifest_key(foreign.run_id, partition), manifest)
        for key, body in found.items():
            s3.put_object(Bucket=RESULTS, Key=keys.answer_key(foreign.run_id, partition, key), Body=body)

    return put


@pytest.fixture
def look(s3: Any, foreign: Run, foreign_contract: ModelContract, batch: Batch) -> Callable[..., Answered]:
    def look(run: Run = foreign) -> Answered:
        assert foreign_contract.output.answer is not None
        return Answered(run, foreign_contract.output.answer, [batch], s3)

    return look


def test_photos_of_which_each_is_answered_need_no_job(answer: Answer, look: Callable[..., Answered]) -> None:
    answer("p0000", dict.fromkeys(PHOTOS[:2], GOOD))
    answer("r1p0000", {PHOTOS[2]: GOOD})

    assert list(look().shards.values()) == ["r1p0000"]


def test_a_job_is_sent_what_has_no_answer_that_reads(
    s3: Any, foreign: Run, batch: Batch, answer: Answer, look: Callable[..., Answered]
) -> None:
    answer("p0000", {PHOTOS[0]: GOOD, PHOTOS[1]: b"a lake, probably"})
    found = look()
    assert found.shards == {}

    plan = make_plan(foreign, [batch], SETTINGS, found.shards)
    ((partition, manifest),) = job_inputs.manifests(foreign, plan.batches, s3, found.photos)
    assert (partition, manifest) == ("r1p0000", [{"prefix": f"s3://{IMAGES}/"}, *PHOTOS[1:]])


def test_what_another_model_has_answered_does_not_count(
    foreign: Run, answer: Answer, look: Callable[..., Answered]
) -> None:
    answer("p0000", dict.fromkeys(PHOTOS, GOOD))

    assert look(replace(foreign, same_model_since=1)).photos == set()


def test_an_answer_counts_for_its_own_bucket(s3: Any, foreign: Run, answer: Answer) -> None:
    answer("p0000", {"a.jpg": GOOD})
    objects.put_json(s3, RESULTS, keys.manifest_key(foreign.run_id, "p0001"), [{"prefix": "s3://other/"}])
    s3.put_object(Bucket=RESULTS, Key=keys.answer_key(foreign.run_id, "p0001", "b.jpg"), Body=GOOD)
    s3.put_object(Bucket=RESULTS, Key=keys.answer_key(foreign.run_id, "p0002", "of no manifest.jpg"), Body=GOOD)

    listed = objects.list_objects(s3, RESULTS, keys.predictions_prefix(foreign.run_id))
    assert set(answers(foreign, {item.key: item for item in listed}, s3)) == {(IMAGES, "a.jpg"), ("other", "b.jpg")}
