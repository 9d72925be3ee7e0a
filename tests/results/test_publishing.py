"""Published results: of runs that add up, each once, under folders that Hive, Athena and DuckDB know."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import objects
from pipeline.errors import RunDoesNotAddUp, TooManyFailed
from pipeline.inference.predictions import Prediction, Ranked
from pipeline.results import aggregate as results
from pipeline.runs import keys
from pipeline.runs.planning import Plan
from pipeline.runs.run import Run
from pipeline.validation import verdicts
from pipeline.validation.verdicts import Accepted

RESULTS = "example-results"
COMPLETED = [{"id": "p0000", "status": "Completed"}]
PREDICTIONS = "predictions/run_date=2026-11-20/run_id=2026-11-20T0200-incoming-7f3a9c/predictions.parquet"
REJECTED = "rejected/run_date=2026-11-20/run_id=2026-11-20T0200-incoming-7f3a9c/rejected.parquet"
Validated = Callable[..., Plan]


def infer(s3: Any, run: Run, plan: Plan, rows_kept: int | None = None) -> None:
    """Write the predictions of all shards that a job would, or of so many rows of each."""
    for batch in plan.batches:
        lines = objects.get_lines(s3, RESULTS, keys.verdicts_key(run.run_id, batch.id))
        accepted = [verdict for line in lines if isinstance(verdict := verdicts.from_json(line), Accepted)]
        for shard in batch.shards:
            rows = [verdict.row for verdict in accepted if verdict.shard == shard.id][:rows_kept]
            top = (Ranked("cat", 0, 0.5),)
            written = [
                Prediction(row, "tiny", run.contract.digest, run.run_id, shard.id, top).to_line() for row in rows
            ]
            key = keys.predictions_key(run.run_id, "p0000", shard.id)
            objects.put_bytes(s3, RESULTS, key, "".join(written).encode())


def published(s3: Any) -> dict[str, pa.Table]:
    """Every published file, by its key."""
    found = [item.key for table in ("predictions/", "rejected/") for item in objects.list_objects(s3, RESULTS, table)]
    return {key: pq.read_table(BytesIO(objects.get_bytes(s3, RESULTS, key)), partitioning=None) for key in found}


def test_a_run_that_adds_up_is_a_partition_of_either_table(s3: Any, run: Run, validated: Validated) -> None:
    infer(s3, run, validated(good=3, bad=1))
    results.aggregate_predictions(run, COMPLETED, s3)

    own = objects.get_bytes(s3, RESULTS, keys.result_key(run.run_id, "predictions.parquet"))
    assert published(s3).keys() == {PREDICTIONS, REJECTED}
    assert published(s3)[PREDICTIONS] == pq.read_table(BytesIO(own))


def test_the_summary_says_where_a_run_is_published(s3: Any, run: Run, validated: Validated) -> None:
    infer(s3, run, validated(good=1))
    results.aggregate_predictions(run, COMPLETED, s3)

    summary = objects.get_json(s3, RESULTS, keys.result_key(run.run_id, "summary.json"))
    assert summary["published"] == {
        "predictions": f"s3://{RESULTS}/{PREDICTIONS}",
        "rejected": f"s3://{RESULTS}/{REJECTED}",
    }


def test_a_published_rejection_says_of_which_image_and_run_it_is(s3: Any, run: Run, validated: Validated) -> None:
    infer(s3, run, validated(good=1, bad=1))
    results.aggregate_predictions(run, COMPLETED, s3)

    (row,) = published(s3)[REJECTED].to_pylist()
    assert (row["image_uri"], row["run_id"]) == (f"s3://{row['bucket']}/{row['key']}", run.run_id)
    assert (row["reason"], row["size"] > 0) == ("not_an_image", True)


def test_a_run_that_lost_an_image_is_not_published(s3: Any, run: Run, validated: Validated) -> None:
    infer(s3, run, validated(good=4), rows_kept=1)
    with pytest.raises(RunDoesNotAddUp):
        results.aggregate_predictions(run, COMPLETED, s3)

    assert published(s3) == {}


def test_a_run_of_which_too_much_failed_is_not_published(s3: Any, run: Run, validated: Validated) -> None:
    validated(good=2)
    with pytest.raises(TooManyFailed):
        results.aggregate_predictions(run, COMPLETED, s3)

    assert published(s3) == {}


def test_a_run_of_which_little_failed_is_published_without_that(s3: Any, run: Run, validated: Validated) -> None:
    plan = validated(good=4)
    infer(s3, run, plan)
    s3.delete_object(Bucket=RESULTS, Key=keys.predictions_key(run.run_id, "p0000", plan.batches[0].shards[0].id))
    results.aggregate_predictions(replace(run, max_failed_fraction=0.5), COMPLETED, s3)

    assert published(s3)[PREDICTIONS].num_rows == 2


def test_a_run_that_is_gathered_again_replaces_itself(s3: Any, run: Run, validated: Validated) -> None:
    infer(s3, run, validated(good=3, bad=1))
    for _ in range(2):
        results.aggregate_predictions(run, COMPLETED, s3)

    assert {key: table.num_rows for key, table in published(s3).items()} == {PREDICTIONS: 3, REJECTED: 1}


def test_a_run_without_rejected_images_says_so_by_an_empty_file(s3: Any, run: Run, validated: Validated) -> None:
    infer(s3, run, validated(good=1))
    results.aggregate_predictions(run, COMPLETED, s3)

    assert published(s3)[REJECTED].num_rows == 0
