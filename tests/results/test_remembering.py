"""What a run predicted is remembered once its results are safe, and nothing of a run that failed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pipeline import objects
from pipeline.errors import RunDoesNotAddUp, TooManyFailed
from pipeline.inference.predictions import Prediction, Ranked
from pipeline.ledger import Entry, entries_of_image, known_images
from pipeline.results.aggregate import aggregate_predictions
from pipeline.runs import keys
from pipeline.runs.planning import Plan
from pipeline.runs.run import Run
from pipeline.validation import verdicts
from pipeline.validation.batch import validate_batch
from pipeline.validation.verdicts import Accepted

IMAGES, RESULTS, LEDGER = "example-images", "example-results", "example-ledger"
COMPLETED = [{"id": "p0000", "status": "Completed"}]
Validated = Callable[..., Plan]


@pytest.fixture
def nightly(run: Run) -> Run:
    return replace(run, ledger=LEDGER, model_digest="m1")


def infer(s3: Any, run: Run, plan: Plan, leave_out: int = 0) -> None:
    """Write the predictions that a job would, but those of the first `leave_out` shards."""
    for batch in plan.batches[leave_out:]:
        lines = objects.get_lines(s3, RESULTS, keys.verdicts_key(run.run_id, batch.id))
        found = [each for each in map(verdicts.from_json, lines) if isinstance(each, Accepted)]
        for shard in batch.shards:
            rows = [verdict.row for verdict in found if verdict.shard == shard.id]
            ranked = (Ranked("cat", 0, 0.5), Ranked("dog", 1, 0.25))
            predicted = "".join(
                Prediction(row, run.model, run.contract.digest, run.run_id, shard.id, ranked).to_line() for row in rows
            )
            key = keys.predictions_key(run.run_id, shard.partition, shard.id)
            objects.put_bytes(s3, RESULTS, key, predicted.encode())


def known(dynamodb: Any, count: int) -> dict[str, Any]:
    return known_images(dynamodb, LEDGER, "tiny", [f"s3://{IMAGES}/incoming/{n}.jpg" for n in range(count)])


def test_what_was_predicted_is_remembered_with_its_best_answer(
    s3: Any, dynamodb: Any, nightly: Run, validated: Validated
) -> None:
    infer(s3, nightly, validated(good=3, bad=1))

    aggregate_predictions(nightly, COMPLETED, s3, dynamodb)

    found = known(dynamodb, 3)
    assert len(found) == 3
    entry = found[f"s3://{IMAGES}/incoming/0.jpg"]
    head = s3.head_object(Bucket=IMAGES, Key="incoming/0.jpg")
    assert isinstance(entry, Entry)
    assert entry.vouches_for(head["ETag"].strip('"'), nightly.contract.digest, "m1")
    assert (entry.run_id, entry.label, entry.score) == (nightly.run_id, "cat", 0.5)


def test_a_rejected_image_is_not_remembered(s3: Any, dynamodb: Any, nightly: Run, validated: Validated) -> None:
    infer(s3, nightly, validated(good=1, bad=1))

    aggregate_predictions(nightly, COMPLETED, s3, dynamodb)

    assert entries_of_image(dynamodb, LEDGER, f"s3://{IMAGES}/incoming/bad0.jpg") == []


def test_the_summary_says_how_many_were_remembered(s3: Any, dynamodb: Any, nightly: Run, validated: Validated) -> None:
    infer(s3, nightly, validated(good=3))

    aggregate_predictions(nightly, COMPLETED, s3, dynamodb)

    summary = objects.get_json(s3, RESULTS, keys.result_key(nightly.run_id, keys.SUMMARY))
    assert summary["ledger"] == {"table": LEDGER, "written": 3, "kept": 0, "left_out": 0}


def test_a_run_of_which_too_many_failed_remembers_nothing(
    s3: Any, dynamodb: Any, nightly: Run, validated: Validated
) -> None:
    infer(s3, nightly, validated(good=4), leave_out=1)

    with pytest.raises(TooManyFailed):
        aggregate_predictions(nightly, COMPLETED, s3, dynamodb)
    assert known(dynamodb, 4) == {}


def test_a_run_that_does_not_add_up_remembers_nothing(
    s3: Any, dynamodb: Any, nightly: Run, validated: Validated
) -> None:
    plan = validated(good=4)
    infer(s3, nightly, plan)
    objects.put_bytes(s3, RESULTS, keys.verdicts_key(nightly.run_id, plan.batches[0].id), b"")

    with pytest.raises(RunDoesNotAddUp):
        aggregate_predictions(nightly, COMPLETED, s3, dynamodb)
    assert known(dynamodb, 4) == {}


def test_the_next_run_skips_what_this_one_predicted(s3: Any, dynamodb: Any, nightly: Run, validated: Validated) -> None:
    infer(s3, nightly, validated(good=3, bad=1))
    aggregate_predictions(nightly, COMPLETED, s3, dynamodb)
    listed = s3.list_objects_v2(Bucket=IMAGES)["Contents"]
    items = [{"Key": each["Key"], "Etag": each["ETag"], "Size": each["Size"]} for each in listed]

    result = validate_batch(replace(nightly, run_id="next"), IMAGES, items, s3, dynamodb=dynamodb)

    assert [result[name] for name in ("listed", "accepted", "rejected", "skipped")] == [4, 0, 1, 3]
